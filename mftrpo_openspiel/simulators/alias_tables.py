"""Draws from many discrete distributions at once, each in constant time.

Walker's alias method: the entries of a distribution over n outcomes are n
columns of equal width. Column j holds outcome j up to a height p_j, and above
it a single other outcome, its alias. A draw picks a column and a height with
one uniform random number. The columns are filled by the sweep of
Hubschle-Schneider and Sanders (2022), "Parallel Weighted Random Sampling",
arXiv:1903.00227, here for all distributions side by side: each round fills one
more column of every distribution.
"""

import numpy as np


class AliasTables:
  """Distributions over the entries of a flat array, one per row.

  The entries of row i are those from indptr[i] up to indptr[i + 1], as in a CSR
  array.
  """

  def __init__(self, weights: np.ndarray, indptr: np.ndarray):
    """Initializes the tables.

    Args:
      weights: (E,), >= 0, the weights of the entries. The sum of each row must
        be positive; weights are divided by it.
      indptr: (R + 1,), strictly increasing.
    """
    self._starts = np.asarray(indptr[:-1], dtype=np.intp)
    lengths = np.diff(indptr)
    self._widths = lengths.astype(np.float64)
    totals = np.add.reduceat(weights, self._starts)
    scaled = weights * np.repeat(lengths / totals, lengths)
    self._heights, self._aliases = _filled_columns(scaled, self._starts)

  def draw(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): a random entry of each of the (size,) rows."""
    heights = rng.random(rows.size)
    heights *= self._widths.take(rows)
    columns = heights.astype(np.intp)
    heights -= columns
    columns += self._starts.take(rows)
    is_own = heights < self._heights.take(columns)
    return np.where(is_own, columns, self._aliases.take(columns))


def _filled_columns(
  scaled: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns the heights and aliases of columns of mean weight 1 in each row.

  If rounding leaves an entry with a remainder at the end of a row, it keeps its
  whole column.

  Args:
    scaled: (E,), the weights of entries, with mean 1 in each row.
    starts: (R,), the first entry of each row.
  """
  heights, aliases = np.ones(scaled.size), np.arange(scaled.size)
  is_heavy = scaled > 1
  if not is_heavy.any():
    return heights, aliases
  ends = np.append(starts[1:], scaled.size)
  num_heavy = np.add.reduceat(is_heavy.astype(np.intp), starts)
  order = _light_first(is_heavy, starts, ends, num_heavy)
  light, heavy = starts.copy(), ends - num_heavy
  first_heavy = heavy.copy()
  # Rows whose weights are all 1 are complete.
  active = np.flatnonzero(heavy < ends)
  left = np.zeros(starts.size)
  left[active] = scaled[order[heavy[active]]]
  while active.size:
    # The current heavy entry fills a light column. If its remainder is at most
    # one column, it is itself filled up by the next heavy entry.
    fills = left[active] > 1
    going = np.where(
      fills,
      light[active] < first_heavy[active],
      heavy[active] + 1 < ends[active],
    )
    active, fills = active[going], fills[going]
    done = order[np.where(fills, light[active], heavy[active])]
    partner = order[heavy[active] + ~fills]
    height = np.where(fills, scaled[done], left[active])
    heights[done], aliases[done] = height, partner
    available = np.where(fills, left[active], scaled[partner])
    left[active] = available - (1 - height)
    light[active] += fills
    heavy[active] += ~fills
  return heights, aliases


def _light_first(
  is_heavy: np.ndarray,
  starts: np.ndarray,
  ends: np.ndarray,
  num_heavy: np.ndarray,
) -> np.ndarray:
  """Returns (E,), the entries of each row, light ones (at most 1) first."""
  rows = np.repeat(np.arange(starts.size), ends - starts)
  heavy_so_far = np.cumsum(num_heavy)
  order = np.empty(is_heavy.size, np.intp)
  for kind, others_before in (
    (~is_heavy, heavy_so_far - num_heavy),
    (is_heavy, ends - heavy_so_far),
  ):
    entries = np.flatnonzero(kind)
    order[np.arange(entries.size) + others_before[rows[entries]]] = entries
  return order
