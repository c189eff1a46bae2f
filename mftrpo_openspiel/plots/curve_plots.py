"""Figures of exploitability against iterations or time."""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

from matplotlib import axes as axes_lib
from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.utils import validation

# Values below this are rounding errors, and a log axis cannot show 0.
VALUE_FLOOR = 1e-16
# One more than colours, so that many pairs of colour and marker are different.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")
MAX_GROUPS = len(figures.PALETTE) * len(MARKERS)
# Solid, dashed, dotted, dash-dotted.
LINE_STYLES = ("-", "--", (0, (1, 1.5)), "-.")
# Width in inches, and height by width: for several panels, and for one.
_PANEL_SHAPE, _LONE_PANEL_SHAPE = (3.4, 0.85), (4.8, 0.65)
# Distance of the markers of a line, as a fraction of the panel.
MARKER_DISTANCE = 0.16
# Name of a band -> its lower and upper quantile, and the title of the legend.
SPREADS = {
  "range": (0.0, 1.0, "line: median, band: full range over the runs"),
  "quartiles": (0.25, 0.75, "line: median, band: quartiles over the runs"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Band:
  """The band around a curve that is the median of several runs.

  Attributes:
    low: (n,), its lower edge.
    high: (n,), its upper edge.
    spread: The kind of band, one of `SPREADS`.
    num_runs: Number of runs.
  """

  low: np.ndarray
  high: np.ndarray
  spread: str
  num_runs: int


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
  """One line of an exploitability plot.

  Attributes:
    label: The label in the legend.
    x: (n,), iterations or seconds; non-negative, finite and nondecreasing.
    values: (n,), finite.
    group: Curves of the same group have the same colour and marker, such as
      those of the same algorithm; the label if not given.
    style: Curves of the same style have the same line style, such as those with
      the same regularization.
    band: The band around the line, if any.

  Raises:
    ValueError: If the shapes differ or an entry is not allowed.
  """

  label: str
  x: np.ndarray
  values: np.ndarray
  group: str = ""
  style: str = ""
  band: Band | None = None

  def __post_init__(self):
    vars(self)["group"] = self.group or self.label
    for name in ("x", "values"):
      vars(self)[name] = validation.check_numbers(
        f"{name} of curve {self.label!r}", getattr(self, name)
      )
    shape = self.x.shape
    if len(shape) != 1 or not shape[0] or self.values.shape != shape:
      raise ValueError(
        f"curve {self.label!r} must have equal numbers of x and values, at"
        f" least one, got shapes {shape} and {self.values.shape}."
      )
    if not (
      np.isfinite(self.x).all() and (np.diff(self.x, prepend=0.0) >= 0).all()
    ):
      raise ValueError(
        f"x of curve {self.label!r} must be non-negative, finite and"
        " nondecreasing."
      )
    if not np.isfinite(self.values).all():
      bad = int(np.argmin(np.isfinite(self.values)))
      raise ValueError(
        f"values of curve {self.label!r} must be finite, got"
        f" {self.values[bad]} at position {bad}."
      )


@dataclasses.dataclass(frozen=True, eq=False)
class Panel:
  """The curves in the same axes.

  Attributes:
    curves: At least one.
    title: "" for none.
    xlabel: The label of the x axis.

  Raises:
    ValueError: If there is no curve.
  """

  curves: Sequence[Curve]
  title: str = ""
  xlabel: str = "Iteration"

  def __post_init__(self):
    if not self.curves:
      raise ValueError(f"panel {self.title!r} must have a curve, got none.")


def median_curve(curves: Sequence[Curve], spread: str = "range") -> Curve:
  """Returns the median of the curves of several runs with a band around it.

  If the runs were recorded at different x, the logarithms of their values are
  interpolated linearly, at all recorded x that are within the range of every
  run.

  Args:
    curves: One per run; label, group and style are those of the first.
    spread: The kind of band: "range", from the smallest to the largest value,
      or "quartiles".

  Raises:
    ValueError: If there is no curve, the spread is unknown, or the runs have
      no x in common.
  """
  validation.check_choice("spread", spread, SPREADS)
  if not curves:
    raise ValueError("curves must have at least one run, got none.")
  x, values = _aligned(curves)
  *quantiles, _ = SPREADS[spread]
  low, high = np.quantile(values, quantiles, axis=0)
  return dataclasses.replace(
    curves[0],
    x=x,
    values=np.median(values, axis=0),
    band=Band(low, high, spread, len(curves)),
  )


def _aligned(curves: Sequence[Curve]) -> tuple[np.ndarray, np.ndarray]:
  """Returns x, (n,), and the values of each curve there, (runs, n)."""
  x = curves[0].x
  if all(np.array_equal(curve.x, x) for curve in curves):
    return x, np.array([curve.values for curve in curves])
  x = np.unique(np.concatenate([curve.x for curve in curves]))
  first = max(curve.x[0] for curve in curves)
  last = min(curve.x[-1] for curve in curves)
  x = x[(first <= x) & (x <= last)]
  if not x.size:
    raise ValueError(
      f"curves of label {curves[0].label!r} must have x in common, but one"
      f" starts at {first:g} and one ends at {last:g}."
    )
  logs = [np.log(np.maximum(curve.values, VALUE_FLOOR)) for curve in curves]
  return x, np.exp(
    [np.interp(x, curve.x, log) for curve, log in zip(curves, logs)]
  )


def exploitability_label(measure: str, etas: Collection[float] = ()) -> str:
  """Returns the axis label of an exploitability.

  Args:
    measure: Its name, such as "NashConv".
    etas: The regularizations with which the curves of the figure are measured;
      empty for the unregularized exploitability.
  """
  match sorted(set(etas)):
    case []:
      return rf"{measure} ($\phi_0$)"
    case [eta]:
      which = rf"$\eta$ = {eta:g}"
    case _:
      which = r"$\eta$ of each curve"
  return f"{measure}, regularized\n($\\phi_\\eta$, {which})"


def exploitability_figure(
  panels: Sequence[Panel],
  ylabel: str = "Exploitability",
  log_x: bool = False,
  title: str = "",
  note: str = "",
) -> figure_lib.Figure:
  """Returns panels with curves on log axes, as in figure 2 of the paper.

  Each group has the same colour and marker in all panels, and each style the
  same line style, in the order of their first appearance. There is one legend
  for all panels. If there are more groups than colours, and one style, groups
  with the same colour have different line styles. Values below `VALUE_FLOOR`
  are drawn at this value, on a labelled dotted line.

  Args:
    panels: At least one.
    ylabel: The label of the y axis; should name the kind of exploitability.
    log_x: Whether the x axis is logarithmic, too; it is linear from 0 to about
      the smallest positive x of the panel.
    title: The title of the figure; should name the game.
    note: Text above the legend.

  Raises:
    ValueError: If there is no panel, there are more groups than `MAX_GROUPS`,
      more styles than `LINE_STYLES`, the same label with two groups or styles,
      or two kinds of bands.
  """
  curves = [curve for panel in panels for curve in panel.curves]
  groups = list(dict.fromkeys(curve.group for curve in curves))
  styles = list(dict.fromkeys(curve.style for curve in curves))
  has_free_styles = len(styles) == 1
  is_dashed = len(styles) > 1 or len(groups) > len(figures.PALETTE)
  for name, given, most in (
    ("groups", groups, MAX_GROUPS),
    ("styles", styles, len(LINE_STYLES)),
  ):
    if len(given) > most:
      raise ValueError(
        f"panels must show at most {most} {name}, got {len(given)}."
      )
  looks: dict[str, tuple[int, int]] = {}
  for curve in curves:
    look = (groups.index(curve.group), styles.index(curve.style))
    if looks.setdefault(curve.label, look) != look:
      raise ValueError(
        f"label {curve.label!r} must stand for one group and line style."
      )
  figure, all_axes = figures.panels(
    [panel.title for panel in panels],
    *(_LONE_PANEL_SHAPE if len(panels) == 1 else _PANEL_SHAPE),
    title,
  )
  entries = {}
  num_runs: dict[str, set[int | None]] = {}
  for curve in curves:
    num = curve.band.num_runs if curve.band else None
    num_runs.setdefault(curve.label, set()).add(num)
  for axes, panel in zip(all_axes, panels):
    for curve in panel.curves:
      line = _draw_curve(
        axes,
        curve,
        looks[curve.label],
        len(groups),
        has_free_styles,
        # If panels have different numbers, the titles may contain them.
        says_runs=len(num_runs[curve.label]) == 1,
      )
      entries[looks[curve.label], line.get_label()] = line
    _style_axes(axes, panel, log_x)
  for axes in figures.first_of_rows(all_axes):
    axes.set_ylabel(ylabel)
  figures.add_legend(
    figure,
    {label: entries[look, label] for look, label in sorted(entries)},
    figures.MAX_COLUMNS,
    "\n".join(filter(None, (note, _band_title(curves)))),
    # Long enough to show dashes next to the marker.
    3.6 if is_dashed else 2.0,
    # One column per colour.
    [sum(look[0] == k for look, _ in entries) for k in range(len(groups))],
  )
  return figure


def _draw_curve(
  axes: axes_lib.Axes,
  curve: Curve,
  look: tuple[int, int],
  num_groups: int,
  has_free_styles: bool,
  says_runs: bool,
):
  """Draws a curve and returns its line."""
  group, style = look
  repeats, color_index = divmod(group, len(figures.PALETTE))
  color = figures.PALETTE[color_index]
  if has_free_styles:  # Distinguishes groups with the same colour.
    style = repeats % len(LINE_STYLES)
  label = curve.label
  if curve.band:
    axes.fill_between(
      curve.x,
      np.maximum(curve.band.low, VALUE_FLOOR),
      np.maximum(curve.band.high, VALUE_FLOOR),
      color=color,
      alpha=0.2,
      linewidth=0,
    )
    if says_runs:
      label += f" ({curve.band.num_runs} runs)"
  # A single line needs no marker, but a single point does.
  marked = num_groups > 1 or curve.x.size == 1
  (line,) = axes.plot(
    curve.x,
    np.maximum(curve.values, VALUE_FLOOR),
    color=color,
    linestyle=LINE_STYLES[style],
    linewidth=1.5,
    marker=MARKERS[group % len(MARKERS)] if marked else None,
    markersize=5.5,
    markeredgecolor="white",
    markeredgewidth=0.6,
    # Markers of different groups have different positions.
    markevery=(MARKER_DISTANCE * group / num_groups, MARKER_DISTANCE),
    label=label,
  )
  return line


def _band_title(curves: Sequence[Curve]) -> str:
  spreads = {curve.band.spread for curve in curves if curve.band}
  if len(spreads) > 1:
    raise ValueError(
      f"bands must all have the same spread, got {', '.join(sorted(spreads))}."
    )
  return SPREADS[spreads.pop()][2] if spreads else ""


def _style_axes(axes: axes_lib.Axes, panel: Panel, log_x: bool) -> None:
  axes.set_yscale("log")
  positive = np.concatenate([curve.x[curve.x > 0] for curve in panel.curves])
  if log_x and positive.size:
    # A power of ten, so that no tick label overlaps with that of 0.
    first_decade = 10.0 ** np.floor(np.log10(positive.min()))
    axes.set_xscale("symlog", linthresh=first_decade)
  axes.set_xlim(left=0)
  axes.set_xlabel(panel.xlabel)
  axes.grid(color="0.9", linewidth=0.6)
  axes.set_axisbelow(True)
  axes.spines[["top", "right"]].set_visible(False)
  drawn = [curve.values for curve in panel.curves]
  drawn += [curve.band.low for curve in panel.curves if curve.band]
  if np.concatenate(drawn).min() < VALUE_FLOOR:
    axes.axhline(VALUE_FLOOR, color="0.5", linestyle=":", linewidth=1)
    # Space below the line, where there are no curves.
    axes.margins(y=0.09)
    axes.annotate(
      f"{VALUE_FLOOR:g} or less",
      (0, VALUE_FLOOR),
      xycoords=axes.get_yaxis_transform(),
      xytext=(4, -3),
      textcoords="offset points",
      verticalalignment="top",
      fontsize="small",
      color="0.3",
    )
