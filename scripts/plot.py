"""Draws figures of runs: mftrpo-plot [flags] RUN_DIR...

    mftrpo-plot --x=iterations --x=seconds --output=curves.pdf runs
    mftrpo-plot --x=environment_steps --spread=quartiles samples
    mftrpo-plot --kind=mean_field --moments=0,100,1000 runs/mf_trpo
    mftrpo-plot --kind=animation --output=crowd.gif runs/mf_trpo
    mftrpo-plot --kind=difference runs/mf_trpo runs/mirror_descent

A RUN_DIR is a run directory, or a folder of run directories such as that of a
sweep. Curves can be drawn for all runs; runs with the same label are drawn as
their median and a band. The other kinds need positions for the states of the
game. These are defined for OpenSpiel's games and for those of this package;
plots.game_drawings.register adds them for other games. Over an infinite
horizon, moments are iterations whose mean field or policy was stored
(mftrpo-solve --log_distribution --log_policy), or the last one. Over a finite
horizon they are time steps of the solution. Output files end in pdf, png or
svg, animations in gif.
"""

from collections.abc import Sequence
import re

from absl import flags

from mftrpo_openspiel.plots import animation
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import drawn
from mftrpo_openspiel.plots import drawn_figures
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import mean_field_plots
from mftrpo_openspiel.plots import run_curves
from mftrpo_openspiel.plots import run_drawings
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

# The flags of each kind of picture, in addition to --output.
KINDS = {
  "curves": ("x", "log_x", "regularized", "spread", "labels", "group_by"),
  "mean_field": ("moments", "scale", "labels", "group_by"),
  "policy": ("moments", "labels", "group_by"),
  "difference": ("moments", "labels", "group_by"),
  "animation": ("scale", "frames_per_second", "max_frames", "size"),
}


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_import_flag()
  flags.DEFINE_enum("kind", "curves", list(KINDS), "Kind of the picture.")
  flags.DEFINE_string(
    "output",
    None,
    "Output file. By default <kind>.pdf in the current folder, or animation.gif"
    " for an animation.",
  )
  flags.DEFINE_list(
    "labels",
    None,
    "Labels of the runs, in their order. Curves with the same label are drawn"
    " as median and band. If not given, see --group_by.",
  )
  flags.DEFINE_list(
    "group_by",
    None,
    "Fields of the runs from which labels are made, such as"
    " algorithm,regularization. By default all fields that differ between the"
    " runs, except the seed.",
  )
  flags.DEFINE_multi_enum(
    "x",
    ["iterations"],
    list(run_curves.XS),
    "For curves: quantity on the x axis; if given twice, two plots are drawn"
    " side by side. Seconds are those of solving, without evaluation;"
    " environment steps are those simulated by --model=sampled.",
  )
  flags.DEFINE_bool("log_x", False, "For curves: logarithmic x axis.")
  flags.DEFINE_bool(
    "regularized", False, "For curves: draws the regularized exploitability."
  )
  flags.DEFINE_enum(
    "spread",
    "range",
    sorted(curve_plots.SPREADS),
    "For curves: meaning of the band over the runs with the same label.",
  )
  flags.DEFINE_list(
    "moments",
    None,
    "Iterations or time steps that are drawn. By default the first, the middle"
    " and the last one; for differences over an infinite horizon the last one.",
  )
  flags.DEFINE_enum(
    "scale",
    "log",
    sorted(mean_field_plots.SCALES),
    "For mean_field and animation: scale of the colours.",
  )
  flags.DEFINE_float(
    "frames_per_second",
    10.0,
    "For animation: number of frames per second.",
    lower_bound=0.0,
  )
  flags.DEFINE_integer(
    "max_frames",
    200,
    "For animation: maximum number of frames, chosen at even distances.",
    lower_bound=1,
    upper_bound=animation.MAX_FRAMES,
  )
  flags.DEFINE_string(
    "size",
    None,
    "For animation: width and height of the frames in pixels, as in 640x480. By"
    " default the size that the picture needs.",
  )


def main(paths: Sequence[str]) -> None:
  """Draws the requested picture of the run directories `paths`."""
  kind = FLAGS.kind
  for name in sorted({flag for names in KINDS.values() for flag in names}):
    if FLAGS[name].present and name not in KINDS[kind]:
      raise ValueError(f"--{name} is not an option of kind {kind!r}.")
  output = FLAGS.output
  if output is None:
    output = f"{kind}.{'gif' if kind == 'animation' else 'pdf'}"
  size, moments = _size(), _moments()
  if not paths:
    raise ValueError("RUN_DIR must be one or more run directories, got none.")
  runs = run_labels.load_runs(paths, FLAGS.labels, FLAGS.group_by)
  num_runs = {"animation": 1, "difference": 2}.get(kind)
  if num_runs is not None and len(runs) != num_runs:
    raise ValueError(
      f"RUN_DIR must name {num_runs} run(s) for kind {kind!r}, got {len(runs)}."
    )
  if kind == "curves":
    figure = run_curves.figure(
      runs, FLAGS.x, FLAGS.regularized, FLAGS.spread, FLAGS.log_x
    )
    figures.save(figure, output)
  else:
    _draw(kind, run_drawings.drawn_runs(runs), moments, size, output)
  print(f"{output} is written.")


def _draw(
  kind: str,
  runs: Sequence[drawn.Drawn],
  moments: Sequence[int] | None,
  size: tuple[int, int] | None,
  output: str,
) -> None:
  """Draws a kind other than curves."""
  match kind:
    case "mean_field":
      figure = drawn_figures.mean_field_figure(runs, moments, FLAGS.scale)
    case "policy":
      figure = drawn_figures.policy_figure(runs, moments)
    case "difference":
      figure = drawn_figures.difference_figure(runs, moments)
    case "animation":
      drawn_figures.save_animation(
        runs[0],
        output,
        FLAGS.scale,
        FLAGS.frames_per_second,
        FLAGS.max_frames,
        size,
      )
      return
  figures.save(figure, output)


def _moments() -> list[int] | None:
  if FLAGS.moments is None:
    return None
  try:
    return [int(moment) for moment in FLAGS.moments]
  except ValueError:
    raise ValueError(
      f"moments must be whole numbers, got {','.join(FLAGS.moments)!r}."
    ) from None


def _size() -> tuple[int, int] | None:
  if FLAGS.size is None:
    return None
  match = re.fullmatch(r"(\d+)x(\d+)", FLAGS.size)
  if match is None:
    raise ValueError(f"size must be as in 640x480, got {FLAGS.size!r}.")
  return int(match[1]), int(match[2])


def run() -> None:
  """Entry point of mftrpo-plot."""
  define_flags()
  programs.run(main, takes_arguments=True)


if __name__ == "__main__":
  run()
