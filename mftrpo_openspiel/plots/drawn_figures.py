"""Figures of mean fields and policies of runs or solvers."""

from collections.abc import Sequence
import os

from matplotlib import figure as figure_lib
import numpy as np

from mftrpo_openspiel.plots import animation
from mftrpo_openspiel.plots import drawn as drawn_lib
from mftrpo_openspiel.plots import game_policies
from mftrpo_openspiel.plots import mean_field_plots


def mean_field_figure(
  runs: Sequence[drawn_lib.Drawn],
  moments: Sequence[int] | None = None,
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns the mean fields of runs with the same drawing.

  Args:
    runs: At least one.
    moments: The moments of each run; its first, middle and last if not given.
    scale: The scale of colours, see `mean_field_plots.mean_field_figure`.

  Raises:
    ValueError: If a run does not have one of the moments, there is nothing to
      draw, or the runs have different drawings.
  """
  check_alike(runs)
  panels: dict[str, np.ndarray] = {}
  for run, name in zip(runs, names(runs)):
    for moment in run.choose(run.mean_fields, moments):
      panels |= run.panels(run.mean_fields, moment, name)
  return mean_field_plots.mean_field_figure(
    runs[0].game_drawing.drawing,
    panels,
    scale,
    title(runs),
    _columns(runs, len(panels)),
  )


def policy_figure(
  runs: Sequence[drawn_lib.Drawn], moments: Sequence[int] | None = None
) -> figure_lib.Figure:
  """Returns the policies of runs with the same drawing.

  Places without players are grey.

  Args:
    runs: At least one.
    moments: As in `mean_field_figure`.

  Raises:
    ValueError: As `mean_field_figure`, or if the targets of actions are not
      known.
  """
  check_alike(runs)
  policies: dict[str, np.ndarray] = {}
  mean_fields: dict[str, np.ndarray] = {}
  for run, name in zip(runs, names(runs)):
    for moment in run.choose(run.policies, moments):
      policies |= run.panels(run.policies, moment, name)
      if moment in run.mean_fields:
        mean_fields |= run.panels(run.mean_fields, moment, name)
  return game_policies.policy_figure(
    runs[0].game_drawing,
    policies,
    mean_fields,
    title(runs),
    _columns(runs, len(policies)),
  )


def difference_figure(
  runs: Sequence[drawn_lib.Drawn], moments: Sequence[int] | None = None
) -> figure_lib.Figure:
  """Returns the mean field of the second of two runs minus that of the first.

  Args:
    runs: Two of the same horizon.
    moments: The moments that are compared. If not given, the last one of each
      run for an infinite horizon, and the first, middle and last one for a
      finite one.

  Raises:
    ValueError: If there are not two such runs; see also `mean_field_figure`.
  """
  if len(runs) != 2:
    raise ValueError(f"runs must be two for a difference, got {len(runs)}.")
  check_alike(runs)
  one, other = runs
  if one.is_stationary != other.is_stationary:
    horizons = [
      "an infinite" if run.is_stationary else "a finite" for run in runs
    ]
    raise ValueError(
      "runs must be over the same horizon for a difference, got"
      f" {' and '.join(horizons)} one."
    )
  if one.is_stationary and moments is None:
    # The last moment of each run; these may be different iterations.
    pairs = [tuple(run.choose(run.mean_fields, None)[-1] for run in runs)]
  else:
    common = one.mean_fields.keys() & other.mean_fields.keys()
    pairs = [(moment, moment) for moment in one.choose(common, moments)]
  first, second = names(runs)
  differences: dict[str, np.ndarray] = {}
  for before, after in pairs:
    above = f"{second}\n\N{MINUS SIGN} {first}"
    if before != after:
      above = (
        f"{second}, {other.moment_title(after)}\n\N{MINUS SIGN} {first},"
        f" {one.moment_title(before)}"
      )
    array = other.mean_fields[after] - one.mean_fields[before]
    panels = other.panels({after: array}, after, above)
    if before != after:
      panels = dict(zip([above], panels.values()))
    differences |= panels
  return mean_field_plots.difference_figure(
    one.game_drawing.drawing,
    differences,
    title(runs),
    _columns(runs[:1], len(differences)),
  )


def save_animation(
  run: drawn_lib.Drawn,
  path: str | os.PathLike,
  scale: str = "log",
  frames_per_second: float = 10.0,
  max_frames: int = 200,
  size: tuple[int, int] | None = None,
) -> None:
  """Writes the mean fields of a run at all its moments as a GIF.

  If there are more than `max_frames`, this number of them is selected at equal
  distances. For the other arguments see `animation.save_mean_fields`.

  Raises:
    ValueError: If there are fewer than two iterations; see also
      `animation.save_mean_fields`.
  """
  moments = sorted(run.mean_fields)
  if run.is_stationary and len(moments) < 2:
    raise ValueError(
      f"{run.name} must have mean fields of several iterations for an"
      " animation, which mftrpo-solve keeps with --log_distribution."
    )
  count = min(len(moments), max_frames)
  chosen = np.linspace(0, len(moments) - 1, count).round().astype(int)
  animation.save_mean_fields(
    run.game_drawing.drawing,
    {run.moment_title(moments[i]): run.mean_fields[moments[i]] for i in chosen},
    path,
    scale,
    frames_per_second,
    title=run.game_title,
    size=size,
  )


def title(runs: Sequence[drawn_lib.Drawn]) -> str:
  """Returns the titles of the games of runs, each once."""
  return " and ".join(dict.fromkeys(run.game_title for run in runs))


def names(runs: Sequence[drawn_lib.Drawn]) -> list[str]:
  """Returns names that distinguish the runs; "" if there is only one."""
  return [""] if len(runs) == 1 else [run.name for run in runs]


def _columns(runs: Sequence[drawn_lib.Drawn], num_panels: int) -> int | None:
  """Returns the number of panels per row: the populations, or one run's."""
  num_populations = runs[0].game_drawing.num_populations
  if num_populations > 1:
    return num_populations
  return num_panels // len(runs) if len(runs) > 1 else None


def check_alike(runs: Sequence[drawn_lib.Drawn]) -> None:
  """Checks that runs have the same drawing and number of populations.

  Raises:
    ValueError: If they differ, or there is no run.
  """
  if not runs:
    raise ValueError("runs must be at least one, got none.")
  first = runs[0].game_drawing
  for run in runs[1:]:
    other = run.game_drawing
    if (
      type(other.drawing) is not type(first.drawing)
      or other.num_populations != first.num_populations
      or not all(
        np.array_equal(value, getattr(first.drawing, field))
        for field, value in vars(other.drawing).items()
        if field != "marks"
      )
    ):
      raise ValueError(
        "runs must have the same drawing to be drawn side by side, got"
        f" {runs[0].name} and {run.name}."
      )
