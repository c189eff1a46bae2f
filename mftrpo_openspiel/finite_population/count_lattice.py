"""All vectors of the numbers of players in each state.

For S states and m players these are the vectors c of S integers >= 0 whose sum
is m. They are ordered such that the index of a vector does not depend on its
first entry: with the sums r_i = c_i + ... + c_{S-1} of its last entries,

    rank(c) = sum over i from 1 to S - 1 of binomial(r_i + S - 1 - i, S - i).

So the vectors of fewer players have the first indices, and one table gives for
all m the vector that results from adding one player.

Functions f of the counts are arrays (L, Y), with Y values for each of the L
vectors. If one player of m + 1 is in state y with probability p(y),
independently, the mean of f is

    (T_p f)(c) = sum over y of p(y) f(c + e_y),

which is a function of the counts of the m others. The mean over several
independent players is a product of such operators.
"""

import functools
import math

import numpy as np
from scipy import sparse


def size(num_states: int, num_players: int) -> int:
  """Returns L, the number of vectors of counts."""
  return math.comb(num_players + num_states - 1, num_players)


class CountLattice:
  """All vectors of counts of up to `num_players` players in S states.

  Attributes:
    num_states: S.
    num_players: The largest number of players.
    joined: (L, S), for the vectors of one player less: the index of the vector
      after adding one player in each state.
  """

  def __init__(self, num_states: int, num_players: int):
    """Initializes the tables, which have S times L entries."""
    self.num_states, self.num_players = num_states, num_players
    self._tails = _tails(num_states, num_players)
    fewer = self.points(num_players - 1)
    one = np.eye(num_states, dtype=np.int64)
    self.joined = np.stack(
      [self.rank(fewer + one[y]) for y in range(num_states)], axis=1
    )

  def size(self, num_players: int) -> int:
    """Returns the number of vectors of `num_players` players."""
    return size(self.num_states, num_players)

  def points(self, num_players: int) -> np.ndarray:
    """Returns (L, S): the vectors of `num_players` players, in order."""
    tails = self._tails[: self.size(num_players)]
    first = num_players - tails.sum(axis=1, keepdims=True)
    return np.concatenate([first, tails], axis=1)

  def rank(self, points: np.ndarray) -> np.ndarray:
    """Returns the indices of (..., S) vectors."""
    rests = points[..., :0:-1].cumsum(axis=-1)[..., ::-1]
    result = np.zeros(points.shape[:-1], dtype=np.int64)
    for i in range(1, self.num_states):
      column = self._binomials(self.num_states - i)
      result += column[rests[..., i - 1]]
    return result

  def _binomials(self, k: int) -> np.ndarray:
    """Returns binomial(r + k - 1, k) for r = 0, ..., number of players."""
    return np.array(
      [math.comb(r + k - 1, k) for r in range(self.num_players + 1)]
    )

  def without_one(self, law: np.ndarray, num_players: int) -> sparse.csr_array:
    """Returns the operator T_p on functions of counts of `num_players` players.

    Args:
      law: (S,), p, the law of the state of one of the players.
      num_players: Number of players, including this one.

    Returns:
      (L', L), which maps functions (L, Y) to functions of the counts of the
      others, (L', Y).
    """
    targets = np.flatnonzero(law)
    size = self.size(num_players - 1)
    joined = self.joined[:size, targets]
    return sparse.csr_array(
      (
        np.tile(law[targets], size),
        joined.ravel(),
        np.arange(0, joined.size + 1, len(targets)),
      ),
      shape=(size, self.size(num_players)),
    )

  @functools.cached_property
  def _numbers(self) -> dict[int, int]:
    """The numbers of players, by the numbers of their vectors."""
    return {self.size(m): m for m in range(self.num_players + 1)}

  def with_one(self, laws: np.ndarray, law: np.ndarray) -> np.ndarray:
    """Returns the laws of the counts after adding one player in each case.

    Args:
      laws: (R, L), of the counts of m players.
      law: (R, S), of the state of the added player.

    Returns:
      (R, L'), of the counts of m + 1 players.
    """
    joined = self.joined[: laws.shape[1]]
    num_players = self._numbers[laws.shape[1]] + 1
    result = np.zeros((len(laws), self.size(num_players)))
    for y in range(self.num_states):
      result[:, joined[:, y]] += law[:, y, None] * laws
    return result

  def mean(
    self, values: np.ndarray, law: np.ndarray, num_players: int
  ) -> np.ndarray:
    """Returns (Y,): the mean of f for independent players with the same law.

    Args:
      values: (L, Y), f.
      law: (S,), p.
      num_players: Number of players.
    """
    for m in range(num_players, 0, -1):
      values = self.without_one(law, m) @ values
    return values[0]


class Expectations:
  """Means of functions of the next counts, given the present counts.

  The players in the first state are moved one after the other. For each number
  of remaining players, which are in the other states, the same method is
  applied recursively.
  """

  def __init__(
    self, next_lattice: CountLattice, chain: np.ndarray, num_players: int
  ):
    """Computes what is the same for all functions.

    Args:
      next_lattice: The lattice of the next counts.
      chain: (S, S'), the transition probabilities of each player.
      num_players: Number of players that move.
    """
    self._num_players = num_players
    self._operators = [
      [next_lattice.without_one(law, m + 1) for m in range(num_players)]
      for law in chain[:-1]
    ]
    # Laws of the next counts of m players that are all in the last state.
    self._laws = [np.ones((1, 1))]
    for _ in range(num_players):
      self._laws.append(next_lattice.with_one(self._laws[-1], chain[-1:]))

  def __call__(self, values: np.ndarray) -> np.ndarray:
    """Returns (L, Y): the mean of f(next counts) for all current counts.

    Args:
      values: (L', Y), f.
    """
    return self._means(values, 0, self._num_players)

  def _means(
    self, values: np.ndarray, state: int, num_players: int
  ) -> np.ndarray:
    """Returns the means if all players are in this state or in later ones."""
    if not num_players:
      return values
    if state == len(self._operators):
      return self._laws[num_players] @ values
    parts = [self._means(values, state + 1, num_players)]
    for m in range(num_players - 1, -1, -1):
      values = self._operators[state][m] @ values
      parts.append(self._means(values, state + 1, m))
    # Vectors with fewer players outside the state come first.
    return np.concatenate(parts[::-1])


def laws_of_counts(
  lattice: CountLattice, states: np.ndarray, chains: np.ndarray
) -> np.ndarray:
  """Returns the laws of the next counts of independent players.

  Args:
    lattice: The lattice of the next counts.
    states: (R, m), the states of m players in each of R cases.
    chains: (R, S, S'), the transition probabilities in each case.

  Returns:
    (R, L).
  """
  num_cases = len(states)
  laws = np.ones((num_cases, 1))
  for places in states.T:
    laws = lattice.with_one(laws, chains[np.arange(num_cases), places])
  return laws


def _tails(num_states: int, num_players: int) -> np.ndarray:
  """Returns (L, S - 1): all vectors without their first entry, in order."""
  tails = np.zeros((1, 0), dtype=np.int64)
  for num_last in range(1, num_states):
    parts = []
    for rest in range(num_players + 1):
      last = tails[: size(num_last, rest)]
      first = rest - last.sum(axis=1, keepdims=True)
      parts.append(np.concatenate([first, last], axis=1))
    tails = np.concatenate(parts)
  return tails
