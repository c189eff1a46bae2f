"""Simulates any OpenSpiel mean-field game through the states of the game.

The simulator uses only what states provide: the type of their node, legal
actions, chance outcomes with their probabilities, rewards, and the observation
string by which OpenSpiel's mean-field utilities identify a node. A player takes
an action in a state of the model and then passes through all nodes before the
next state of the model:

* chance outcomes are drawn; chance nodes have no rewards;
* mean-field nodes receive the masses of the frozen mean field at their
  `distribution_support()`, after their reward is read;
* decision nodes with a single action that are not states of the model are
  passed through, with their rewards, and so are terminal nodes.

The reward of an action is the sum of the rewards of its own node and of these
nodes. So returns are those of OpenSpiel's PolicyValue, and the mean return of
an action is its value in `CompiledGame`. (In simulators over arrays, rewards
between a chance node and the next decision are replaced by their mean.)

Players share pyspiel states. The first player that reaches a state of the model
stores its pyspiel state there for all others, and each action there, or outcome
of a following chance node, is applied to the game only once. This is exact if
the consequences of an action depend only on the observation string and the mean
field. The reward of the node itself may also depend on the path, as in
OpenSpiel's crowd games, which have a reward for the last action: players with
different rewards are at different places. (`CompiledGame` uses the values of
one of these paths, as OpenSpiel's utilities do, and issues a warning.)

Therefore the first 10^4 rollouts under a mean field take most of the time. On
one core they simulate 2 10^5 to 7 10^5 decisions per second in games over an
MDP and in OpenSpiel's C++ games, and 4 10^4 in predator and prey, where Python
copies the states. Later rollouts simulate over 10^6 decisions per second.
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

# An edge leads to a place, to the end of the play, or to the chance node c,
# which is encoded as -2 - c. Its target is unknown until it is used for the
# first time.
_FIRST_CHANCE_NODE = -2
_UNKNOWN = np.iinfo(np.int64).min
# Chance outcomes are drawn with integers below 2^_BITS: their probabilities are
# rounded to multiples of 2^-32, and a draw does not depend on the numbers of
# chance nodes.
_BITS = 32


class OpenSpielSimulator(simulator.Simulator):
  """An OpenSpiel game that is simulated state by state.

  Attributes:
    roots: The initial states, one per population.
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
      form: The same game compiled. The simulator uses only its states and their
        legal actions.
      root_state: The initial state; None for the initial states of the game.
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
    # By the string of a mean-field node, and by its support.
    self._asked: dict[str, np.ndarray] = {}
    self._supports: dict[tuple[str, ...], np.ndarray] = {}
    self._frozen = memo.Memo(self._freeze)

  def under(self, mean_field: np.ndarray) -> "FrozenOpenSpielGame":
    """Returns the game under the (N,) mean field.

    The last one is cached, with all of its nodes found so far.
    """
    return self._frozen(mean_field)

  def _freeze(self, mean_field: np.ndarray) -> "FrozenOpenSpielGame":
    return FrozenOpenSpielGame(self, mean_field)

  def support_rows(self, state: pyspiel.State) -> np.ndarray:
    """Returns the rows of the masses that a mean-field node receives.

    -1 stands for strings that are no states. Nodes with the same support share
    an array.
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
  """The part of an OpenSpiel game under one mean field that has been played.

  A place is a state of the model together with the reward of its node. The
  edges are, first, the actions of all states, with action a of state s as edge
  s * A + a, and then the outcomes of chance nodes in the order in which these
  nodes were found.
  """

  def __init__(self, game: OpenSpielSimulator, mean_field: np.ndarray):
    """Initializes the game under the (N,) mean field, without any nodes."""
    self._game = game
    # The last entry is for strings that are no states.
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
    # Increasing: an outcome of node c is drawn if the random number is below
    # its threshold and not below the one before it. Numbers for node c begin at
    # c * 2^32.
    self._thresholds = _Column(np.int64)
    self._root_targets: np.ndarray | None = None

  def initial(self, size: int, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): places at first decisions, alternating populations."""
    if self._root_targets is None:
      found = [self._arrive(root.clone())[0] for root in self._game.roots]
      self._root_targets = np.array(found)
    targets = np.resize(self._root_targets, size)
    return self._settle(targets, np.zeros(size), rng)

  def at(self, rows: np.ndarray) -> np.ndarray:
    """Raises a ValueError, since plays start only at the initial states."""
    raise ValueError(
      "start must be None for simulator 'openspiel', whose plays only start at"
      f" the beginning of the game, got {np.unique(rows).size} states."
    )

  def rows(self, places: np.ndarray) -> np.ndarray:
    """Returns (size,): the states of players at places that are not `ENDED`."""
    return self._place_rows.values[places]

  def step(
    self, places: np.ndarray, actions: np.ndarray, rng: np.random.Generator
  ) -> tuple[np.ndarray, np.ndarray]:
    """Simulates a decision of each player; see the base class.

    Raises:
      ValueError: If an action is not legal, or the mean field leads to a node
        that is not in the model, or that has other legal actions than in the
        model.
    """
    edges = self.rows(places) * self._num_actions + actions
    targets = self._follow(edges)
    rewards = self._place_rewards.values[places]
    rewards += self._earned.values[edges]
    return rewards, self._settle(targets, rewards, rng)

  def _settle(
    self, targets: np.ndarray, rewards: np.ndarray, rng: np.random.Generator
  ) -> np.ndarray:
    """Returns the places after chance nodes, and adds to the rewards."""
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
    """Returns the targets of edges; unknown ones are found in the game."""
    targets = self._targets.values[edges]
    is_unknown = targets == _UNKNOWN
    if is_unknown.any():
      for edge in np.unique(edges[is_unknown]).tolist():
        # This may add edges, and so reallocate the columns.
        target, earned = self._arrive(self._moved(edge))
        self._targets.values[edge] = target
        self._earned.values[edge] = earned
      targets = self._targets.values[edges]
    return targets

  def _moved(self, edge: int) -> pyspiel.State:
    """Returns a new pyspiel state, directly after an edge."""
    if edge >= self._num_pairs:
      node, action = self._outcomes[edge - self._num_pairs]
      return self._chance_nodes[node].child(action)
    row, action = divmod(edge, self._num_actions)
    state = self._states[row]
    if not self._game.legal_actions_mask[row, action]:
      raise ValueError(
        f"actions must be legal, but {action} is not at"
        f" {game_walk.node_string(state)!r}."
      )
    if state.get_type() == game_walk.MEAN_FIELD:
      return game_walk.updated(state, self._law(state))
    return state.child(action)

  def _arrive(self, state: pyspiel.State) -> tuple[int, float]:
    """Returns the target of a pyspiel state, and the rewards on the way.

    The state is modified: it advances to the next state of the model, to the
    next chance node or to the end.
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
    """Returns the place of a pyspiel state; the first one per row is stored."""
    if self._states[row] is None:
      legal = [action for action, _ in game_walk.moves(state)]
      if legal != np.flatnonzero(self._game.legal_actions_mask[row]).tolist():
        raise ValueError(
          "game must have legal actions that do not depend on the mean field,"
          f" but they do at {game_walk.node_string(state)!r}."
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
    """Returns the target that represents a new chance node."""
    node = len(self._chance_nodes)
    self._chance_nodes.append(state)
    outcomes = state.chance_outcomes()
    self._outcomes += [(node, action) for action, _ in outcomes]
    # Python numbers are faster here than small arrays.
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
    """Returns the masses that a mean-field node receives."""
    rows = self._game.support_rows(state)
    law = self._laws.get(id(rows))
    if law is None:
      law = self._laws[id(rows)] = self._masses[rows].tolist()
    return law


def _only_action(state: pyspiel.State) -> int:
  """Returns the action of a decision node that is not a state of the model.

  Raises:
    ValueError: If it has several actions.
  """
  actions = state.legal_actions()
  if len(actions) == 1:
    return actions[0]
  raise ValueError(
    "mean_field must not lead to nodes outside the model, but it leads to"
    f" {game_walk.node_string(state)!r}."
  )


class _Column:
  """A list of numbers that grows, as an array."""

  def __init__(self, dtype: type, values: npt.ArrayLike = ()):
    self._room: np.ndarray = np.array(values, dtype)
    self._size = self._room.size

  @property
  def values(self) -> np.ndarray:
    """The numbers; a view that is valid until some are added."""
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
