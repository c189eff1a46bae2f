"""Plays of any OpenSpiel mean-field game, through the states of the game.

Nothing is known of the game but what its states say: whose node they are, legal
actions, chance outcomes with their probabilities, what a node pays, and the
observation string by which OpenSpiel's mean-field utilities know it. A player
takes an action in a state of the model and then goes through all nodes that
come before the next state:

* chance outcomes are drawn; chance nodes pay nothing;
* mean-field nodes are told the masses of the frozen mean field at their
  `distribution_support()`, and pay what they pay before that;
* decision nodes with a single action that are no states of the model are passed
  through, and pay, as do terminal nodes.

An action earns what its own node pays and what these nodes pay. So returns are
what OpenSpiel's PolicyValue counts, and the mean return of an action is its
value in `CompiledGame`. (On arrays, what is paid after a chance node and before
the next decision is paid in the mean.)

Players share pyspiel states. The first one that comes to a state of the model
leaves its pyspiel state there for all others, and the game is asked only once
what follows an action there, or an outcome of the chance node after it. That is
true to the game if what follows an action depends on the observation string and
the mean field alone. What the node itself pays may depend on the path, too, as
it does in OpenSpiel's crowd games, which pay for the last action: places tell
apart players who are paid differently. (`CompiledGame` has the values of one of
these paths, as OpenSpiel's utilities do, and warns of it.)

So the first 10^4 rollouts under a mean field take most of the time. On one core
they make 2 10^5 to 7 10^5 decisions a second in games over an MDP and in
OpenSpiel's games in C++, and 4 10^4 in predator and prey, where Python copies
the states. Those that follow make over 10^6.
"""

from collections.abc import Sequence
import itertools

import numpy as np
import numpy.typing as npt
import pyspiel

from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.simulators import simulator
from mftrpo_openspiel.utils import memo

# A move leads to a place, to the end of the play, or to the chance node c,
# which is written as -2 - c. It is unknown until somebody makes the move.
_FIRST_CHANCE_NODE = -2
_UNKNOWN = np.iinfo(np.int64).min
# Chance is drawn in whole numbers below this: a probability of each outcome is
# rounded to a multiple of 2^-32, and a draw does not depend on the numbers that
# nodes were given.
_BITS = 32


class OpenSpielSimulator(simulator.Simulator):
  """An OpenSpiel game that is played state by state.

  Attributes:
    roots: Where plays start, of each population.
    rows_by_string: The row of each state, by its observation string.
  """

  begins_anywhere = False

  def __init__(
    self,
    game: pyspiel.Game,
    form: game_form.GameForm,
    root_state: pyspiel.State | None = None,
  ):
    """Initializes the simulator.

    Args:
      game: A mean-field game.
      form: The same game compiled, from which the simulator has the states of
        the model with their legal actions, and no more.
      root_state: Where plays start; None for the initial states of the game.
    """
    self.legal_actions_mask = form.legal_actions_mask
    self.horizon = int(form.layers.max()) + 1
    self.layers, self.times = form.layers, form.times
    self.has_fixed_moves = form.has_fixed_moves
    self.roots = [root_state] if root_state else game.new_initial_states()
    self.num_populations = len(self.roots)
    self.rows_by_string = {
      string: row for row, string in enumerate(form.strings)
    }
    self._mass_rows = form.mean_field_rows() | self.rows_by_string
    # By the string of a mean-field node, and by what it asks for.
    self._asked: dict[str, np.ndarray] = {}
    self._supports: dict[tuple[str, ...], np.ndarray] = {}
    self._frozen = memo.Memo(self._freeze)

  def under(self, mean_field: np.ndarray) -> "FrozenOpenSpielGame":
    """Returns the game under the (N,) mean field.

    The last one is kept, with all that players have found out in it.
    """
    return self._frozen(mean_field)

  def _freeze(self, mean_field: np.ndarray) -> "FrozenOpenSpielGame":
    return FrozenOpenSpielGame(self, mean_field)

  def support_rows(self, state: pyspiel.State) -> np.ndarray:
    """Returns which masses a mean-field node is told, -1 for no state's.

    Nodes that ask for the same masses share an array.
    """
    string = game_walk.node_string(state)
    rows = self._asked.get(string)
    if rows is None:
      support = tuple(state.distribution_support())
      rows = self._supports.get(support)
      if rows is None:
        found = [self._mass_rows.get(asked, -1) for asked in support]
        rows = self._supports[support] = np.array(found, np.intp)
      self._asked[string] = rows
    return rows


class FrozenOpenSpielGame(simulator.FrozenSimulator):
  """An OpenSpiel game under one mean field, as far as it has been played.

  A place is a state of the model with what its node pays. The edges are, first,
  the actions of all states, a of s being edge s * A + a, and then the outcomes
  of the chance nodes in the order in which these were met.
  """

  def __init__(self, game: OpenSpielSimulator, mean_field: np.ndarray):
    """Initializes the game under the (N,) mean field; nobody has played yet."""
    self._game = game
    # The last entry is for strings that no state has.
    self._masses = np.append(mean_field, 0.0)
    self._laws: dict[int, list[float]] = {}
    num_states, self._num_actions = game.legal_actions_mask.shape
    self._num_pairs = num_states * self._num_actions
    self._states: list[pyspiel.State | None] = [None] * num_states
    self._places: dict[tuple[int, float], int] = {}
    self._place_rows = _Column(np.intp)
    self._place_rewards = _Column(np.float64)
    self._targets = _Column(np.int64, np.full(self._num_pairs, _UNKNOWN))
    self._earned = _Column(np.float64, np.zeros(self._num_pairs))
    self._chance_nodes: list[pyspiel.State] = []
    self._outcomes: list[tuple[int, int]] = []  # Node and action.
    # Increasing: an outcome of node c is drawn by numbers below this one and
    # not below that before it, which begin with c * 2^32.
    self._thresholds = _Column(np.int64)
    self._root_targets: np.ndarray | None = None

  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): places at first decisions, of all populations alike."""
    if self._root_targets is None:
      found = [self._arrive(root.clone())[0] for root in self._game.roots]
      self._root_targets = np.array(found)
    targets = np.resize(self._root_targets, size)
    return self._settle(targets, np.zeros(size), rng)

  def at(self, rows: np.ndarray) -> np.ndarray:
    """Raises a ValueError: states of OpenSpiel are only reached by playing."""
    raise ValueError(
      "start must be None for simulator 'openspiel', whose plays only start at"
      f" the beginning of the game, got {np.unique(rows).size} states."
    )

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states of players at places, none `ENDED`."""
    return self._place_rows.values[places]

  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Plays a decision of each player; see the base class.

    Raises:
      ValueError: If an action is not legal, or the mean field leads to a node
        that is not in the model, or has other legal actions than it has there.
    """
    edges = self.rows(places) * self._num_actions + actions
    targets = self._follow(edges)
    rewards = self._place_rewards.values[places]
    rewards += self._earned.values[edges]
    return rewards, self._settle(targets, rewards, rng)

  def _settle(
    self, targets: np.ndarray, rewards: np.ndarray, rng: np.random.Generator
  ) -> np.ndarray:
    """Returns where players get to by chance, and adds to their rewards."""
    waiting = np.flatnonzero(targets <= _FIRST_CHANCE_NODE)
    while waiting.size:
      nodes = _FIRST_CHANCE_NODE - targets[waiting]
      draws = (nodes << _BITS) + rng.integers(1 << _BITS, size=waiting.size)
      edges = np.searchsorted(self._thresholds.values, draws, side="right")
      edges += self._num_pairs
      targets[waiting] = found = self._follow(edges)
      rewards[waiting] += self._earned.values[edges]
      waiting = waiting[found <= _FIRST_CHANCE_NODE]
    return targets

  def _follow(self, edges: np.ndarray) -> np.ndarray:
    """Returns the targets of edges; the game is asked for those unknown."""
    targets = self._targets.values[edges]
    is_unknown = targets == _UNKNOWN
    if is_unknown.any():
      for edge in np.unique(edges[is_unknown]).tolist():
        # What is asked may add edges, and so move the columns.
        target, earned = self._arrive(self._moved(edge))
        self._targets.values[edge] = target
        self._earned.values[edge] = earned
      targets = self._targets.values[edges]
    return targets

  def _moved(self, edge: int) -> pyspiel.State:
    """Returns a new pyspiel state, right after the move of an edge."""
    if edge >= self._num_pairs:
      node, action = self._outcomes[edge - self._num_pairs]
      return self._chance_nodes[node].child(action)
    row, action = divmod(edge, self._num_actions)
    state = self._states[row]
    if not self._game.legal_actions_mask[row, action]:
      raise ValueError(
        f"actions must be legal, {action} is not at"
        f" {game_walk.node_string(state)!r}."
      )
    if state.get_type() == game_walk.MEAN_FIELD:
      return game_walk.updated(state, self._law(state))
    return state.child(action)

  def _arrive(self, state: pyspiel.State) -> tuple[int, float]:
    """Returns where a pyspiel state gets to, and what is paid on the way.

    The state is moved on, up to the next state of the model, to the next chance
    node or to the end.
    """
    earned = 0.0
    while True:
      kind = state.get_type()
      if kind == game_walk.CHANCE:
        return self._add_chance_node(state), earned
      reward = game_walk.reward(state)
      if kind == game_walk.TERMINAL:
        return simulator.ENDED, earned + reward
      row = self._game.rows_by_string.get(game_walk.node_string(state))
      if row is not None:
        return self._place(row, state, reward), earned
      earned += reward
      if kind == game_walk.MEAN_FIELD:
        state.update_distribution(self._law(state))
      else:
        state.apply_action(_only_action(state))

  def _place(self, row: int, state: pyspiel.State, reward: float) -> int:
    """Returns the place of a pyspiel state; the first at a row is kept."""
    if self._states[row] is None:
      legal = [action for action, _ in game_walk.moves(state)]
      if legal != np.flatnonzero(self._game.legal_actions_mask[row]).tolist():
        raise ValueError(
          "game must have legal actions that do not depend on the mean field,"
          f" they do at {game_walk.node_string(state)!r}."
        )
      self._states[row] = state
    key = row, reward
    place = self._places.get(key)
    if place is None:
      place = self._places[key] = len(self._places)
      self._place_rows.extend([row])
      self._place_rewards.extend([reward])
    return place

  def _add_chance_node(self, state: pyspiel.State) -> int:
    """Returns the target that stands for a new chance node."""
    node = len(self._chance_nodes)
    self._chance_nodes.append(state)
    outcomes = state.chance_outcomes()
    self._outcomes += [(node, action) for action, _ in outcomes]
    # Python's numbers are faster here than arrays of a few.
    below = list(
      itertools.accumulate(probability for _, probability in outcomes)
    )
    scale = (1 << _BITS) / below[-1]
    thresholds = [(node << _BITS) + int(scale * place) for place in below]
    thresholds[-1] = (node + 1) << _BITS
    self._thresholds.extend(thresholds)
    self._targets.extend([_UNKNOWN] * len(outcomes))
    self._earned.extend([0.0] * len(outcomes))
    return _FIRST_CHANCE_NODE - node

  def _law(self, state: pyspiel.State) -> list[float]:
    """Returns what a mean-field node is told."""
    rows = self._game.support_rows(state)
    law = self._laws.get(id(rows))
    if law is None:
      law = self._laws[id(rows)] = self._masses[rows].tolist()
    return law


def _only_action(state: pyspiel.State) -> int:
  """Returns the action of a decision node that is no state of the model.

  Raises:
    ValueError: If it has several.
  """
  actions = state.legal_actions()
  if len(actions) == 1:
    return actions[0]
  raise ValueError(
    "mean_field must not lead to nodes outside the model, it does to"
    f" {game_walk.node_string(state)!r}."
  )


class _Column:
  """A list of numbers that grows, as an array."""

  def __init__(self, dtype: type, values: npt.ArrayLike = ()):
    self._room: np.ndarray = np.array(values, dtype)
    self._size = self._room.size

  @property
  def values(self) -> np.ndarray:
    """The numbers; a view until some are added."""
    return self._room[: self._size]

  def extend(self, values: Sequence[float]) -> None:
    """Adds numbers at the end."""
    size = self._size + len(values)
    if size > self._room.size:
      room = np.empty(2 * size, self._room.dtype)
      room[: self._size] = self.values
      self._room = room
    self._room[self._size : size] = values
    self._size = size
