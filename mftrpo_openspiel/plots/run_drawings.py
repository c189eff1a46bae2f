"""Mean fields and policies of runs on disk, where their states lie on paper."""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses
import os

from matplotlib import figure as figure_lib
import numpy as np

# Registers OpenSpiel's own games in Python.
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401

from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.plots import animation
from mftrpo_openspiel.plots import mean_field_plots
from mftrpo_openspiel.plots import policy_plots
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import solutions


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnRun:
  """What of a run can be drawn, by moments.

  Moments are iterations over an infinite horizon, and over a finite one the
  time steps of the solution.

  Attributes:
    path: Of the run.
    mdp: What was played.
    drawing: Where its S states lie.
    is_stationary: Whether over an infinite horizon.
    mean_fields: (S,) arrays.
    policies: (S, A) arrays; a row of zeros where nothing is known.
  """

  path: str
  mdp: mdp_lib.MeanFieldMDP
  drawing: drawing_lib.Drawing
  is_stationary: bool
  mean_fields: dict[int, np.ndarray]
  policies: dict[int, np.ndarray]

  def title(self, moment: int) -> str:
    """Returns what a moment is called."""
    if not self.is_stationary:
      return f"t = {moment}"
    return "Start" if moment == 0 else f"{moment:,} iterations"

  def choose(
    self, available: Collection[int], moments: Sequence[int] | None
  ) -> list[int]:
    """Returns the moments to draw; the first, middle and last if not given.

    Raises:
      ValueError: If one is not available, or none is.
    """
    there = sorted(available)
    if not there:
      raise ValueError(
        f"{self.path} must have a solution to draw, it has none."
      )
    if moments is None:
      return list(dict.fromkeys([there[0], there[len(there) // 2], there[-1]]))
    for moment in moments:
      if moment not in available:
        nearest = min(there, key=lambda other: abs(other - moment))
        raise ValueError(
          f"moments must be of the {len(there)} that {self.path} has, from"
          f" {there[0]} to {there[-1]}, got {moment}; the nearest is {nearest}."
        )
    return list(moments)


def drawn_run(run: run_labels.Run) -> DrawnRun:
  """Returns what of a run can be drawn.

  Raises:
    ValueError: If its states do not lie on paper, or over a finite horizon it
      has no solution yet.
  """
  run_directory.import_plugins(run.path)
  game = game_factory.create_game(run.result.config["game"])
  is_mdp = isinstance(game, mdp_game.MDPGame)
  if not is_mdp or game.mean_field_mdp().drawing is None:
    lack = "a drawing" if is_mdp else "a mean-field MDP"
    raise ValueError(
      f"{run.path} must be a run of a game with {lack} for any kind but"
      f" 'curves', got {game.get_type().short_name!r}."
    )
  mdp, solution = game.mean_field_mdp(), run.result.solution
  is_stationary = run.result.config["model"] == "stationary"
  if is_stationary:
    mean_fields, policies = dict(run.result.mean_fields), {}
    if solution:
      mean_fields[solution.iteration] = solution.mean_field
      policies[solution.iteration] = solution.policy
  elif solution:
    mean_fields, policies = _by_time(game, solution)
  else:
    raise ValueError(f"{run.path} must have a solution to draw, it has none.")
  return DrawnRun(
    run.path, mdp, mdp.drawing, is_stationary, mean_fields, policies
  )


def _by_time(
  game: mdp_game.MDPGame, solution: solutions.Solution
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
  """Returns mean fields and policies of all times; 0 in states left out."""
  rows = {
    string: row for row, string in enumerate(solution.observation_strings)
  }
  # The last row, of zeros, is for states that the model has not.
  found = np.reshape(
    [rows.get(string, -1) for string in mdp_form.MDPForm(game).strings],
    (game.horizon, game.num_states),
  )
  masses = np.append(solution.mean_field, 0.0)[found]
  laws = np.pad(solution.policy, ((0, 1), (0, 0)))[found]
  return dict(enumerate(masses)), dict(enumerate(laws))


def mean_field_figure(
  runs: Sequence[run_labels.Run],
  moments: Sequence[int] | None = None,
  scale: str = "log",
) -> figure_lib.Figure:
  """Returns the mean fields of runs on the same grid or graph.

  Args:
    runs: At least one.
    moments: Which are drawn of each run; its first, middle and last if not
      given.
    scale: Of the colours, see `mean_field_plots.mean_field_figure`.

  Raises:
    ValueError: If a run has not such a moment, or there is nothing to draw.
  """
  first, panels = _panels(runs, "mean_fields", moments)
  return mean_field_plots.mean_field_figure(first.drawing, panels, scale)


def policy_figure(
  runs: Sequence[run_labels.Run], moments: Sequence[int] | None = None
) -> figure_lib.Figure:
  """Returns the policies of runs of one game on a grid.

  Args:
    runs: At least one.
    moments: As in `mean_field_figure`; over an infinite horizon there is the
      last iteration only.

  Raises:
    ValueError: If the runs are of several games, or see `mean_field_figure`.
  """
  games = dict.fromkeys(run.result.config["game"] for run in runs)
  if len(games) > 1:
    raise ValueError(
      f"RUN_DIR must be runs of one game, got {' and '.join(games)}."
    )
  first, panels = _panels(runs, "policies", moments)
  return policy_plots.policy_figure(first.mdp, panels)


def difference_figure(
  runs: Sequence[run_labels.Run], moments: Sequence[int] | None = None
) -> figure_lib.Figure:
  """Returns the mean field of the second of two runs minus that of the first.

  Args:
    runs: Two of the same horizon.
    moments: Which are compared. If not given, the last one of each run over an
      infinite horizon, and the first, middle and last one over a finite one.

  Raises:
    ValueError: If there are not two such runs, or see `mean_field_figure`.
  """
  if len(runs) != 2:
    raise ValueError(
      f"RUN_DIR must be two runs for a difference, got {len(runs)}."
    )
  one, other = _drawn_alike(runs)
  if one.is_stationary != other.is_stationary:
    models = [run.result.config["model"] for run in runs]
    raise ValueError(
      "RUN_DIR must be runs over the same horizon for a difference, got models"
      f" {' and '.join(models)}."
    )
  first, second = _names(runs)
  title = f"{second}\n\N{MINUS SIGN} {first}"
  if one.is_stationary and moments is None:
    before, after = (
      run.mean_fields[run.choose(run.mean_fields, None)[-1]]
      for run in (one, other)
    )
    differences = {title: after - before}
  else:
    common = one.mean_fields.keys() & other.mean_fields.keys()
    differences = {
      f"{title}, {one.title(moment)}": (
        other.mean_fields[moment] - one.mean_fields[moment]
      )
      for moment in one.choose(common, moments)
    }
  return mean_field_plots.difference_figure(one.drawing, differences)


def save_animation(
  runs: Sequence[run_labels.Run],
  path: str | os.PathLike,
  scale: str = "log",
  frames_per_second: float = 10.0,
  max_frames: int = 200,
) -> None:
  """Writes the mean fields of a run at all its moments as a GIF.

  If there are more than `max_frames`, as many of them, evenly chosen. The rest
  is as in `animation.save_mean_fields`.

  Raises:
    ValueError: If there is not one run with several moments, or see
      `animation.save_mean_fields`.
  """
  if len(runs) != 1:
    raise ValueError(
      f"RUN_DIR must be one run for an animation, got {len(runs)}."
    )
  (run,) = _drawn_alike(runs)
  moments = sorted(run.mean_fields)
  if run.is_stationary and len(moments) < 2:
    raise ValueError(
      f"{run.path} must have mean fields of several iterations for an"
      " animation, which mftrpo-solve keeps with --log_distribution."
    )
  count = min(len(moments), max_frames)
  chosen = np.linspace(0, len(moments) - 1, count).round().astype(int)
  animation.save_mean_fields(
    run.drawing,
    {run.title(moments[i]): run.mean_fields[moments[i]] for i in chosen},
    path,
    scale,
    frames_per_second,
  )


def _drawn_alike(runs: Sequence[run_labels.Run]) -> list[DrawnRun]:
  """Returns runs that lie on the same paper."""
  drawn = [drawn_run(run) for run in runs]
  first = drawn[0].drawing
  for run in drawn[1:]:
    if type(run.drawing) is not type(first) or not all(
      np.array_equal(value, getattr(first, name))
      for name, value in vars(run.drawing).items()
      if name != "marks"
    ):
      raise ValueError(
        "RUN_DIR must be runs on the same grid or graph, got"
        f" {drawn[0].path} and {run.path}."
      )
  return drawn


def _names(runs: Sequence[run_labels.Run]) -> list[str]:
  """Returns what tells the runs apart; nothing where there is one."""
  if len(runs) == 1:
    return [""]
  labels = [run.label for run in runs]
  return labels if len(set(labels)) == len(runs) else [run.path for run in runs]


def _panels(
  runs: Sequence[run_labels.Run],
  attribute: str,
  moments: Sequence[int] | None,
) -> tuple[DrawnRun, dict[str, np.ndarray]]:
  """Returns the first run, and arrays of all at their moments, by titles."""
  drawn, panels = _drawn_alike(runs), {}
  for name, run in zip(_names(runs), drawn):
    arrays = getattr(run, attribute)
    for moment in run.choose(arrays, moments):
      title = f"{name}\n{run.title(moment)}" if name else run.title(moment)
      panels[title] = arrays[moment]
  return drawn[0], panels
