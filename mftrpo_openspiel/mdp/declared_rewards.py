"""Rewards that declare how they depend on the mean field.

The expected return of a player among N players is computed exactly, and at low
cost, if its reward depends only on the mass of its own state (`LocalReward`),
or is linear in the masses (`LinearReward`). `mean_field_mdp.CrowdAversion` is
local too. They are passed as `reward` to a `MeanFieldMDP`, which checks the
declaration.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.utils import validation

# Tolerance of comparisons of rewards, relative to the largest one.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class LocalReward:
  """A reward r(s, a, mu(s)) that depends only on the mass of its own state.

      LocalReward(lambda mass: base - 0.2 * np.log(mass + 1e-25)[:, None])

  Attributes:
    function: A function from the (S,) masses, of which row s of the result uses
      only entry s, to the (S, A) rewards. The masses need not sum to one.
  """

  function: Callable[[np.ndarray], np.ndarray]

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (S, A) rewards under the (S,) mean field."""
    return self.function(mean_field)

  def check(self, num_states: int) -> None:
    """Checks that rewards of a state do not depend on masses of other states.

    The masses are taken at random from one of two random distributions, twice.
    The reward of each state must be that under the distribution from which its
    own mass is taken.

    Raises:
      ValueError: If it is not.
    """
    rng = np.random.default_rng(0)
    for _ in range(2):
      laws = rng.dirichlet(np.ones(num_states), 2)
      is_first = rng.random(num_states) < 0.5
      mixture = np.where(is_first, laws[0], laws[1])
      first, second, mixed = (
        np.asarray(self.function(law)) for law in (*laws, mixture)
      )
      expected = np.where(is_first[:, None], first, second)
      is_off = ~_are_close(mixed, expected)
      if is_off.any():
        raise ValueError(
          "reward must depend only on the mass of its own state if it is a"
          f" LocalReward, in state {int(is_off.any(axis=1).argmax())} it"
          " depends on the masses of other states."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class LinearReward:
  """The reward r(s, a, mu) = base(s, a) + sum over x of weights(s, a, x) mu(x).

  Attributes:
    base: (S, A), the part that does not depend on the mean field.
    weights: (S, A, S), or a (S * A, S) array or SciPy sparse array whose row
      s * A + a belongs to state s and action a. It is stored as a (S * A, S)
      CSR array.

  Raises:
    ValueError: If a shape does not fit, or an entry is not finite.
  """

  base: np.ndarray
  weights: np.ndarray | sparse.csr_array

  def __post_init__(self) -> None:
    base = validation.check_numbers("base", self.base)
    if base.ndim != 2 or not base.size:
      raise ValueError(
        "base must have shape (number of states, number of actions), got"
        f" {base.shape}."
      )
    weights = state_action_rows.checked("weights", self.weights, *base.shape)
    for name, numbers in (("base", base), ("weights", weights.data)):
      if not np.isfinite(numbers).all():
        raise ValueError(f"{name} must be finite, an entry is not.")
    object.__setattr__(self, "base", base)
    object.__setattr__(self, "weights", weights)

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (S, A) rewards under the (S,) mean field."""
    return self.base + (self.weights @ mean_field).reshape(self.base.shape)

  @property
  def own_weights(self) -> np.ndarray:
    """(S, A): the weight of the mass of a state in its own rewards."""
    num_states, num_actions = self.base.shape
    rows = np.arange(num_states * num_actions)
    return self.weights[rows, rows // num_actions].reshape(self.base.shape)


def _are_close(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Returns (S, A) of bool: rewards that are equal up to the tolerance."""
  scale = max(np.abs(first).max(), np.abs(second).max())
  return np.abs(first - second) <= _TOLERANCE * scale
