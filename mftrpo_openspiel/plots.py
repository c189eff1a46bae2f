"""Figures in the form of the paper's: exploitability curves and mean fields.

Every function returns a `matplotlib.figure.Figure` of its own, without pyplot
and its global state, so that it works without a display and in any process.
"""

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import os
import pathlib

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import colormaps
from matplotlib import colors
from matplotlib import figure as figure_lib
from matplotlib import lines as lines_lib
from matplotlib import ticker
import numpy as np

from mftrpo_openspiel import drawing as drawing_lib
from mftrpo_openspiel import files
from mftrpo_openspiel import graph_drawing
from mftrpo_openspiel import validation

# The palette of Okabe and Ito (2008), told apart by colour-blind readers too,
# without its yellow, which is too pale for a line on white.
PALETTE = (
  "#0072B2",
  "#D55E00",
  "#009E73",
  "#E69F00",
  "#CC79A7",
  "#56B4E9",
  "#000000",
)
# Values below this are rounding errors, and a log axis has no place for 0.
VALUE_FLOOR = 1e-16
WALL_COLOR = "#3C3C3C"
SCALES = ("log", "linear")
FORMATS = ("pdf", "png", "svg")


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
  """One line of an exploitability plot.

  Attributes:
    label: For the legend.
    iterations: (n,), non-negative and finite.
    values: (n,), finite.
    algorithm: What the colour stands for.
    dashed: The line style, which stands for the regularization in the paper:
      solid for eta = 0.05 and dashed for eta = 0.3.

  Raises:
    ValueError: If the shapes do not fit or an entry is not allowed.
  """

  label: str
  iterations: np.ndarray
  values: np.ndarray
  algorithm: str
  dashed: bool = False

  def __post_init__(self):
    for name in ("iterations", "values"):
      object.__setattr__(
        self, name, np.asarray(getattr(self, name), dtype=np.float64)
      )
    shape = self.iterations.shape
    if len(shape) != 1 or not shape[0] or self.values.shape != shape:
      raise ValueError(
        f"curve {self.label!r} must have as many iterations as values, at"
        f" least one, got shapes {shape} and {self.values.shape}."
      )
    if not (np.isfinite(self.iterations) & (self.iterations >= 0)).all():
      raise ValueError(
        f"iterations of curve {self.label!r} must be non-negative and finite."
      )
    if not np.isfinite(self.values).all():
      bad = int(np.argmin(np.isfinite(self.values)))
      raise ValueError(
        f"values of curve {self.label!r} must be finite, got"
        f" {self.values[bad]} at position {bad}."
      )


def exploitability_panels(
  panels: Mapping[str, Sequence[Curve]],
  ylabel: str = "Exploitability",
  log_iterations: bool = False,
) -> figure_lib.Figure:
  """Returns curves on log axes side by side, as in figure 2 of the paper.

  Each algorithm has one colour in all panels, given out in the order in which
  the algorithms first appear, and one legend serves all panels. Values below
  `VALUE_FLOOR` are drawn there, on a dotted line that says so.

  Args:
    panels: The curves of each panel, by its title ("" for none).
    ylabel: What the values are; say which exploitability it is.
    log_iterations: Whether the iterations too have a log axis; it goes on
      linearly from 1 down to 0.

  Raises:
    ValueError: If there is no panel, a panel has no curve, there are more
      algorithms than colours, or one label has two colours or line styles.
  """
  for title, curves in panels.items():
    if not curves:
      raise ValueError(f"panel {title!r} must have a curve, got none.")
  algorithms = list(
    dict.fromkeys(
      curve.algorithm for curves in panels.values() for curve in curves
    )
  )
  if len(algorithms) > len(PALETTE):
    raise ValueError(
      f"panels must show at most {len(PALETTE)} algorithms, got"
      f" {len(algorithms)}."
    )
  figure, all_axes = _side_by_side(panels, 3.9, 0.85)
  lines, looks = {}, {}
  for axes, curves in zip(all_axes, panels.values()):
    for curve in curves:
      look = (algorithms.index(curve.algorithm), bool(curve.dashed))
      if looks.setdefault(curve.label, look) != look:
        raise ValueError(
          f"label {curve.label!r} must stand for one algorithm and line style."
        )
      (lines[curve.label],) = axes.plot(
        curve.iterations,
        np.maximum(curve.values, VALUE_FLOOR),
        color=PALETTE[look[0]],
        linestyle="--" if curve.dashed else "-",
        linewidth=1.5,
        marker="o" if curve.values.size == 1 else None,
        label=curve.label,
      )
    _style_curve_axes(axes, log_iterations)
    if any(curve.values.min() < VALUE_FLOOR for curve in curves):
      _mark_floor(axes)
  all_axes[0].set_ylabel(ylabel)
  labels = sorted(lines, key=looks.get)
  _add_legend(
    figure, {label: lines[label] for label in labels}, len(algorithms)
  )
  return figure


def mean_field_heat_maps(
  grid: drawing_lib.Grid,
  mean_fields: Mapping[str, np.ndarray],
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns mean fields on a grid, as in figures 3 and 5 of the paper.

  Walls are dark grey; all panels have the same colours.

  Args:
    grid: With S free cells.
    mean_fields: The (S,) mean field of each panel, by its title.
    scale: "log": from a tenth of the uniform law up to the largest mass, with
      less than that in white, so that a crowd in one cell and a crowd all over
      the grid are both readable. "linear": from zero.

  Raises:
    ValueError: If the grid is not one, there is no panel, a mean field is no
      law over S states, or the scale is unknown.
  """
  walls, cells = np.asarray(grid.walls, dtype=bool), np.asarray(grid.cells)
  if (
    walls.ndim != 2
    or cells.shape != ((~walls).sum(), 2)
    or not np.array_equal(np.unique(cells, axis=0), np.argwhere(~walls))
  ):
    raise ValueError(
      "grid must have two-dimensional walls and every other cell once in"
      f" cells, got shapes {walls.shape} and {cells.shape}."
    )
  mean_fields = _checked(mean_fields, len(cells))
  colors_of = _shared_colors(mean_fields, scale)
  figure, all_axes = _side_by_side(mean_fields, 3.2, np.divide(*walls.shape))
  for axes, mean_field in zip(all_axes, mean_fields.values()):
    image = np.ma.masked_all(walls.shape)
    # A log scale would mask a zero, and paint it as a wall.
    image[tuple(cells.T)] = np.maximum(mean_field, np.finfo(float).tiny)
    axes.imshow(
      image,
      cmap=colors_of.cmap,
      norm=colors_of.norm,
      aspect="equal",
      interpolation="nearest",
    )
    for axis in (axes.xaxis, axes.yaxis):
      axis.set_major_locator(ticker.MaxNLocator(6, integer=True, min_n_ticks=1))
    axes.tick_params(length=0, labelsize="small")
    axes.spines[:].set(color=WALL_COLOR, linewidth=2)
  _add_color_bar(figure, all_axes, colors_of)
  return figure


def mean_field_graphs(
  graph: drawing_lib.Graph,
  mean_fields: Mapping[str, np.ndarray],
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns mean fields on a drawn graph, as in figure 4 of the paper.

  Areas and colours mean the same in all panels, see `graph_drawing.draw`.

  Args:
    graph: With S nodes.
    mean_fields: The (S,) mean field of each panel, by its title.
    scale: Of the colours, see `mean_field_heat_maps`.

  Raises:
    ValueError: If the graph is not one, there is no panel, a mean field is no
      law over S states, or the scale is unknown.
  """
  graph_drawing.check(graph)
  mean_fields = _checked(mean_fields, len(graph.positions))
  colors_of = _shared_colors(mean_fields, scale)
  width, height = np.subtract(*graph_drawing.limits(graph)[::-1])
  figure, all_axes = _side_by_side(mean_fields, 4.4, height / width)
  largest_mass = max(law.max() for law in mean_fields.values())
  for axes, mean_field in zip(all_axes, mean_fields.values()):
    graph_drawing.draw(axes, graph, mean_field, largest_mass, colors_of)
  _add_color_bar(figure, all_axes, colors_of)
  return figure


def mean_field_figure(
  drawing: drawing_lib.Drawing,
  mean_fields: Mapping[str, np.ndarray],
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns `mean_field_heat_maps` or `mean_field_graphs`, as `drawing` asks.

  Raises:
    ValueError: If `drawing` is neither a Grid nor a Graph, or see there.
  """
  match drawing:
    case drawing_lib.Grid():
      return mean_field_heat_maps(drawing, mean_fields, scale)
    case drawing_lib.Graph():
      return mean_field_graphs(drawing, mean_fields, scale)
  raise ValueError(f"drawing must be a Grid or a Graph, got {drawing!r}.")


def save(figure: figure_lib.Figure, path: str | os.PathLike) -> None:
  """Writes `figure` to `path`, whole or not at all.

  Args:
    figure: What to write.
    path: Of a file in an existing folder, ending in one of `FORMATS`.

  Raises:
    ValueError: If the ending is unknown or the folder is missing.
  """
  path = pathlib.Path(path)
  file_format = path.suffix.lower().removeprefix(".")
  if file_format not in FORMATS:
    raise ValueError(
      f"path must end in one of {', '.join(FORMATS)}, got {str(path)!r}."
    )
  with files.replacing(path) as temporary:
    figure.savefig(temporary, format=file_format, dpi=150)


def _side_by_side(
  titles: Mapping[str, object], width: float, aspect: float
) -> tuple[figure_lib.Figure, Sequence[axes_lib.Axes]]:
  """Returns a figure with one panel a title.

  Args:
    titles: Its keys are the titles.
    width: Of a panel, in inches.
    aspect: Height by width of what a panel shows; the panel of a very flat or
      high one is higher or flatter than that.
  """
  if not titles:
    raise ValueError("a figure must have at least one panel, got none.")
  figure = figure_lib.Figure(
    figsize=(
      width * len(titles) + 0.9,
      width * float(np.clip(aspect, 0.5, 2.5)) + 0.5,
    ),
    layout="constrained",
  )
  all_axes = figure.subplots(1, len(titles), squeeze=False)[0]
  for axes, title in zip(all_axes, titles):
    axes.set_title(title, fontsize="medium")
  return figure, all_axes


def _style_curve_axes(axes: axes_lib.Axes, log_iterations: bool) -> None:
  axes.set_yscale("log")
  if log_iterations:
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(left=0)
  axes.set_xlabel("Iteration")
  axes.grid(color="0.9", linewidth=0.6)
  axes.spines[["top", "right"]].set_visible(False)


def _add_legend(
  figure: figure_lib.Figure, entries: Mapping[str, lines_lib.Line2D], ncols: int
) -> None:
  """Adds a legend of at most `ncols` columns and its height to the figure."""
  for columns in range(ncols, 0, -1):
    legend = figure.legend(
      entries.values(),
      entries.keys(),
      loc="outside lower center",
      ncols=columns,
      frameon=False,
    )
    box = legend.get_window_extent()
    if box.width <= figure.bbox.width or columns == 1:
      break
    legend.remove()
  figure.set_figheight(figure.get_figheight() + box.height / figure.dpi)


def _mark_floor(axes: axes_lib.Axes) -> None:
  axes.axhline(VALUE_FLOOR, color="0.5", linestyle=":", linewidth=1)
  axes.annotate(
    f"{VALUE_FLOOR:g} or less",
    (0, VALUE_FLOOR),
    xycoords=axes.get_yaxis_transform(),
    xytext=(4, 3),
    textcoords="offset points",
    fontsize="small",
    color="0.3",
  )


def _checked(
  mean_fields: Mapping[str, np.ndarray], num_states: int
) -> dict[str, np.ndarray]:
  return {
    title: validation.check_distribution(
      f"mean field {title!r}", mean_field, num_states
    )
    for title, mean_field in mean_fields.items()
  }


def _shared_colors(
  mean_fields: Mapping[str, np.ndarray], scale: str
) -> cm.ScalarMappable:
  """Returns the colours of all panels of a figure."""
  validation.check_choice("scale", scale, SCALES)
  if not mean_fields:
    raise ValueError("mean_fields must have at least one panel, got none.")
  laws = np.array(list(mean_fields.values()))
  if scale == "log":
    norm = colors.LogNorm(0.1 / laws.shape[1], laws.max())
  else:
    norm = colors.Normalize(0.0, laws.max())
  cmap = colormaps["YlOrRd"].with_extremes(bad=WALL_COLOR, under="white")
  return cm.ScalarMappable(norm, cmap)


def _add_color_bar(
  figure: figure_lib.Figure,
  all_axes: Sequence[axes_lib.Axes],
  colors_of: cm.ScalarMappable,
) -> None:
  is_log = isinstance(colors_of.norm, colors.LogNorm)
  figure.colorbar(
    colors_of,
    ax=list(all_axes),
    label="Share of the players" + ("\n(log scale)" if is_log else ""),
    extend="min" if is_log else "neither",
    pad=0.02,
    shrink=0.9,
  )
