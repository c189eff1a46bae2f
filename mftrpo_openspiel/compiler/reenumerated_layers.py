"""OpenSpiel mean-field games whose moves depend on the mean field.

Where a move leads to, or what it pays later on, is then known only under a
given mean field. So the game is enumerated anew for each: by a walk under what
the mean field tells the players, or, to find the mean field of a policy, by a
walk that computes it on the way, as OpenSpiel does. Nothing is assumed about
how the moves depend on it.

The states of the model are all decision nodes and all mean-field nodes (whose
masses are what players are told; they have the only action 0) that are met

* under the uniform policy, and
* when players are told all kinds of things: that all, a part or none of the
  crowd is at their own node, or at the first or the last node they ask about.
  (In an MDP the rest of the crowd is there.) Nodes between two such answers are
  looked for by bisection. This is given up if it leads to more than `MAX_NODES`
  nodes.

A mean field that leads to any other node raises an error that says so, except
in `policy_array`, where the nodes to which a policy leads become states.
"""

import collections
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.compiler import compilation
from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import layered_game
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.values import layered_mdp

# How many nodes are looked for beyond those of the uniform policy.
MAX_NODES = 20_000
# How many states of a node are followed: what they were told may differ.
STATES_PER_NODE = 5
# How closely masses between two answers are tried.
LEAST_MASS_STEP = 1 / 256

_KEPT = (enumeration.DECISION, enumeration.MEAN_FIELD)


class ReenumeratedLayers(layered_game.LayeredGame):
  """A game enumerated for each mean field."""

  def __init__(
    self,
    roots: Sequence[pyspiel.State],
    layers: Sequence[enumeration.Layer],
    num_actions: int,
  ):
    """Initializes the layers.

    Args:
      roots: Where plays start.
      layers: The game enumerated under the uniform policy.
      num_actions: A.
    """
    self._roots = roots
    self._num_actions = num_actions
    self._rows: dict[str, int] = {}
    self._states: list[pyspiel.State] = []
    self._layer_list: list[int] = []
    self._last = (b"", None)
    found = [{} for _ in layers]
    for index, states in enumerate(enumeration.replay(roots, layers)):
      if layers[index].kind in _KEPT:
        found[index].update(zip(layers[index].strings, states))
    for index, nodes in enumerate(_nodes_by_layer(roots) or []):
      for string, state in nodes.items():
        found[index].setdefault(string, state)
    for index, nodes in enumerate(found):
      self._add(index, nodes)
    self._describe()

  def _add(self, index: int, nodes: Mapping[str, pyspiel.State]) -> None:
    """Makes the nodes of a layer states of the model."""
    for string, state in nodes.items():
      if string not in self._rows:
        self._rows[string] = len(self._states)
        self._states.append(state)
        self._layer_list.append(index)

  def _describe(self) -> None:
    """Sets the attributes of `LayeredGame`."""
    self.strings = list(self._rows)
    kinds = dict(
      zip(self._layer_list, [state.get_type() for state in self._states])
    )
    kept = sorted(kinds)
    times = compilation.times_of([kinds[index] for index in kept])
    self.layers = np.searchsorted(kept, self._layer_list)
    self.times = times[self.layers]
    self.legal_actions_mask = np.zeros(
      (len(self._states), self._num_actions), dtype=bool
    )
    for row, state in enumerate(self._states):
      if state.get_type() == enumeration.MEAN_FIELD:
        self.legal_actions_mask[row, 0] = True
      else:
        self.legal_actions_mask[row, state.legal_actions()] = True

  def rows(self, strings: Sequence[str]) -> np.ndarray:
    """Returns the rows of nodes.

    Raises:
      ValueError: If one is not among the states of the model.
    """
    try:
      return np.array([self._rows[string] for string in strings], dtype=int)
    except KeyError as error:
      raise ValueError(
        "mean_field must not lead to nodes outside the model, it does to"
        f" {error.args[0]!r}; from_openspiel(policy) takes in the nodes that a"
        " policy leads to."
      ) from None

  def _enumerate(self, flow: enumeration.Flow) -> "_Enumerated":
    """Returns the game under `flow`.

    Raises:
      ValueError: If the flow leads to a node outside the model, or to one with
        other legal actions than it has there.
    """
    layers = enumeration.enumerate_layers(self._roots, flow)
    kept = {i: i for i, layer in enumerate(layers) if layer.kind in _KEPT}
    paying = {i for i, layer in enumerate(layers) if layer.rewards.any()}
    compiled = compilation.compile_layers(
      layers, self._num_actions, kept, paying
    )
    strings = [s for index in kept for s in layers[index].strings]
    rows = self.rows(strings)
    legal = compiled.chain.legal_actions_mask
    other = (legal != self.legal_actions_mask[rows]).any(axis=1)
    if other.any():
      raise ValueError(
        "game must have legal actions that do not depend on the mean field,"
        f" they do at {strings[int(other.argmax())]!r}."
      )
    return _Enumerated(
      masses=np.concatenate([layers[index].masses for index in kept]),
      rows=rows,
      chain=compiled.chain,
      rewards=compiled.rewards(
        np.concatenate([layer.rewards for layer in layers])
      ),
    )

  def flow(self, policy: np.ndarray) -> np.ndarray:
    """Returns (N,): the masses when everybody plays `policy`, (N, A).

    Raises:
      ValueError: If it leads to a node outside the model.
    """
    enumerated = self._enumerate(_PolicyFlow(self, policy))
    mean_field = np.zeros(len(self._states))
    mean_field[enumerated.rows] = enumerated.masses
    # Being told this mean field leads through the same nodes.
    self._last = (mean_field.tobytes(), enumerated)
    return mean_field

  def _under(self, mean_field: np.ndarray) -> "_Enumerated":
    key = mean_field.tobytes()
    if self._last[0] != key:
      self._last = (key, self._enumerate(_ToldFlow(self._rows, mean_field)))
    return self._last[1]

  def chain(
    self, mean_field: np.ndarray
  ) -> tuple[layered_mdp.LayeredChain, layered_game.Rows]:
    """Returns where actions lead under a mean field, and from which rows.

    Raises:
      ValueError: If it leads to a node outside the model.
    """
    enumerated = self._under(mean_field)
    return enumerated.chain, enumerated.rows

  def rewards(
    self, mean_field: np.ndarray
  ) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns what the states and afterstates of the chain pay."""
    return self._under(mean_field).rewards

  def mean_field_rows(self) -> dict[str, int]:
    """Returns the rows of the mean-field nodes, which are states themselves."""
    return {
      string: row
      for string, row in self._rows.items()
      if self._states[row].get_type() == enumeration.MEAN_FIELD
    }

  def policy_array(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of an OpenSpiel policy.

    Nodes to which the policy leads become states of the model, after those
    that there are.
    """
    size = len(self._states)

    def take_in(index, layer, states):
      if layer.kind in _KEPT:
        self._add(index, dict(zip(layer.strings, states)))

    enumeration.enumerate_layers(self._roots, _OpenSpielFlow(policy), take_in)
    if len(self._states) > size:
      self._describe()
    array = np.eye(1, self._num_actions).repeat(len(self._states), axis=0)
    decides = [
      row
      for row, state in enumerate(self._states)
      if state.get_type() == enumeration.DECISION
    ]
    array[decides] = policies.policy_array(
      policy, [self._states[row] for row in decides], self._num_actions
    )
    return array


class _Enumerated(NamedTuple):
  """A game under one mean field."""

  masses: np.ndarray  # Of the states of the chain.
  rows: np.ndarray  # Which states of the model these are.
  chain: layered_mdp.LayeredChain
  rewards: tuple[np.ndarray, np.ndarray | None]


class _PolicyFlow(enumeration.UniformFlow):
  """Everybody plays a policy given as an array."""

  def __init__(self, game: ReenumeratedLayers, policy: np.ndarray):
    self._game = game
    self._policy = policy

  def probabilities(self, layer, states) -> np.ndarray:
    rows = self._game.rows(layer.strings)
    return self._policy[rows[layer.origins], layer.actions]


class _OpenSpielFlow(enumeration.UniformFlow):
  """Everybody plays an OpenSpiel policy."""

  def __init__(self, policy: policy_lib.Policy):
    self._policy = policy

  def probabilities(self, layer, states) -> np.ndarray:
    laws = [self._policy.action_probabilities(state) for state in states]
    return np.array(
      [
        laws[node].get(action, 0.0)
        for node, action in zip(layer.origins.tolist(), layer.actions.tolist())
      ]
    )


class _ToldFlow(enumeration.UniformFlow):
  """Players are told a given mean field."""

  def __init__(self, rows: Mapping[str, int], mean_field: np.ndarray):
    self._rows = rows
    self._mean_field = [*mean_field.tolist(), 0.0]

  def told(self, layer, support) -> list[float]:
    return [self._mean_field[self._rows.get(string, -1)] for string in support]


def _nodes_by_layer(
  roots: Sequence[pyspiel.State],
) -> list[dict[str, pyspiel.State]] | None:
  """Returns what players can meet who are told all kinds of things.

  Returns:
    For each layer its decision or mean-field nodes with a state each; None if
    there are more than `MAX_NODES` in all.
  """
  result = []
  count = 0
  states = list(roots)
  while states[0].get_type() != enumeration.TERMINAL:
    kind = states[0].get_type()
    nodes = {}
    if kind in _KEPT:
      nodes = {enumeration.node_string(s): s for s in reversed(states)}
      count += len(nodes)
      if count > MAX_NODES:
        return None
    result.append(nodes)
    if kind == enumeration.MEAN_FIELD:
      # What players were told before does not matter any more.
      states = [after for s in nodes.values() for after in _told_much(s)]
    else:
      states = [
        s.child(action) for s in states for action, _ in enumeration.moves(s)
      ]
    states = _first_of_each(states)
  return result


def _first_of_each(states: Sequence[pyspiel.State]) -> list[pyspiel.State]:
  """Returns the first `STATES_PER_NODE` states of each node."""
  counts = collections.Counter()
  result = []
  for state in states:
    string = enumeration.node_string(state)
    counts[string] += 1
    if counts[string] <= STATES_PER_NODE:
      result.append(state)
  return result


def _told_much(state: pyspiel.State) -> list[pyspiel.State]:
  """Returns what a mean-field state becomes on being told many things."""
  support = state.distribution_support()
  if not support:
    return [enumeration.updated(state, [])]
  own = enumeration.node_string(state)
  here = support.index(own) if own in support else 0
  ends = sorted({0, len(support) - 1})
  if isinstance(state.get_game(), mdp_game.MDPGame):
    # The rewards and kernels of an MDP may be functions of laws only.
    return [
      after
      for elsewhere in ends
      for after in _shared(state, len(support), here, elsewhere)
    ]
  crowds = np.eye(len(support))[ends].tolist()
  return [
    *_shared(state, len(support), here, None),
    *[enumeration.updated(state, crowd) for crowd in crowds],
  ]


def _shared(
  state: pyspiel.State, size: int, here: int, elsewhere: int | None
) -> list[pyspiel.State]:
  """Returns what a state becomes if the crowd is in two of `size` places.

  Args:
    state: A mean-field state.
    size: How many places it asks about.
    here: One place.
    elsewhere: The other; None if those who are not `here` are nowhere.
  """

  def told(mass: float) -> pyspiel.State:
    distribution = [0.0] * size
    if elsewhere is not None:
      distribution[elsewhere] = 1.0 - mass
    distribution[here] += mass
    return enumeration.updated(state, distribution)

  low, high = told(0.0), told(1.0)
  result = [low, high]
  known = {enumeration.node_string(after) for after in result}
  pending = [(0.0, low, 1.0, high)]
  while pending:
    least, at_least, most, at_most = pending.pop()
    same = enumeration.node_string(at_least) == enumeration.node_string(at_most)
    if same or most - least < LEAST_MASS_STEP:
      continue
    middle = told((least + most) / 2)
    if enumeration.node_string(middle) not in known:
      known.add(enumeration.node_string(middle))
      result.append(middle)
    pending += [
      (least, at_least, (least + most) / 2, middle),
      ((least + most) / 2, middle, most, at_most),
    ]
  return result
