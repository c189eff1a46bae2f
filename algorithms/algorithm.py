"""What the algorithms of this package have in common."""

import abc
from collections.abc import Mapping

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import validation


class MeanFieldAlgorithm(abc.ABC):
  """An algorithm that improves a policy and a mean field step by step.

  Used as OpenSpiel's own:

      algorithm = SomeAlgorithm(game)
      for _ in range(num_iterations):
        algorithm.iteration()
      policy = algorithm.get_policy()

  Attributes:
    model: The mean-field game that it runs on.
    policy: (N, A), the policy so far; the uniform one before any iteration.
    mean_field: (N,), the mean field that goes with it.
  """

  policy: np.ndarray
  mean_field: np.ndarray

  # The attributes, arrays and numbers, that an iteration starts from. It puts
  # new arrays in place of the old ones, and does not write into those.
  _STATE: tuple[str, ...] = ("policy", "mean_field")

  def __init__(
    self,
    model_or_game: model_lib.MeanFieldModel | pyspiel.Game,
    *,
    model: str = "compiled",
    root_state: pyspiel.State | None = None,
  ):
    """Initializes the algorithm.

    Args:
      model_or_game: What to solve.
      model: Which of `models.MODELS` a game is turned into: "compiled", or
        "openspiel" for OpenSpiel's own utilities.
      root_state: Of a game of one population: where its plays start, instead
        of its initial states.

    Raises:
      ValueError: If there is no such model of the game.
    """
    validation.check_type(
      "model_or_game", model_or_game, model_lib.MeanFieldModel, pyspiel.Game
    )
    if isinstance(model_or_game, pyspiel.Game):
      self.model = from_game.create_model(model, model_or_game, root_state)
    elif root_state is not None:
      raise ValueError(
        "root_state must be None where a model is given, which has its own,"
        f" got {str(root_state)!r}."
      )
    else:
      self.model = model_or_game

  @abc.abstractmethod
  def iteration(self) -> None:
    """Performs one iteration."""

  def state(self) -> dict[str, np.ndarray]:
    """Returns all that later iterations depend on; not to be written to.

    An algorithm that was made in the same way goes on from it, after `restore`,
    exactly as this one would.
    """
    return {
      name.lstrip("_"): np.asarray(getattr(self, name)) for name in self._STATE
    }

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was.

    Raises:
      ValueError: If it is not the state of such an algorithm on such a model.
    """
    check_state(state, self.state())
    for name in self._STATE:
      array = state[name.lstrip("_")]
      setattr(self, name, array if array.ndim else array.item())

  def get_policy(self) -> policy_lib.Policy:
    """Returns the policy so far, frozen, for `model.game`."""
    return self.model.to_openspiel(self.policy)

  @property
  def distribution(self) -> distribution_lib.DistributionPolicy:
    """OpenSpiel's distribution of the policy so far in `model.game`."""
    return distribution_lib.DistributionPolicy(
      self.model.game, self.get_policy(), self.model.root_state
    )


def check_state(
  state: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]
) -> None:
  """Raises a ValueError where `state` has not the arrays that `like` has."""

  def kinds(arrays):
    return {name: (x.dtype.str, x.shape) for name, x in arrays.items()}

  given, wanted = kinds(state), kinds(like)
  for name in sorted(given.keys() | wanted.keys()):
    if given.get(name) != wanted.get(name):
      raise ValueError(
        f"state must be one of this algorithm and model: {name!r} must be"
        f" {wanted.get(name, 'absent')}, got {given.get(name, 'nothing')}."
      )
