"""The games of this package as arrays, directly from their MDP.

Every state of the MDP is a state of the game at each time, including those that
no play reaches. Therefore one kernel serves all layers and nothing is
enumerated. The afterstate of state x and action a is the node of `mdp_game` in
which the reward is paid.
"""

from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
import itertools

import numpy as np
import pyspiel
from scipy import sparse

from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import memory
from mftrpo_openspiel.values import layered_mdp

# Approximate memory of an iteration of Mirror Descent, per state of the game
# and per action of a state.
_STATE_BYTES = 130
_ACTION_BYTES = 50


class MDPForm(game_form.GameForm):
  """An `MDPGame` in layers: state x at time t is row t * S + x."""

  def __init__(self, game: mdp_game.MDPGame):
    """Initializes the form of a game.

    Raises:
      ValueError: If there is not enough memory for its horizon.
    """
    self._game = game
    self._mdp = game.mean_field_mdp()
    num_states, num_actions = self._mdp.num_states, self._mdp.num_actions
    memory.check(
      "horizon",
      game.horizon,
      game.horizon * num_states * (_STATE_BYTES + _ACTION_BYTES * num_actions),
    )
    self._shape = (game.horizon, num_states)
    self.layers = np.repeat(np.arange(game.horizon), num_states)
    self.times = self.layers
    self.legal_actions_mask = np.ones((self.layers.size, num_actions), bool)
    self._afterstate_discounts = np.repeat(
      game.discounts[: game.horizon], num_states * num_actions
    )
    self._no_rewards = np.zeros(self.layers.size)
    self._crowd_aversion = None
    if isinstance(self._mdp.reward, mdp_lib.CrowdAversion):
      # The reward is computed state by state, so all layers can be one.
      base = np.tile(self._mdp.reward.base, (game.horizon, 1))
      self._crowd_aversion = dataclasses.replace(self._mdp.reward, base=base)
    self._fixed_dynamics = None
    self.has_fixed_moves = self._mdp.has_fixed_kernel
    if self.has_fixed_moves:
      kernel = self._mdp.kernel_at(self._mdp.initial_distribution)
      self._fixed_dynamics = self._layered([kernel] * (game.horizon - 1))
    # For a kernel that depends on the mean field: algorithms and measures
    # request these several times in a row.
    self._flow_of = memo.Memo(self._moving_flow)
    self._dynamics_under = memo.Memo(self._moving_dynamics)

  def _layered(
    self, kernels: Sequence[sparse.csr_array]
  ) -> layered_mdp.LayeredMDP:
    """Returns the transitions, given the kernels between times."""
    size = self._mdp.num_states * self._mdp.num_actions
    own = np.arange(size).reshape(self._mdp.num_states, -1)
    return layered_mdp.LayeredMDP(
      self._mdp.initial_distribution,
      [own] * self._game.horizon,
      [*kernels, sparse.csr_array((size, 0))],
    )

  def agrees_with_game(self, num_plays: int = 2) -> bool:
    """Returns whether random plays of the game agree with the MDP.

    In each play, nodes receive a random mean field, the same at all times.
    """
    rng = np.random.default_rng(0)
    return all(self._agrees_with_play(rng) for _ in range(num_plays))

  def _agrees_with_play(self, rng: np.random.Generator) -> bool:
    actions = list(range(self._mdp.num_actions))
    state = self._game.new_initial_state()
    expected = self._mdp.initial_distribution
    mean_field = rng.dirichlet(np.ones(self._mdp.num_states))
    rewards = self._mdp.reward_at(mean_field)
    kernel = self._mdp.kernel_at(mean_field)
    for t in range(self._game.horizon):
      outcomes = dict(state.chance_outcomes())
      places = np.flatnonzero(expected)
      law = [outcomes.get(x, 0.0) for x in places.tolist()]
      if len(law) != len(outcomes) or not np.allclose(law, expected[places]):
        return False
      x = int(rng.choice(places))
      state.apply_action(x)
      state.update_distribution(mean_field.tolist())
      if state.legal_actions() != actions or state.rewards() != [0.0]:
        return False
      action = int(rng.choice(actions))
      state.apply_action(action)
      reward = self._game.discounts[t] * rewards[x, action]
      forced = state.legal_actions()
      if len(forced) != 1 or not np.allclose(state.rewards(), reward):
        return False
      state.apply_action(forced[0])
      row = x * self._mdp.num_actions + action
      expected = kernel[[row]].toarray()[0]
    return True

  @functools.cached_property
  def strings(self) -> list[str]:
    """The observation strings of the states."""
    times = range(self._game.horizon)
    strings_by_time = (mdp_game.decision_strings(self._game, t) for t in times)
    return list(itertools.chain.from_iterable(strings_by_time))

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""
    if self._fixed_dynamics:
      return self._fixed_dynamics.flow(policy)
    return self._flow_of(policy).copy()

  def _moving_flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns the flow if the kernel depends on the mean field."""
    law = self._mdp.initial_distribution
    laws, kernels = [law], []
    for plays in policy.reshape(*self._shape, -1)[:-1]:
      kernels.append(self._mdp.kernel_at(law))
      law = (law[:, None] * plays).ravel() @ kernels[-1]
      laws.append(law)
    flow = np.concatenate(laws)
    # Usually the values under this mean field are requested next.
    self._dynamics_under.remember(self._layered(kernels), flow)
    return flow

  def dynamics(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredMDP, game_form.Rows]:
    """Returns the transitions under a mean field, and all rows."""
    if self._fixed_dynamics:
      return self._fixed_dynamics, slice(None)
    return self._dynamics_under(mean_field), slice(None)

  def _moving_dynamics(self, mean_field: np.ndarray) -> layered_mdp.LayeredMDP:
    """Returns the transitions if the kernel depends on the mean field."""
    laws = mean_field.reshape(self._shape)[:-1]
    return self._layered([self._mdp.kernel_at(law) for law in laws])

  def rewards(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns zeros for states, and gamma^t r(x, a, mu_t) for afterstates."""
    if self._crowd_aversion:
      rewards = self._crowd_aversion(mean_field)
    else:
      laws = mean_field.reshape(self._shape)
      rewards = np.concatenate([self._mdp.reward_at(law) for law in laws])
    return self._no_rewards, rewards.ravel() * self._afterstate_discounts

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the row of the mass of each mean-field node, by its string."""
    supports = map(self._game.support, range(self._game.horizon))
    strings = itertools.chain.from_iterable(supports)
    return {string: row for row, string in enumerate(strings)}

  def states(self) -> Iterator[pyspiel.State]:
    """Yields an OpenSpiel state for each of the N states."""
    for t in range(self._game.horizon):
      yield from mdp_game.decision_states(self._game, t)
