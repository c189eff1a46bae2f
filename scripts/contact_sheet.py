"""Draws all kinds of pictures of all games, for visual checks by maintainers.

    python -m mftrpo_openspiel.scripts.contact_sheet --output=contact_sheet

Each game is solved by two algorithms with a few iterations. The runs are kept
in runs/ in the output folder; existing runs are drawn again without solving
them again. The pictures of each kind are written to a folder of their own, and
all of them are combined on one sheet, <kind>.png. For an animation the sheet
shows its middle frame.
"""

from collections.abc import Sequence
import pathlib
from typing import Any
import warnings

from absl import flags
from PIL import Image

from mftrpo_openspiel.plots import drawn
from mftrpo_openspiel.plots import drawn_figures
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import run_curves
from mftrpo_openspiel.plots import run_drawings
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files

FLAGS = flags.FLAGS

_ROUTING = "python_mfg_dynamic_routing"
_MODELLING = "mfg_crowd_modelling_2d"
_PREY = "python_mfg_predator_prey"
# Fields of the experiments by the names of the pictures.
GAMES: dict[str, dict[str, Any]] = {
  "four_rooms": {"setting": "four_rooms"},
  "four_rooms_poi": {"setting": "four_rooms_poi"},
  "two_islands": {"setting": "two_islands"},
  "four_rooms_compiled": {"setting": "four_rooms", "model": "compiled"},
  "two_islands_compiled": {"setting": "two_islands", "model": "compiled"},
  "ring": {"game_name": "mfg_crowd_modelling"},
  "ring_python": {"game_name": "python_mfg_crowd_modelling"},
  "crowd_2d": {"game_name": _MODELLING},
  "crowd_2d_four_rooms": {
    "game_name": _MODELLING,
    "setting": "crowd_modelling_2d_four_rooms",
  },
  "crowd_2d_maze": {
    "game_name": _MODELLING,
    "setting": "crowd_modelling_2d_maze",
  },
  "predator_prey_3": {"game_name": _PREY},
  "predator_prey_4": {"game_name": _PREY, "setting": "predator_prey_5x5x4"},
  "predator_prey_torus": {
    "game_name": _PREY,
    "game_parameters": {"geometry": 1},
  },
  "crowd_avoidance": {"game_name": "python_mfg_crowd_avoidance"},
  "periodic_aversion": {"game_name": "python_mfg_periodic_aversion"},
  "linear_quadratic": {"game_name": "mean_field_lin_quad"},
  "garnet": {"game_name": "mfg_garnet"},
  "routing_line": {"game_name": _ROUTING, "setting": "dynamic_routing_line"},
  "routing_braess": {"game_name": _ROUTING},
  "routing_braess_cpp": {"game_name": "mfg_dynamic_routing"},
  "routing_sioux_falls": {
    "game_name": _ROUTING,
    "setting": "dynamic_routing_sioux_falls_dummy_demand",
    "num_iterations": 1,
  },
}
# These take many minutes.
_SLOW = {"routing_sioux_falls"}
# Fields of all experiments, unless GAMES has other values. Fictitious Play
# gives policies with clear directions in a few iterations.
_COMMON: dict[str, Any] = {
  "num_iterations": 30,
  "log_distribution": True,
}
ALGORITHMS = ("mirror_descent", "fictitious_play")
KINDS = ("curves", "mean_field", "policy", "difference", "animation")
# Width of the sheets in pixels, and scale of the pictures on them.
SHEET_WIDTH = 2700
SCALE = 0.6


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_string(
    "output", "contact_sheet", "Folder for the runs, pictures and sheets."
  )
  flags.DEFINE_list(
    "games",
    [name for name in GAMES if name not in _SLOW],
    "Games to draw, of those listed in this file. By default all except"
    f" {', '.join(_SLOW)}.",
  )


def main() -> None:
  """Makes the runs, pictures and sheets."""
  for name in FLAGS.games:
    if name not in GAMES:
      raise ValueError(f"games must be of {', '.join(GAMES)}, got {name!r}.")
  folder = files.folder(FLAGS.output, "output")
  for kind in KINDS:
    files.folder(folder / kind)
  for name in FLAGS.games:
    print(name)
    draw(solve(folder / "runs" / name, GAMES[name]), folder, name)
  for kind in KINDS:
    ending = "gif" if kind == "animation" else "png"
    paths = [folder / kind / f"{name}.{ending}" for name in FLAGS.games]
    with files.replacing(folder / f"{kind}.png") as temporary:
      sheet(paths).save(temporary)
  print(f"{', '.join(f'{kind}.png' for kind in KINDS)} are in {folder}.")


def solve(folder: pathlib.Path, fields: dict[str, Any]) -> list[run_labels.Run]:
  """Returns the runs of a game in a folder; performs those that are missing."""
  runs = []
  for algorithm in ALGORITHMS:
    path = folder / algorithm
    experiment = experiment_lib.Experiment(
      **{**_COMMON, **fields}, algorithm=algorithm
    )
    with warnings.catch_warnings():
      # The warnings on path-dependent values do not matter for pictures.
      warnings.simplefilter("ignore")
      experiment_lib.run_experiment(experiment, path, resume=True)
    runs.append((str(path), run_directory.load_run(path)))
  labels = run_labels.labels([result.config for _, result in runs])
  return [run_labels.Run(label, *run) for label, run in zip(labels, runs)]


def draw(
  runs: Sequence[run_labels.Run], folder: pathlib.Path, name: str
) -> None:
  """Draws all kinds of pictures of the runs of a game."""
  first, second = run_drawings.drawn_runs(runs)
  for kind, figure in {
    "curves": run_curves.figure(runs),
    "mean_field": drawn_figures.mean_field_figure([second]),
    "policy": drawn_figures.policy_figure([second], _moments(second)),
    "difference": drawn_figures.difference_figure([first, second]),
  }.items():
    figures.save(figure, folder / kind / f"{name}.png")
  path = folder / "animation" / f"{name}.gif"
  drawn_figures.save_animation(second, path, max_frames=20)


def _moments(run: drawn.Drawn) -> list[int] | None:
  """Returns three time steps of a finite horizon; None if it is infinite."""
  times = sorted(run.policies)
  if run.is_stationary:
    return None
  # In the last time steps actions have no effect any more.
  return [times[len(times) * part // 4] for part in range(3)]


def sheet(paths: Sequence[pathlib.Path]) -> Image.Image:
  """Returns one image with all pictures in rows, at the same scale."""
  rows: list[list[Image.Image]] = [[]]
  for path in paths:
    with Image.open(path) as file:
      file.seek(getattr(file, "n_frames", 1) // 2)
      # Animations have fewer pixels per inch.
      scale = SCALE if path.suffix == ".png" else 1.0
      size = round(file.width * scale), round(file.height * scale)
      shrunk = file.convert("RGB").resize(size)
    width = sum(other.width for other in rows[-1])
    if rows[-1] and width + shrunk.width > SHEET_WIDTH:
      rows.append([])
    rows[-1].append(shrunk)
  widths = [sum(picture.width for picture in row) for row in rows]
  heights = [max(picture.height for picture in row) for row in rows]
  result = Image.new("RGB", (max(widths), sum(heights)), "white")
  top = 0
  for row, height in zip(rows, heights):
    left = 0
    for picture in row:
      result.paste(picture, (left, top))
      left += picture.width
    top += height
  return result


def run() -> None:
  """Entry point of the program."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
