"""Solutions of games: saved to files, and converted for OpenSpiel."""

from collections.abc import Mapping
import dataclasses
import os
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import tabular_distribution

from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.utils import array_files
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import validation


@dataclasses.dataclass(frozen=True, eq=False)
class Solution:
  """A policy and its mean field, indexed by the states of a model.

  Arrays are checked and copied.

  Attributes:
    observation_strings: The N observation strings of the states, all different.
    legal_actions_mask: (N, A) of bool.
    policy: (N, A), action probabilities over the legal actions of each state.
    mean_field: (N,), the masses of the states.
    game: `str(game)`.
    model: Name of the model whose states these are; one of `models.MODELS`.
    iteration: Iteration of the algorithm, >= 0.

  Raises:
    ValueError: If the fields are not consistent.
  """

  observation_strings: list[str]
  legal_actions_mask: np.ndarray
  policy: np.ndarray
  mean_field: np.ndarray
  game: str
  model: str
  iteration: int

  def __post_init__(self):
    strings = [str(string) for string in self.observation_strings]
    if not strings or len(set(strings)) < len(strings):
      raise ValueError(
        "observation_strings must be different strings, got"
        f" {len(set(strings))} different ones of {len(strings)}."
      )
    mask = np.array(self.legal_actions_mask)
    if mask.dtype != bool or mask.ndim != 2 or len(mask) != len(strings):
      raise ValueError(
        f"legal_actions_mask must be ({len(strings)}, A) of bool, got"
        f" {mask.shape} of {mask.dtype}."
      )
    policy = validation.check_policy(self.policy, mask)
    masses = validation.check_masses(
      "mean_field", self.mean_field, len(strings)
    )
    for name in ("game", "model"):
      if not isinstance(getattr(self, name), str):
        raise ValueError(
          f"{name} must be a string, got {getattr(self, name)!r}."
        )
    vars(self).update(
      observation_strings=strings,
      legal_actions_mask=mask,
      policy=policy.copy(),
      mean_field=masses.copy(),
      iteration=validation.check_int("iteration", self.iteration, 0),
    )

  def __repr__(self) -> str:
    """Returns one line: the game, the model and the size."""
    num_states, num_actions = self.policy.shape
    return (
      f"Solution({games.shortened(self.game)}, model {self.model!r}:"
      f" {num_states} states, {num_actions} actions, iteration"
      f" {self.iteration})"
    )

  def for_model(self, model: model_lib.MeanFieldModel) -> "Solution":
    """Returns the solution with its states in the order of `model`.

    Args:
      model: A model of the same game and kind as the solved one.

    Raises:
      ValueError: If the model belongs to another game, or has other states or
        legal actions. Games are compared, with their parameters, by
        `str(game)`; `dataclasses.replace(solution, game=...)` transfers a
        solution to another game.
    """
    if str(model.game) != self.game:
      raise ValueError(
        f"model must belong to the game of the solution, {self.game}, got"
        f" {model.game}."
      )
    rows = {string: row for row, string in enumerate(self.observation_strings)}
    strings = model.observation_strings
    other = rows.keys() ^ set(strings)
    if other:
      raise ValueError(
        f"model must have the {len(rows)} states of the solution, which was"
        f" made with model {self.model!r}, got {len(strings)} states;"
        f" {min(other)!r} is in only one of the two."
      )
    order = [rows[string] for string in strings]
    mask = self.legal_actions_mask[order]
    if not np.array_equal(mask, model.legal_actions_mask):
      raise ValueError(
        "model must have the legal actions of the solution, but its"
        f" legal_actions_mask differs (shape {model.legal_actions_mask.shape},"
        f" in the solution {mask.shape})."
      )
    return dataclasses.replace(
      self,
      observation_strings=strings,
      legal_actions_mask=mask,
      policy=self.policy[order],
      mean_field=self.mean_field[order],
    )

  def to_policy(self, model: model_lib.MeanFieldModel) -> policy_lib.Policy:
    """Returns the policy as a fixed OpenSpiel policy; see `for_model`."""
    return model.to_openspiel(self.for_model(model).policy)

  def to_distribution(
    self, model: model_lib.MeanFieldModel
  ) -> tabular_distribution.TabularDistribution:
    """Returns the mean field for OpenSpiel's utilities; see `for_model`."""
    return model.to_distribution(self.for_model(model).mean_field)


_FIELDS = tuple(field.name for field in dataclasses.fields(Solution))


def save_solution(path: str | os.PathLike, solution: Solution) -> None:
  """Writes a solution as an npz archive, atomically.

  Raises:
    ValueError: If the folder of `path` is missing or cannot be written to.
  """
  # numpy would append .npz to a path, but not to a file.
  with files.replacing(path) as temporary, open(temporary, "wb") as file:
    np.savez_compressed(file, **vars(solution))


def load_solution(path: str | os.PathLike) -> Solution:
  """Returns the solution that `save_solution` wrote.

  Raises:
    ValueError: If the file is missing, damaged, or not a solution.
  """
  try:
    arrays = array_files.read_archive(
      path, _check_headers, may_be_compressed=True
    )
    fields: dict[str, Any] = {
      name: array if array.ndim else array.item()
      for name, array in arrays.items()
    }
    return Solution(**fields)
  except ValueError as error:
    raise ValueError(
      f"path must be a complete file of a solution, got {path}"
      f" ({str(error).rstrip('.')})."
    ) from None


def _check_headers(headers: Mapping[str, array_files.Header]) -> None:
  """Raises a ValueError if the headers are not those of one solution."""
  for name in sorted({*_FIELDS, *headers}):
    if name not in headers or name not in _FIELDS:
      raise ValueError(f"it has {'no' if name in _FIELDS else 'a'} {name}")
  shape = headers["legal_actions_mask"].shape
  if len(shape) != 2:
    raise ValueError(f"its legal_actions_mask has shape {shape}")
  for name, (kind, wanted) in {
    "observation_strings": ("U", shape[:1]),
    "legal_actions_mask": ("b", shape),
    "policy": ("f", shape),
    "mean_field": ("f", shape[:1]),
    "game": ("U", ()),
    "model": ("U", ()),
    "iteration": ("i", ()),
  }.items():
    found = headers[name]
    if (found.dtype.kind, found.shape) != (kind, wanted):
      raise ValueError(
        f"its {name} must have shape {wanted} and kind {kind!r}, it has"
        f" {found.shape} and {found.dtype.kind!r}"
      )
