"""Draws values and policies on a line into matplotlib axes."""

from collections.abc import Sequence

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import ticker
import numpy as np

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import figures

PANEL_WIDTH = 3.0
_MAX_TICKS = 7


def check(line: drawing.Line) -> int:
  """Returns the number of places of a line that can be drawn.

  Raises:
    ValueError: If the positions are not at least two increasing numbers.
  """
  positions = np.asarray(line.positions)
  # A NaN fails the comparison.
  if (
    positions.ndim != 1
    or len(positions) < 2
    or not (np.isfinite(positions).all() and (np.diff(positions) > 0).all())
  ):
    raise ValueError(
      "positions of line must be at least two increasing numbers, got"
      f" {line.positions!r}."
    )
  return len(positions)


def aspect(line: drawing.Line) -> float:
  """Returns height by width."""
  del line
  return 0.7


def edges(line: drawing.Line) -> np.ndarray:
  """Returns (S + 1,), the edges of places: halfway to their neighbours."""
  positions = np.asarray(line.positions, dtype=float)
  middles = (positions[1:] + positions[:-1]) / 2
  first, last = 2 * positions[0] - middles[0], 2 * positions[-1] - middles[-1]
  return np.concatenate([[first], middles, [last]])


def draw(
  axes: axes_lib.Axes,
  line: drawing.Line,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws bars for the (S,) values, and a curve if the line is continuous."""
  ends = edges(line)
  axes.bar(
    ends[:-1],
    values,
    np.diff(ends),
    align="edge",
    color=colors_of.to_rgba(values),
    linewidth=0,
  )
  if line.is_continuous:
    axes.plot(line.positions, values, color=figures.DARK, linewidth=1.2)
  low, high = (float(limit) for limit in colors_of.get_clim())
  low = min(low, 0.0)
  axes.axhline(0, color=figures.DARK, linewidth=0.8)
  margin = 0.05 * (high - low)
  axes.set(
    xlim=(ends[0], ends[-1]),
    ylim=(low - margin * (low < 0), high + margin),
    xlabel=line.label,
  )
  _format(axes)


def draw_actions(
  axes: axes_lib.Axes,
  line: drawing.Line,
  policy: np.ndarray,
  is_reached: np.ndarray,
  action_names: Sequence[str],
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws the probability of each action in each place as a colour.

  Args:
    axes: The axes.
    line: The line, with S places.
    policy: (S, A).
    is_reached: (S,) of bool; the other places have the colour of bad values.
    action_names: The A names of actions.
    colors_of: The colours of probabilities.
  """
  shown = np.ma.array(policy.T)
  shown[:, ~np.asarray(is_reached, dtype=bool)] = np.ma.masked
  actions = np.arange(len(action_names) + 1) - 0.5
  axes.pcolormesh(
    edges(line),
    actions,
    shown,
    cmap=colors_of.cmap,
    norm=colors_of.norm,  # type: ignore[arg-type]  # Any Norm will do.
  )
  axes.set_facecolor(tuple(colors_of.cmap.get_bad().tolist()))
  every = -(-len(action_names) // _MAX_TICKS)
  # They include the middle one, which usually means to stay.
  ticks = range(len(action_names) // 2 % every, len(action_names), every)
  axes.set(xlabel=line.label)
  axes.set_yticks(list(ticks), [action_names[tick] for tick in ticks])
  axes.tick_params(labelsize="small")
  axes.xaxis.set_major_locator(ticker.MaxNLocator(6))


def _format(axes: axes_lib.Axes) -> None:
  axes.xaxis.set_major_locator(ticker.MaxNLocator(6))
  axes.yaxis.set_major_locator(ticker.MaxNLocator(5))
  axes.tick_params(labelsize="small")
  axes.spines[["top", "right"]].set_visible(False)
