"""Draws from many laws at once, each in constant time.

Walker's alias method: the entries of a law of n outcomes are n columns of equal
width. Column j holds outcome j up to a height p_j, and above it a single other
outcome, its alias. A draw picks a column and a height by one uniform number.
The columns are filled by the sweep of Hubschle-Schneider and Sanders (2022),
"Parallel Weighted Random Sampling", arXiv:1903.00227, here for all laws side by
side: in each of its rounds every law has one more of its columns done.
"""

import numpy as np


class AliasTables:
  """Laws over the entries of a flat array, one a row.

  The entries of row i are those from indptr[i] up to indptr[i + 1], as in a CSR
  array.
  """

  def __init__(self, weights: np.ndarray, indptr: np.ndarray):
    """Initializes the tables.

    Args:
      weights: (E,), >= 0, the probabilities of the entries; each row adds up to
        a positive number, by which it is divided.
      indptr: (R + 1,), increasing strictly.
    """
    self._starts = np.asarray(indptr[:-1], dtype=np.intp)
    lengths = np.diff(indptr)
    self._widths = lengths.astype(np.float64)
    totals = np.add.reduceat(weights, self._starts)
    scaled = weights * np.repeat(lengths / totals, lengths)
    self._heights, self._aliases = _filled_columns(scaled, self._starts)

  def draw(self, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns (size,): an entry of each of the (size,) rows, by its law."""
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

  For the (E,) weights of entries and the (R,) first entries of the rows. What
  rounding leaves over at the end of a row stays as it is: a column of its own.
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
  # Rows whose weights are all 1 are done.
  active = np.flatnonzero(heavy < ends)
  left = np.zeros(starts.size)
  left[active] = scaled[order[heavy[active]]]
  while active.size:
    # The present heavy entry fills a light column, or, if it is no more than a
    # column itself, is topped up by the next heavy one.
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
  """Returns (E,), the entries of each row, those first that are not heavy."""
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
