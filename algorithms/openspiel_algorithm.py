"""OpenSpiel's own algorithms, as they are shipped, in the form of this package.

They then run in the same loop as the others and are measured by the same
utilities. Of OpenSpiel's MirrorDescent one has to know: while it evaluates a
policy it adds to the very table that the policy is read from. Where decision
nodes share children, as in OpenSpiel's grid games, it evaluates a mixture of
two policies and is not the algorithm of the paper it names;
`mirror_descent.MirrorDescent` is, and so is `FrozenTableMirrorDescent`, which
mends OpenSpiel's in one place.
"""

from collections.abc import Callable
from collections.abc import Mapping
import functools
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import mirror_descent
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import validation


class FrozenTableMirrorDescent(mirror_descent.MirrorDescent):
  """OpenSpiel's MirrorDescent, but its policies have tables of their own."""

  def get_projected_policy(self) -> policy_lib.Policy:
    """Returns the projected policy, which later iterations do not change."""
    table = value_lib.TabularValueFunction(self._game)
    table._values = dict(self._cumulative_state_value._values)
    player_ids = list(range(self._game.num_players()))
    return mirror_descent.ProjectedPolicy(self._game, player_ids, table)


class OpenSpielAlgorithm(algorithm.MeanFieldAlgorithm):
  """An algorithm of `open_spiel.python.mfg.algorithms`."""

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    openspiel_class: Callable[..., Any],
    **options: Any,
  ):
    """Initializes the algorithm on the model's game.

    Args:
      model_or_game: Where it is run and measured; an `OpenSpielModel`, or a
        game, which is then measured by OpenSpiel's own utilities.
      openspiel_class: Such as `fictitious_play.FictitiousPlay` of OpenSpiel.
      **options: For its constructor, after the game; None where it has a value
        of its own.

    Raises:
      ValueError: If an option is out of range, or it is another model.
    """
    is_average = openspiel_class is fictitious_play.FictitiousPlay
    highest = {"lr": 1 if is_average else np.inf, "temperature": np.inf}
    for name, high in highest.items():
      if options.get(name) is not None:
        validation.check_real(name, options[name], 0, high, low_open=True)
    if isinstance(model_or_game, pyspiel.Game):
      model_or_game = from_game.create_model("openspiel", model_or_game)
    super().__init__(model_or_game)
    self._create = functools.partial(
      openspiel_class, self.model.game, **options
    )
    self._algorithm = self._create()
    # Computed from the algorithm's own policy when they are asked for.
    self._policy: np.ndarray | None = None
    self._mean_field: np.ndarray | None = None

  def iteration(self) -> None:
    """Performs one iteration of OpenSpiel's."""
    self._policy = self._mean_field = None
    with recursion.deep(self.model.game):
      self._algorithm.iteration()

  @property
  def policy(self) -> np.ndarray:
    """(N, A), the policy so far."""
    if self._policy is None:
      self._policy = self.model.from_openspiel(self._algorithm.get_policy())
    return self._policy

  @property
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field of the policy so far."""
    if self._mean_field is None:
      self._mean_field = self.model.mean_field(self.policy)
    return self._mean_field

  def state(self) -> dict[str, np.ndarray]:
    """Returns the table that OpenSpiel's algorithm has, and its step.

    That is the policy of FictitiousPlay and the sums of values of MirrorDescent
    and its subclasses.

    Raises:
      ValueError: If it is another algorithm.
    """
    if isinstance(self._algorithm, fictitious_play.FictitiousPlay):
      return _fictitious_play_state(self._algorithm)
    if isinstance(self._algorithm, mirror_descent.MirrorDescent):
      return _mirror_descent_state(self._algorithm)
    raise ValueError(
      "openspiel_class must be FictitiousPlay or a MirrorDescent for its state"
      f" to be told, got {type(self._algorithm).__name__}."
    )

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was.

    Raises:
      ValueError: If it is not the state of such an algorithm on such a game.
    """
    like = self.state()
    nodes = state.get("nodes", like["nodes"])
    if nodes.dtype.kind == "U" and nodes.ndim == 1:
      # There are as many as were met so far, with strings of any length.
      shape = (len(nodes), *like["values"].shape[1:])
      like |= {"nodes": nodes, "values": np.broadcast_to(0.0, shape)}
    algorithm.check_state(state, like)
    fresh = self._create()
    if isinstance(fresh, fictitious_play.FictitiousPlay):
      _restore_fictitious_play(fresh, state)
    else:
      _restore_mirror_descent(fresh, state)
    self._algorithm = fresh
    self._policy = self._mean_field = None


def _fictitious_play_state(openspiel_algorithm) -> dict[str, np.ndarray]:
  """Returns step, nodes (n,) and values (n, A), the policy in the nodes."""
  policy = openspiel_algorithm.get_policy()
  nodes = []
  values = np.zeros((0, openspiel_algorithm._game.num_distinct_actions()))
  if openspiel_algorithm._fp_step:  # Before that it is no table.
    nodes = list(policy.state_lookup)
    values = policy.action_probability_array
  return _table_state(openspiel_algorithm._fp_step, nodes, values)


def _restore_fictitious_play(
  openspiel_algorithm: fictitious_play.FictitiousPlay,
  state: Mapping[str, np.ndarray],
) -> None:
  step, nodes = state["step"].item(), state["nodes"].tolist()
  openspiel_algorithm._fp_step = step
  if not step:
    return
  policy = openspiel_algorithm.get_policy().to_tabular()
  if policy.state_lookup.keys() != set(nodes):
    raise ValueError(
      "state must be one of this algorithm and model: its nodes are not those"
      f" of {openspiel_algorithm._game}."
    )
  rows = [policy.state_lookup[node] for node in nodes]
  policy.action_probability_array[rows] = state["values"]
  openspiel_algorithm._policy = policy


def _mirror_descent_state(openspiel_algorithm) -> dict[str, np.ndarray]:
  """Returns step, nodes (n,) and values (n,), their sums over iterations."""
  table = openspiel_algorithm._cumulative_state_value._values
  nodes = [node for node, _ in table]
  values = np.array(list(table.values()), dtype=np.float64)
  return _table_state(openspiel_algorithm._md_step, nodes, values)


def _restore_mirror_descent(
  openspiel_algorithm: mirror_descent.MirrorDescent,
  state: Mapping[str, np.ndarray],
) -> None:
  table = openspiel_algorithm._cumulative_state_value
  for node, value in zip(state["nodes"].tolist(), state["values"].tolist()):
    table.set_value(node, value)
  openspiel_algorithm._md_step = state["step"].item()
  if openspiel_algorithm._md_step:
    policy = openspiel_algorithm.get_projected_policy()
    openspiel_algorithm._policy = policy
    openspiel_algorithm._distribution = distribution_lib.DistributionPolicy(
      openspiel_algorithm._game, policy
    )


def _table_state(
  step: int, nodes: list[str], values: np.ndarray
) -> dict[str, np.ndarray]:
  return {
    "step": np.array(step),
    "nodes": np.array(nodes, dtype=np.str_),
    "values": values,
  }
