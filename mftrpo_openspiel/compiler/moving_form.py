"""OpenSpiel mean-field games whose transitions depend on the mean field.

The next nodes and the rewards are then only known for a given mean field.
Therefore the game is enumerated again for each mean field: in a traversal whose
nodes receive this mean field, or, to compute the mean field of a policy, in a
traversal that computes it on the way, as OpenSpiel does. Nothing is assumed
about how transitions depend on the mean field.

The states of the model are all decision nodes and all mean-field nodes that are
reached under the uniform policy, or found by `node_search`. (The masses of
mean-field nodes are those that nodes receive; these states have the single
action 0.) A mean field that leads to any other node raises an error that says
so. `policy_array` is an exception: there the nodes that a policy reaches become
states.
"""

from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import node_search
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.values import layered_mdp


class MovingForm(game_form.GameForm):
  """A game enumerated for each mean field."""

  has_fixed_moves = False

  def __init__(
    self,
    roots: Sequence[pyspiel.State],
    levels: Sequence[game_walk.Level],
    num_actions: int,
    max_nodes: int = node_search.MAX_NODES,
  ):
    """Initializes the form.

    Args:
      roots: The initial states.
      levels: The game enumerated under the uniform policy.
      num_actions: A.
      max_nodes: The largest number of nodes in the search for further nodes; if
        it finds more, its result is not used.
    """
    self._roots = roots
    self._num_actions = num_actions
    self._rows: dict[str, int] = {}
    self._states: list[pyspiel.State] = []
    self._levels_of_rows: list[int] = []
    # The last mean field, as bytes, and the game under it. (A memo of `_under`
    # would enumerate again what `flow` has just enumerated.)
    self._last: tuple[bytes, _GameUnderMeanField] | None = None
    found = node_search.find_nodes(roots, max_nodes)
    states_by_level = game_walk.replay(roots, levels)
    for index, (level, states) in enumerate(zip(levels, states_by_level)):
      if level.kind in node_search.KINDS:
        self._add_states(index, zip(level.strings, states))
      if index < len(found):
        self._add_states(index, found[index].items())
    self._describe_states()

  def _add_states(
    self, index: int, nodes: Iterable[tuple[str, pyspiel.State]]
  ) -> None:
    """Adds nodes of the level `index` to the states of the model."""
    for string, state in nodes:
      if string not in self._rows:
        self._rows[string] = len(self._states)
        self._states.append(state)
        self._levels_of_rows.append(index)

  def _describe_states(self) -> None:
    """Sets the attributes of `GameForm`."""
    kinds = [state.get_type() for state in self._states]
    kind_of_level = dict(zip(self._levels_of_rows, kinds))
    kept = sorted(kind_of_level)
    self.layers = np.searchsorted(kept, self._levels_of_rows)
    self.times = folding.times_of([kind_of_level[index] for index in kept])[
      self.layers
    ]
    shape = (len(self._states), self._num_actions)
    self.legal_actions_mask = np.zeros(shape, dtype=bool)
    for row, state in enumerate(self._states):
      actions = [action for action, _ in game_walk.moves(state)]
      self.legal_actions_mask[row, actions] = True

  @property
  def strings(self) -> list[str]:
    """The observation strings of the states."""
    return list(self._rows)

  def _rows_of(self, strings: Sequence[str]) -> np.ndarray:
    """Returns the rows of nodes.

    Raises:
      ValueError: If one of them is not a state of the model.
    """
    try:
      return np.array([self._rows[string] for string in strings], dtype=int)
    except KeyError as error:
      raise ValueError(
        "mean_field must not lead to nodes outside the model, but it leads to"
        f" {error.args[0]!r}; from_openspiel(policy) adds the nodes that a"
        " policy reaches."
      ) from None

  def _enumerate(self, crowd: game_walk.Crowd) -> "_GameUnderMeanField":
    """Returns the game for the policy and the distributions of `crowd`.

    Raises:
      ValueError: If it reaches a node outside the model, or one with other
        legal actions than in the model.
    """
    levels = game_walk.enumerate_levels(self._roots, crowd)
    kept = {
      i: i for i, level in enumerate(levels) if level.kind in node_search.KINDS
    }
    paying = {i for i, level in enumerate(levels) if level.rewards.any()}
    folded = folding.fold_levels(levels, self._num_actions, kept, paying)
    strings = [string for index in kept for string in levels[index].strings]
    rows = self._rows_of(strings)
    legal = folded.mdp.legal_actions_mask
    other = (legal != self.legal_actions_mask[rows]).any(axis=1)
    if other.any():
      raise ValueError(
        "game must have legal actions that do not depend on the mean field,"
        f" but they do at {strings[int(other.argmax())]!r}."
      )
    node_rewards = np.concatenate([level.rewards for level in levels])
    return _GameUnderMeanField(
      masses=np.concatenate([levels[index].masses for index in kept]),
      rows=rows,
      mdp=folded.mdp,
      rewards=reward_sources.fold_rewards(folded, node_rewards),
    )

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses if all players use `policy`, (N, A)."""
    crowd = game_walk.Crowd(
      lambda level, _: policy[
        self._rows_of(level.strings)[level.origins], level.actions
      ]
    )
    game = self._enumerate(crowd)
    mean_field = np.zeros(len(self._states))
    mean_field[game.rows] = game.masses
    # If nodes receive this mean field, the same nodes are reached.
    self._last = mean_field.tobytes(), game
    return mean_field

  def _under(self, mean_field: np.ndarray) -> "_GameUnderMeanField":
    """Returns the game if nodes receive the (N,) mean field."""
    # Other threads may set it at the same time.
    last, key = self._last, mean_field.tobytes()
    if last is None or last[0] != key:
      masses = [*mean_field.tolist(), 0.0]

      def told(_: int, level: game_walk.Level) -> list[list[float]]:
        laws = [
          [masses[self._rows.get(string, -1)] for string in support.strings]
          for support in level.supports
        ]
        return [laws[which] for which in level.support_of.tolist()]

      self._last = last = key, self._enumerate(game_walk.Crowd(told=told))
    return last[1]

  def dynamics(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredMDP, game_form.Rows]:
    """Returns the transitions under a mean field, and the rows of states."""
    game = self._under(mean_field)
    return game.mdp, game.rows

  def rewards(self, mean_field: np.ndarray) -> game_form.Rewards:
    """Returns the rewards of the layered MDP under the (N,) mean field."""
    return self._under(mean_field).rewards

  def states(self) -> list[pyspiel.State]:
    """Returns an OpenSpiel state for each of the N states."""
    return self._states

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy; N may grow.

    Nodes that the policy reaches become states of the model, after the existing
    ones.

    Raises:
      ValueError: If the policy has no action probabilities for one of them.
    """

    def probabilities(
      level: game_walk.Level, states: Sequence[pyspiel.State]
    ) -> np.ndarray:
      shape = len(states), self._num_actions
      laws = policies.policy_array(policy, states, shape)
      unknown = np.isnan(laws).any(axis=1)
      if unknown.any():
        string = level.strings[int(unknown.argmax())]
        raise ValueError(
          "policy must have action probabilities for each state, it has none"
          f" for {string!r}."
        )
      return laws[level.origins, level.actions]

    steps = game_walk.walk(self._roots, game_walk.Crowd(probabilities))
    for index, (level, groups) in enumerate(steps):
      if level.kind in node_search.KINDS:
        states = [first.state for (first,) in groups]
        self._add_states(index, zip(level.strings, states))
    if len(self._states) > len(self.layers):
      self._describe_states()
    return super().policy_array(policy)


class _GameUnderMeanField(NamedTuple):
  """A game under one mean field."""

  masses: np.ndarray  # Of the states of the layered MDP.
  rows: np.ndarray  # Which states of the model these are.
  mdp: layered_mdp.LayeredMDP
  rewards: game_form.Rewards
