"""Rewards that declare what they see of the mean field.

What a player earns among N others is exact, and cheap, if its reward sees no
more than the mass of its own state (`LocalReward`), or is linear in the masses
(`LinearReward`). `mean_field_mdp.CrowdAversion` is local too. They are used as
`reward` of a `MeanFieldMDP`, which checks what they declare.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.utils import validation

# Of two laws, rewards are compared up to this share of the largest one.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True)
class LocalReward:
  """A reward r(s, a, mu(s)) that sees the mass of the own state alone.

      LocalReward(lambda mass: base - 0.2 * np.log(mass + 1e-25)[:, None])

  Attributes:
    function: Of the (S,) masses, each of which is that of its own state (they
      need not sum to one): the (S, A) rewards.
  """

  function: Callable[[np.ndarray], np.ndarray]

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (S, A) rewards under the (S,) mean field."""
    return self.function(mean_field)

  def check(self, num_states: int) -> None:
    """Checks that rewards of a state do not see the masses of other states.

    In two mixtures of random laws, each state must earn what it does under the
    law from which its own mass is taken.

    Raises:
      ValueError: If it does not.
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
          "reward must see the mass of its own state alone where it is a"
          f" LocalReward, in state {int(is_off.any(axis=1).argmax())} it"
          " changes with the masses of other states."
        )


@dataclasses.dataclass(frozen=True, eq=False)
class LinearReward:
  """The reward r(s, a, mu) = base(s, a) + sum over x of weights(s, a, x) mu(x).

  Attributes:
    base: (S, A), what does not depend on the mean field.
    weights: (S, A, S), or a (S * A, S) array or SciPy sparse array whose row
      s * A + a belongs to state s and action a. It is kept as a (S * A, S) CSR
      array.

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
    """(S, A): what the mass of a state weighs in its own rewards."""
    num_states, num_actions = self.base.shape
    rows = np.arange(num_states * num_actions)
    return self.weights[rows, rows // num_actions].reshape(self.base.shape)


def _are_close(first: np.ndarray, second: np.ndarray) -> np.ndarray:
  """Returns where rewards are the same beside the largest of them."""
  scale = max(np.abs(first).max(), np.abs(second).max())
  return np.abs(first - second) <= _TOLERANCE * scale
