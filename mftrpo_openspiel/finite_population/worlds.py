"""The transitions and rewards of players in the game of a model, by step.

This is what simulations and joint chains need from a model: the states of each
step, the laws of the next states, and the rewards. A game with a finite horizon
has one step per layer. A stationary model has the same states at all steps, and
any number of steps.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
from scipy import sparse

from mftrpo_openspiel.compiler import fixed_moves_form
from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.finite_population import player_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import state_action_rows
from mftrpo_openspiel.models import stationary_model


@dataclasses.dataclass(frozen=True, eq=False)
class World:
  """The states, transitions and rewards of players.

  Attributes:
    steps: For each of the K steps, the slice of its states in the model.
    populations: (S,), the population of each state of the model.
    legal_actions_mask: (S, A) of bool.
    initial: The initial masses, which sum to one in each population.
    discounts: (K,), factors of the rewards of the model at each step.
    is_stationary: Whether all steps have the same states, transitions and
      rewards.
    has_fixed_kernel: Whether transitions are the same under every mean field.
    kernel: Returns, for a step and its masses, the (n_k * A, n_{k+1}) laws of
      the next state, with row s * A + a for action a in state s.
    rewards: The rewards of players.
  """

  steps: list[slice]
  populations: np.ndarray
  legal_actions_mask: np.ndarray
  initial: np.ndarray
  discounts: np.ndarray
  is_stationary: bool
  has_fixed_kernel: bool
  kernel: Callable[[int, np.ndarray], sparse.csr_array]
  rewards: player_rewards.PlayerRewards

  def chain(
    self, step: int, masses: np.ndarray, policy: np.ndarray
  ) -> sparse.csr_array:
    """Returns (n_k, n_{k+1}): the chain of the (S, A) policy at a step."""
    mixture = state_action_rows.mixture(policy[self.steps[step]])
    return mixture @ self.kernel(step, masses)


def of_model(
  model: player_rewards.Model, policy: np.ndarray, horizon: int | None = None
) -> World:
  """Returns the transitions and rewards in the game of a model.

  Args:
    model: The model.
    policy: (S, A), from whose invariant law players start in a stationary
      model.
    horizon: The number of steps in a stationary model.

  Raises:
    ValueError: If the rewards of N players cannot be computed from the model.
  """
  rewards = player_rewards.of_model(model)
  if isinstance(model, stationary_model.StationaryModel):
    mdp = model.mdp
    num_steps = horizon or 1
    return World(
      steps=[slice(0, mdp.num_states)] * num_steps,
      populations=np.zeros(mdp.num_states, dtype=np.int64),
      legal_actions_mask=model.legal_actions_mask,
      initial=model.mean_field(policy),
      discounts=mdp.discount ** np.arange(num_steps),
      is_stationary=True,
      has_fixed_kernel=mdp.has_fixed_kernel,
      kernel=lambda _, masses: mdp.kernel_at(masses),
      rewards=rewards,
    )
  form = model.form
  if isinstance(form, mdp_form.MDPForm):
    assert isinstance(model.game, mdp_game.MDPGame)
    mdp, horizon = model.game.mean_field_mdp(), model.game.horizon
    size = mdp.num_states
    return World(
      steps=[slice(k * size, (k + 1) * size) for k in range(horizon)],
      populations=np.zeros(horizon * size, dtype=np.int64),
      legal_actions_mask=model.legal_actions_mask,
      initial=mdp.initial_distribution,
      discounts=np.ones(horizon),
      is_stationary=False,
      has_fixed_kernel=mdp.has_fixed_kernel,
      kernel=lambda _, masses: mdp.kernel_at(masses),
      rewards=rewards,
    )
  assert isinstance(form, fixed_moves_form.FixedMovesForm)
  layered = form.moves
  return World(
    steps=layered.layers,
    populations=form.populations,
    legal_actions_mask=model.legal_actions_mask,
    initial=layered.initial,
    discounts=np.ones(len(layered.layers)),
    is_stationary=False,
    has_fixed_kernel=True,
    kernel=lambda step, _: layered.transitions(step),
    rewards=rewards,
  )
