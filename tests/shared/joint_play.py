"""The joint Markov chain of the states of N players.

An independent implementation for tiny games with S^N joint states, in which
player 0 deviates. It uses no binomial or multinomial distributions, no counts,
and no mean field of a model.
"""

import functools
import itertools

import numpy as np


class JointPlay:
  """A `MeanFieldMDP` played by N players, all but player 0 with `policies`.

  Attributes:
    joint_states: (S^N, N), the states of all players.
  """

  def __init__(self, mdp, num_players, policies):
    """Initializes the play.

    Args:
      mdp: The mean-field MDP.
      num_players: N.
      policies: (T, S, A), the policy of the others at each time.
    """
    self.mdp, self.policies = mdp, np.asarray(policies)
    shape = (mdp.num_states, mdp.num_actions)
    places = itertools.product(range(mdp.num_states), repeat=num_players)
    self.joint_states = np.array(list(places))
    laws = [np.bincount(s, minlength=shape[0]) for s in self.joint_states]
    self.empirical = np.array(laws) / num_players
    # Rewards of player 0, and its own kernel, in each joint state.
    self.rewards = np.array(
      [
        mdp.reward(law)[states[0]]
        for law, states in zip(self.empirical, self.joint_states)
      ]
    )
    self._kernels = np.array(
      [
        mdp.kernel_at(law).toarray().reshape(*shape, -1)
        for law in self.empirical
      ]
    )

  @functools.cached_property
  def _others(self):
    """(T, S^N, S^(N-1)): distributions of the next states of other players."""
    return np.array(
      [
        [self._law(p, j) for j in range(len(self.joint_states))]
        for p in self.policies
      ]
    )

  def _law(self, policy, j):
    law = np.ones(1)
    for state in self.joint_states[j][1:]:
      law = np.kron(law, policy[state] @ self._kernels[j][state])
    return law

  def transitions(self, t):
    """Returns (S^N, A, S^N), the transitions for each action of player 0."""
    own = [k[s[0]] for k, s in zip(self._kernels, self.joint_states)]
    others = self._others[t]
    return np.einsum("jas,jo->jaso", own, others).reshape(
      len(others), self.mdp.num_actions, -1
    )

  def initial(self, law):
    """Returns (S^N,), the distribution of independent initial states."""
    return functools.reduce(np.kron, [law] * self.joint_states.shape[1])

  def value(self, own, start):
    """Returns the expected return of player 0 over the horizon.

    Args:
      own: (T, S, A), its policy.
      start: (S^N,), the initial distribution.
    """
    law, total = start, 0.0
    for t, policy in enumerate(own):
      plays = policy[self.joint_states[:, 0]]
      total += self.mdp.discount**t * law @ (plays * self.rewards).sum(axis=1)
      law = np.einsum("j,ja,jak->k", law, plays, self.transitions(t))
    return total

  def best_value_by_own_state(self, start):
    """Returns the maximum value over policies of own state and time."""
    horizon, num_states, num_actions = self.policies.shape
    choices = itertools.product(range(num_actions), repeat=horizon * num_states)
    eye = np.eye(num_actions)
    return max(
      self.value(eye[np.reshape(c, (horizon, num_states))], start)
      for c in choices
    )

  def best_value_by_joint_state(self, start):
    """Returns the maximum value over policies of the joint state and time."""
    values = np.zeros(len(self.joint_states))
    for t in reversed(range(len(self.policies))):
      follows = self.transitions(t) @ values
      values = (self.mdp.discount**t * self.rewards + follows).max(axis=1)
    return start @ values
