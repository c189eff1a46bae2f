"""Common parts of all figures: colours, panels and files.

Figures are `matplotlib.figure.Figure` objects that do not use pyplot and its
global state, so that they work without a display and in any process.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import io
import itertools
import os
import pathlib
import textwrap
from typing import Any

import matplotlib
from matplotlib import axes as axes_lib
from matplotlib import collections
from matplotlib import figure as figure_lib
from matplotlib import gridspec
from matplotlib import lines as lines_lib
from matplotlib import patches
from matplotlib import transforms
import numpy as np

from mftrpo_openspiel.utils import files

# The palette of Okabe and Ito (2008), which colour-blind readers can
# distinguish, without its yellow, which is too pale for a line on white; then
# the wine of Tol's "muted" palette and a grey, for comparisons of many solvers.
PALETTE = (
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#E69F00",
  "#CC79A7",
  "#56B4E9",
  "#000000",
  "#882255",
  "#8C8C8C",
)
# Colour of walls, frames and outlines.
DARK = "#3C3C3C"
MAX_COLUMNS = 4
_LETTERS_PER_INCH = 12
_DPI = 150
# Resolution in notebooks: legible, and not wider than the column.
_NOTEBOOK_DPI = 100
# Without the date the same figure gives the same file.
_METADATA = {"pdf": {"CreationDate": None}, "png": {}, "svg": {"Date": None}}
FORMATS = tuple(_METADATA)


class Figure(figure_lib.Figure):
  """A Matplotlib figure that a notebook shows as the last expression of a cell.

  Notebooks show pyplot figures automatically, and figures without pyplot only
  after `%matplotlib inline`. In the latter case, IPython has its own function
  to show any `matplotlib.figure.Figure`, and uses it instead of this method, so
  that a figure is never shown twice.
  """

  def _repr_png_(self) -> bytes:
    buffer = io.BytesIO()
    self.savefig(buffer, format="png", dpi=_NOTEBOOK_DPI)
    return buffer.getvalue()


def panels(
  titles: Sequence[str],
  width: float,
  aspect: float,
  title: str = "",
  columns: int | None = None,
) -> tuple[Figure, Sequence[axes_lib.Axes]]:
  """Returns a figure with one panel per title.

  Args:
    titles: The titles of the panels; "" for none.
    width: The width of a panel, in inches.
    aspect: Height by width of the content of a panel; the ratio of the panel
      itself is limited.
    title: The title of the figure; "" for none.
    columns: Number of panels per row, at most `MAX_COLUMNS`; `MAX_COLUMNS` if
      not given.

  Raises:
    ValueError: If there is no title.
  """
  if not titles:
    raise ValueError("a figure must have at least one panel, got none.")
  columns = min(len(titles), columns or MAX_COLUMNS, MAX_COLUMNS)
  rows = -(-len(titles) // columns)
  titles = [wrapped(one, width) for one in titles]
  title_lines = max(one.count("\n") for one in titles)
  height = width * float(np.clip(aspect, 0.5, 2.5)) + 0.5 + 0.17 * title_lines
  figure = Figure(
    figsize=(width * columns + 0.9, height * rows), layout="constrained"
  )
  all_axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
  while len(all_axes) > len(titles):
    all_axes.pop().remove()
  for axes, one in zip(all_axes, titles):
    axes.set_title(one, fontsize="medium")
  if title:
    text = wrapped(title, figure.get_figwidth() - 0.2)
    figure.suptitle(text, fontsize="medium", fontweight="bold")
    lines = text.count("\n") + 1
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.17 * lines)
  return figure, all_axes


def wrapped(text: str, width: float) -> str:
  """Returns `text` with line breaks such that it is at most `width` inches."""
  letters = max(1, round(_LETTERS_PER_INCH * width))
  return "\n".join(textwrap.fill(line, letters) for line in text.split("\n"))


def first_of_rows(all_axes: Sequence[axes_lib.Axes]) -> list[axes_lib.Axes]:
  """Returns the leftmost panel of each row."""
  return [axes for axes in all_axes if _place(axes).is_first_col()]


def last_of_rows(all_axes: Sequence[axes_lib.Axes]) -> list[axes_lib.Axes]:
  """Returns the rightmost panel of each row."""
  full = [axes for axes in all_axes if _place(axes).is_last_col()]
  return full if all_axes[-1] in full else [*full, all_axes[-1]]


def bar_axes(all_axes: Sequence[axes_lib.Axes]) -> list[axes_lib.Axes]:
  """Returns axes for a colour bar beside the last panel of each row.

  Each is a child of the panel and as high as it. Beside a row that is not full
  there is room for it in the grid, so that no gap opens in the rows above.
  """
  bars = []
  for axes in last_of_rows(all_axes):
    bar = axes.inset_axes((1.04, 0.0, 0.05, 1.0))
    bar.set_in_layout(_place(axes).is_last_col())
    bars.append(bar)
  return bars


def _place(axes: axes_lib.Axes) -> gridspec.SubplotSpec:
  """Returns the position of a panel in the grid of panels."""
  place = axes.get_subplotspec()
  assert place is not None
  return place


def add_discs(
  axes: axes_lib.Axes, centers: np.ndarray, radii: np.ndarray, **style: Any
) -> None:
  """Draws a disc of radius (n,) around each of the (n, 2) centers."""
  axes.add_collection(
    collections.EllipseCollection(
      2 * radii,
      2 * radii,
      np.zeros(len(radii)),
      units="xy",
      offsets=centers,
      offset_transform=axes.transData,
      zorder=3,
      **style,
    )
  )


def add_arrow(
  axes: axes_lib.Axes,
  tail: patches.Circle,
  head: patches.Circle,
  bend: float,
  head_size: float,
  **style: Any,
) -> None:
  """Draws an arrow between two outlines, bent to the right.

  Therefore arrows in opposite directions do not overlap.

  Args:
    axes: The axes; the arrow must be within their limits.
    tail: The outline where it begins.
    head: The outline where it ends.
    bend: Distance of its middle from the straight line, relative to its length.
    head_size: Size of the head in points.
    **style: Properties of the patch.
  """
  arrow = patches.FancyArrowPatch(
    tail.center,
    head.center,
    patchA=tail,
    patchB=head,
    shrinkA=0,
    shrinkB=0,
    connectionstyle=f"arc3,rad={2 * bend}",
    arrowstyle="-|>",
    mutation_scale=head_size,
    **style,
  )
  # Its extent is not needed for the layout.
  arrow.set_in_layout(False)
  axes.add_artist(arrow)


def add_legend(
  figure: figure_lib.Figure,
  entries: Mapping[str, lines_lib.Line2D],
  max_columns: int,
  title: str = "",
  handle_length: float = 2.0,
  column_sizes: Sequence[int] = (),
) -> None:
  """Adds a legend below the panels, and its height to the finished figure.

  Labels that are wider than the figure continue on another line.

  Args:
    figure: The figure.
    entries: The symbol of each label.
    max_columns: Largest number of columns; reduced if the figure is not wide
      enough.
    title: The title of the legend.
    handle_length: The length of a line in the legend, in letters.
    column_sizes: The number of entries in each column, if there is enough
      space; if not given, the columns have equal sizes.
  """
  title = wrapped(title, figure.get_figwidth() - 0.2)
  # The last layouts have one column, with shorter and shorter lines.
  longest = max(1, *(len(label) for label in entries))
  if column_sizes and len(column_sizes) <= max_columns:
    max_columns = len(column_sizes)
  layouts = [(columns, longest) for columns in range(max_columns, 0, -1)]
  letters = longest
  while letters > 1:
    letters = letters * 9 // 10
    layouts.append((1, letters))
  for columns, letters in layouts:
    lines = [
      (line, textwrap.fill(label, letters)) for label, line in entries.items()
    ]
    if columns == len(column_sizes):
      lines = _padded(lines, column_sizes)
    legend = figure.legend(
      *zip(*lines),
      loc="outside lower center",
      ncols=columns,
      frameon=False,
      title=title or None,
      handlelength=handle_length,
    )
    box = legend.get_window_extent()
    if box.width <= figure.bbox.width:
      break
    legend.remove()
  figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)
  # After one pass of the layout, titles may be cut off; drawing is a second
  # pass.
  figure.draw_without_rendering()


def _padded(
  lines: Sequence[tuple[lines_lib.Line2D, str]], column_sizes: Sequence[int]
) -> list[tuple[lines_lib.Line2D, str]]:
  """Returns the lines of a legend, padded to columns of equal sizes."""
  blank = (lines_lib.Line2D([], [], linestyle="none"), "")
  padded: list[tuple[lines_lib.Line2D, str]] = []
  for size, end in zip(column_sizes, itertools.accumulate(column_sizes)):
    padded += lines[end - size : end]
    padded += [blank] * (max(column_sizes) - size)
  return padded


def trim(figure: figure_lib.Figure, all_axes: Sequence[axes_lib.Axes]) -> None:
  """Removes empty height from a finished figure.

  Panels of a fixed shape do not fill the height of their cells if decorations
  reduce their width.
  """
  figure.draw_without_rendering()
  empty = min(_empty_height(axes) for axes in all_axes)
  rows = len(first_of_rows(all_axes))
  figure.set_figheight(figure.get_figheight() - rows * empty / figure.dpi)
  figure.draw_without_rendering()


def _empty_height(axes: axes_lib.Axes) -> float:
  """Returns the empty height in the cell of drawn axes, in pixels."""
  place = axes.get_position(original=True).transformed(
    axes.figure.transSubfigure
  )
  filled = axes.get_tightbbox()
  assert filled is not None  # Panels are visible.
  return transforms.Bbox.union([place, filled]).height - filled.height


def save(figure: figure_lib.Figure, path: str | os.PathLike) -> None:
  """Writes `figure` to `path`, atomically.

  Args:
    figure: The figure.
    path: The path of a file in an existing folder, ending in one of `FORMATS`.

  Raises:
    ValueError: If the ending is unknown or the folder does not exist.
  """
  path = pathlib.Path(path)
  file_format = path.suffix.lower().removeprefix(".")
  if file_format not in FORMATS:
    raise ValueError(
      f"path must end in one of {', '.join(FORMATS)}, got {str(path)!r}."
    )
  # Many publishers do not accept matplotlib's default, Type 3 fonts.
  fixed: dict[Any, Any] = {"pdf.fonttype": 42, "svg.hashsalt": "mftrpo"}
  # Not directly into the file, because matplotlib hides errors of a full disk.
  buffer = io.BytesIO()
  with files.replacing(path) as temporary, matplotlib.rc_context(fixed):
    figure.savefig(
      buffer, format=file_format, dpi=_DPI, metadata=_METADATA[file_format]
    )
    temporary.write_bytes(buffer.getvalue())
