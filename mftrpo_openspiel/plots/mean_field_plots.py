"""Figures of mean fields and of their differences, on any drawing."""

from collections.abc import Mapping
from collections.abc import Sequence

from matplotlib import axes as axes_lib
from matplotlib import cm
from matplotlib import colormaps
from matplotlib import colors
from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.plots import drawers
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import grid_drawing
from mftrpo_openspiel.utils import validation

SCALES = ("log", "linear", "clipped")
# Colour of masses above the scale: darker than any colour of the scale.
_OVER_COLOR = "#4A0010"


def mean_field_figure(
  drawing: drawing_lib.Drawing,
  mean_fields: Mapping[str, np.ndarray] | np.ndarray,
  scale: str = "log",
  title: str = "",
  columns: int | None = None,
) -> figure_lib.Figure:
  """Returns mean fields side by side, as in figures 3 to 5 of the paper.

  On a grid, the colour of a cell shows its mass, and walls are dark grey. On a
  graph, the area of a node is also proportional to its mass. Colours and areas
  have the same scale in all panels.

  Args:
    drawing: The positions of the S states.
    mean_fields: The (S,) mean field of each panel, by its title; or a single
      one, for a panel without title.
    scale: The scale of colours. "log": from a tenth of the uniform law to the
      largest mass, with smaller masses in white, so that concentrated and
      nearly uniform mean fields are both readable. "linear": from zero to the
      largest mass. "clipped": from zero to the smallest of the largest masses
      of the panels, with larger masses in one darker colour, so that a
      concentrated mean field in one panel does not hide the structure of
      another.
    title: The title of the figure; should name the game.
    columns: Number of panels per row, at most 4; 4 if not given.

  Raises:
    ValueError: If `drawing` is not a drawing, there is no panel, a mean field
      is not a distribution over S states, or the scale is unknown.
  """
  mean_fields = checked(drawing, mean_fields)
  colors_of = mass_colors(mean_fields, scale)
  figure, all_axes = panels_for(drawing, list(mean_fields), title, columns)
  for axes, mean_field in zip(all_axes, mean_fields.values()):
    draw(axes, drawing, mean_field, colors_of)
  add_keys(all_axes, drawing, colors_of)
  add_marks_legend(figure, drawing)
  figures.trim(figure, all_axes)
  return figure


def difference_figure(
  drawing: drawing_lib.Drawing,
  differences: Mapping[str, np.ndarray],
  title: str = "",
  columns: int | None = None,
) -> figure_lib.Figure:
  """Returns differences of mean fields side by side.

  The colours are symmetric around zero, which is white, and the same in all
  panels. On a graph, the area of a node is proportional to the absolute
  difference.

  Args:
    drawing: The positions of the S states.
    differences: The (S,) difference of two mean fields of each panel, by its
      title, which should name both.
    title: The title of the figure; should name the game.
    columns: Number of panels per row, at most 4; 4 if not given.

  Raises:
    ValueError: If `drawing` is not a drawing, there is no panel, or a
      difference is not finite or does not sum to zero over S states.
  """
  size = drawers.drawer_of(drawing).check(drawing)
  arrays = []
  for name, difference in differences.items():
    array = validation.check_numbers(f"difference {name!r}", difference)
    # A NaN fails the comparison.
    if array.shape != (size,) or not (
      abs(array.sum()) <= 2 * validation.SUM_TOLERANCE
    ):
      raise ValueError(
        f"difference {name!r} must be of two laws over {size} states, got"
        f" shape {array.shape} and sum {array.sum():g}."
      )
    arrays.append(array)
  figure, all_axes = panels_for(drawing, list(differences), title, columns)
  largest = np.abs(arrays).max()
  # Without the ends of the colour map, which are as dark as walls.
  cmap = colors.ListedColormap(colormaps["PuOr_r"](np.linspace(0.1, 0.9, 255)))
  colors_of = cm.ScalarMappable(
    # For two equal laws, any scale can be used.
    colors.Normalize(-(largest or 1.0), largest or 1.0),
    cmap.with_extremes(bad=figures.DARK),
  )
  for axes, array in zip(all_axes, arrays):
    draw(axes, drawing, array, colors_of)
  label = "Difference in the\nshare of the players"
  add_keys(all_axes, drawing, colors_of, label)
  add_marks_legend(figure, drawing)
  figures.trim(figure, all_axes)
  return figure


def checked(
  drawing: drawing_lib.Drawing,
  mean_fields: Mapping[str, np.ndarray] | np.ndarray,
) -> dict[str, np.ndarray]:
  """Returns `mean_fields` as arrays if all are laws over the drawn states.

  A single array without a title gets the title "".

  Raises:
    ValueError: If one is not a law, or `drawing` is not a drawing.
  """
  size = drawers.drawer_of(drawing).check(drawing)
  if not isinstance(mean_fields, Mapping):
    mean_fields = {"": mean_fields}
  return {
    title: validation.check_distribution(
      f"mean field {title!r}", mean_field, size
    )
    for title, mean_field in mean_fields.items()
  }


def panels_for(
  drawing: drawing_lib.Drawing,
  titles: list[str],
  title: str = "",
  columns: int | None = None,
) -> tuple[figures.Figure, Sequence[axes_lib.Axes]]:
  """Returns a figure with one panel per title, and the panels' axes."""
  drawer = drawers.drawer_of(drawing)
  return figures.panels(
    titles, drawer.PANEL_WIDTH, drawer.aspect(drawing), title, columns
  )


def draw(
  axes: axes_lib.Axes,
  drawing: drawing_lib.Drawing,
  values: np.ndarray,
  colors_of: cm.ScalarMappable,
) -> None:
  """Draws (S,) masses or differences into axes."""
  if isinstance(colors_of.norm, colors.LogNorm):
    # A log scale would mask zeros, and draw them as walls.
    values = np.maximum(values, np.finfo(float).tiny)
  drawers.drawer_of(drawing).draw(axes, drawing, values, colors_of)


def mass_colors(
  mean_fields: Mapping[str, np.ndarray], scale: str
) -> cm.ScalarMappable:
  """Returns the colours of all mean fields of a figure.

  Raises:
    ValueError: If there is no mean field or the scale is unknown.
  """
  validation.check_choice("scale", scale, SCALES)
  if not mean_fields:
    raise ValueError("mean_fields must have at least one panel, got none.")
  laws = np.array(list(mean_fields.values()))
  cmap = colormaps["YlOrRd"]
  # Matplotlib's types say that colorbar_extend is a bool.
  match scale:
    case "log":
      norm: colors.Normalize = colors.LogNorm(0.1 / laws.shape[1], laws.max())
      cmap = cmap.with_extremes(bad=figures.DARK, under="white")
      cmap.colorbar_extend = "min"  # type: ignore[assignment]
    case "linear":
      norm = colors.Normalize(0.0, laws.max())
      cmap = cmap.with_extremes(bad=figures.DARK)
    case "clipped":
      norm = colors.Normalize(0.0, laws.max(axis=1).min())
      # Without its dark end, which is similar to the colour of larger masses.
      cmap = colors.ListedColormap(cmap(np.linspace(0.0, 0.85, 255)))
      cmap = cmap.with_extremes(bad=figures.DARK, over=_OVER_COLOR)
      if laws.max() > norm.vmax:
        cmap.colorbar_extend = "max"  # type: ignore[assignment]
  return cm.ScalarMappable(norm, cmap)


def add_keys(
  all_axes: Sequence[axes_lib.Axes],
  drawing: drawing_lib.Drawing,
  colors_of: cm.ScalarMappable,
  label: str = "Share of the players",
) -> None:
  """Adds colour bars, and a key of sizes if symbols have different sizes.

  There is a colour bar of the height of the panel at the end of each row. The
  key of sizes is below the first panel. On a line, the axis of the heights of
  the bars is labelled as well.
  """
  if isinstance(drawing, drawing_lib.Line):
    for axes in figures.first_of_rows(all_axes):
      axes.set_ylabel(label)
  if isinstance(colors_of.norm, colors.LogNorm):
    label += "\n(log scale)"
  for bar in figures.bar_axes(all_axes):
    bar.figure.colorbar(colors_of, cax=bar, label=label)
  drawer = drawers.drawer_of(drawing)
  if hasattr(drawer, "draw_size_key"):
    drawer.draw_size_key(all_axes[0], drawing, colors_of)


def add_marks_legend(
  figure: figure_lib.Figure, drawing: drawing_lib.Drawing
) -> None:
  """Adds a legend of the marks of a grid below all panels, if it has any."""
  if isinstance(drawing, drawing_lib.Grid) and drawing.marks:
    figures.add_legend(figure, grid_drawing.mark_key(drawing), 2)
