"""Mean-field Markov decision processes over finitely many states, as arrays."""

from collections.abc import Callable
import dataclasses
from typing import Any
from typing import cast

import numpy as np
from scipy import sparse

from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.utils import validation

# As in OpenSpiel's crowd-modelling games: the density under a logarithm.
DENSITY_FLOOR = 1e-25

Reward = Callable[[np.ndarray], np.ndarray]
Kernel = (
  sparse.csr_array | np.ndarray | Callable[[np.ndarray], sparse.csr_array]
)


@dataclasses.dataclass(frozen=True)
class CrowdAversion:
  """The reward r(s, a, mu) = base(s, a) - crowd_aversion * log mu(s).

  Attributes:
    base: (S, A), the part that does not depend on the mean field.
    crowd_aversion: K of the paper's equation (1).
  """

  base: np.ndarray
  crowd_aversion: float

  def __repr__(self) -> str:
    """Returns one line, without the array."""
    return (
      f"CrowdAversion(crowd_aversion={self.crowd_aversion}, base of shape"
      f" {np.shape(self.base)})"
    )

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (S, A) rewards under the (S,) mean field."""
    penalty = self.crowd_aversion * np.log(mean_field + DENSITY_FLOOR)
    return self.base - penalty[:, None]


@dataclasses.dataclass(frozen=True, eq=False)
class MeanFieldMDP:
  """A mean-field MDP (S, A, P, r, gamma) and its initial law (paper, III).

  Attributes:
    kernel: P, as a (S * A, S) CSR array whose row s * A + a is the distribution
      of the next state after action a in state s; a dense array of that shape
      or of shape (S, A, S) is converted. If it depends on the mean field, a
      function from (S,) to such an array.
    reward: r, a function from the (S,) mean field to finite (S, A) rewards.
      Expected returns in a finite population are computed exactly for a
      `CrowdAversion`, and for the rewards in `declared_rewards`.
    discount: gamma, in [0, 1).
    initial_distribution: mu_0, (S,).
    drawing: The positions of states in plots, or None.
    action_names: One name per action, for display; numbers if not given.

  Raises:
    ValueError: If a shape is wrong, a row of the kernel or the initial
      distribution is not a probability distribution, the discount is out of
      range, a reward under the initial distribution is not finite, a
      `LocalReward` depends on masses of other states, or the drawing does not
      have S places.
  """

  kernel: Kernel
  reward: Reward
  discount: float
  initial_distribution: np.ndarray
  drawing: drawing_lib.Drawing | None = None
  action_names: tuple[str, ...] = ()
  _shape: tuple[int, int] = dataclasses.field(init=False, repr=False)

  def __post_init__(self) -> None:
    def set_field(name: str, value: Any) -> None:
      object.__setattr__(self, name, value)

    set_field(
      "discount",
      validation.check_real("discount", self.discount, 0, 1, high_open=True),
    )
    initial = validation.check_numbers(
      "initial_distribution", self.initial_distribution
    ).copy()
    if initial.ndim != 1 or not initial.size:
      raise ValueError(
        "initial_distribution must be a list of numbers, one per state, got"
        f" shape {initial.shape}."
      )
    initial = validation.check_distribution(
      "initial_distribution", initial, initial.size
    )
    initial.flags.writeable = False
    set_field("initial_distribution", initial)
    if self.drawing is not None:
      drawing_lib.check_size(self.drawing, initial.size)
    kernel = self.kernel
    if not callable(kernel):
      if not sparse.issparse(kernel):
        kernel = validation.check_numbers("kernel", kernel)
      if kernel.shape[-1:] != initial.shape:
        raise ValueError(
          f"kernel must have {initial.size} columns, one for each entry of"
          f" initial_distribution, got shape {kernel.shape}."
        )
    if not callable(self.reward):
      raise ValueError(
        "reward must be a function of the mean field, got"
        f" {type(self.reward).__name__}."
      )
    rewards = validation.check_numbers("reward", self.reward(initial))
    if rewards.ndim != 2 or len(rewards) != initial.size or not rewards.size:
      raise ValueError(
        f"reward must return shape ({self.num_states}, number of actions),"
        f" got {rewards.shape}."
      )
    set_field("_shape", rewards.shape)
    self.reward_at(initial)
    if isinstance(self.reward, declared_rewards.LocalReward):
      self.reward.check(self.num_states)
    if not callable(kernel):
      set_field("kernel", self._checked_kernel(kernel))
    else:
      self.kernel_at(initial)
    names = self.action_names or tuple(map(str, range(self.num_actions)))
    if len(names) != self.num_actions:
      raise ValueError(
        f"action_names must have {self.num_actions} entries, got {names}."
      )
    set_field("action_names", tuple(names))

  def __repr__(self) -> str:
    """Returns one line: the size, the discount, and the kind of drawing."""
    drawn = f", on a {type(self.drawing).__name__}" if self.drawing else ""
    moving = (
      "" if self.has_fixed_kernel else ", kernel depends on the mean field"
    )
    return (
      f"MeanFieldMDP({self.num_states} states, {self.num_actions} actions,"
      f" discount {self.discount:g}{moving}{drawn})"
    )

  @property
  def has_fixed_kernel(self) -> bool:
    """Whether the kernel is the same under every mean field."""
    return not callable(self.kernel)

  @property
  def num_states(self) -> int:
    """Number S of states."""
    return self.initial_distribution.size

  @property
  def num_actions(self) -> int:
    """Number A of actions."""
    return self._shape[1]

  def kernel_at(self, mean_field: np.ndarray) -> sparse.csr_array:
    """Returns the (S * A, S) kernel under the (S,) mean field."""
    if callable(self.kernel):
      return self._checked_kernel(self.kernel(mean_field))
    return self.fixed_kernel

  @property
  def fixed_kernel(self) -> sparse.csr_array:
    """The (S * A, S) kernel, if it does not depend on the mean field.

    Raises:
      ValueError: If it depends on the mean field.
    """
    if callable(self.kernel):
      raise ValueError(
        "kernel must be an array, got a function of the mean field."
      )
    return cast(sparse.csr_array, self.kernel)

  def reward_at(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns the (S, A) rewards under the (S,) mean field.

    Raises:
      ValueError: If the user's function returns a wrong shape, NaN or inf.
    """
    rewards = validation.check_numbers("reward", self.reward(mean_field))
    if rewards.shape != self._shape:
      raise ValueError(
        f"reward must return shape {self._shape} for every mean field, as for"
        f" initial_distribution, got {rewards.shape}."
      )
    if not np.isfinite(rewards).all():
      state, action = np.argwhere(~np.isfinite(rewards))[0]
      raise ValueError(
        f"reward must be finite, it is {rewards[state, action]} in state"
        f" {state} for action {action}."
      )
    return rewards

  def _checked_kernel(self, kernel: Any) -> sparse.csr_array:
    """Returns `kernel` as a canonical CSR array, or raises ValueError."""
    num_actions = self.num_actions
    kernel = state_action_rows.checked(
      "kernel", kernel, self.num_states, num_actions
    )
    kernel.sum_duplicates()
    if not kernel.data.all():
      kernel.eliminate_zeros()
    # Kernels that are functions are checked often; this is the fastest sum.
    sums = kernel @ np.ones(self.num_states)
    bad = ~(np.abs(sums - 1) <= validation.SUM_TOLERANCE)
    if bad.any() or kernel.data.min() < 0:
      bad[kernel.tocoo().row[kernel.data < 0]] = True
      row = int(bad.argmax())
      state, action = divmod(row, num_actions)
      raise ValueError(
        "kernel must have non-negative rows that sum to 1, the row of state"
        f" {state} and action {action} sums to {sums[row]:.12g} with smallest"
        f" entry {kernel[[row]].min():g}{validation.advice_on_sums(sums)}."
      )
    return kernel
