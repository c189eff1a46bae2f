"""Finds the nodes that plays can reach if transitions depend on the mean field.

Mean-field nodes receive many different distributions: the whole population, a
part, or none of it is at the node itself, or at the first or last node of its
support. (In an MDP the rest of the population is there.) Nodes reached by
distributions between two of these are found by bisection.
"""

import collections
from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.mdp import mdp_game

# The largest number of nodes that the search may find.
MAX_NODES = 20_000
# The number of states per node that are followed. They may have received
# different distributions.
STATES_PER_NODE = 5
# The bisection stops at this difference of masses.
LEAST_MASS_STEP = 1 / 256

# The types of nodes that are searched for.
KINDS = (game_walk.DECISION, game_walk.MEAN_FIELD)


def find_nodes(
  roots: Sequence[pyspiel.State], max_nodes: int = MAX_NODES
) -> list[dict[str, pyspiel.State]]:
  """Returns the nodes that plays reach for many different distributions.

  Args:
    roots: The initial states.
    max_nodes: The search stops without result if it finds more nodes.

  Returns:
    For each level but the last, its decision or mean-field nodes by their
    strings, with a state each; empty if the search stopped.
  """
  result: list[dict[str, pyspiel.State]] = []
  count = 0
  states = list(roots)
  while states[0].get_type() != game_walk.TERMINAL:
    kind = states[0].get_type()
    nodes = {}
    if kind in KINDS:
      nodes = {game_walk.node_string(s): s for s in reversed(states)}
      count += len(nodes)
      if count > max_nodes:
        return []
    result.append(nodes)
    if kind == game_walk.MEAN_FIELD:
      # Distributions received before do not matter any more.
      states = [
        after for s in nodes.values() for after in _after_distributions(s)
      ]
    else:
      states = [
        s.child(action) for s in states for action, _ in game_walk.moves(s)
      ]
    states = _first_of_each(states)
  return result


def _first_of_each(states: Sequence[pyspiel.State]) -> list[pyspiel.State]:
  """Returns the first `STATES_PER_NODE` states of each node."""
  counts: collections.Counter[str] = collections.Counter()
  result = []
  for state in states:
    string = game_walk.node_string(state)
    counts[string] += 1
    if counts[string] <= STATES_PER_NODE:
      result.append(state)
  return result


def _after_distributions(state: pyspiel.State) -> list[pyspiel.State]:
  """Returns the states after a mean-field node, for many distributions."""
  support = state.distribution_support()
  if not support:
    return [game_walk.updated(state, [])]
  own = game_walk.node_string(state)
  here = support.index(own) if own in support else 0
  ends = sorted({0, len(support) - 1})
  # The rewards and kernels of an MDP may require distributions that sum to one.
  laws_only = isinstance(state.get_game(), mdp_game.MDPGame)
  result = []
  for elsewhere in ends if laws_only else [None]:
    result += _after_divided_crowds(state, len(support), here, elsewhere)
  if not laws_only:
    ends_only = np.eye(len(support))[ends].tolist()
    result += [game_walk.updated(state, law) for law in ends_only]
  return result


def _after_divided_crowds(
  state: pyspiel.State, size: int, here: int, elsewhere: int | None
) -> list[pyspiel.State]:
  """Returns the next states if the population is at two of `size` places.

  The part that is not at `here` is at `elsewhere`; for None it is omitted.
  """

  def told(mass: float) -> tuple[pyspiel.State, str]:
    law = [0.0] * size
    if elsewhere is not None:
      law[elsewhere] = 1.0 - mass
    law[here] += mass
    after = game_walk.updated(state, law)
    return after, game_walk.node_string(after)

  (nobody, low_string), (everybody, high_string) = told(0.0), told(1.0)
  result = [nobody, everybody]
  known = {low_string, high_string}
  pending = [(0.0, low_string, 1.0, high_string)]
  while pending:
    low, low_string, high, high_string = pending.pop()
    if low_string == high_string or high - low < LEAST_MASS_STEP:
      continue
    middle = (low + high) / 2
    after, string = told(middle)
    if string not in known:
      known.add(string)
      result.append(after)
    pending += [
      (low, low_string, middle, string),
      (middle, string, high, high_string),
    ]
  return result
