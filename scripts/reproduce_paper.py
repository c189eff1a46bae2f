"""Reproduces figures 2 to 5 of the MF-TRPO paper and checks its claims.

    mftrpo-reproduce-paper --logdir=results

writes to the log directory

    figure_2.png, figure_2_unregularized.png, figure_3.png, ..., figure_5.png
    <setting>_<method>_<eta>.csv   one a run, with both exploitabilities
    summary.md                     each claim of section IV with its numbers

at the settings of the paper's section IV.d: discount 0.9, eta 0.05 and 0.3,
population update rate 0.01, 5,000 iterations, crowd aversion 0.2 and 0.4.
"""

from collections.abc import Mapping
from concurrent import futures
import multiprocessing
import os
import pathlib

from absl import flags
import numpy as np

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import paper_runs
from mftrpo_openspiel.paper import summary
from mftrpo_openspiel.plots import curve_plots
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import mean_field_plots
from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import progress

FLAGS = flags.FLAGS

_LOGDIR = "mftrpo_paper_results"


def run_all(
  logdir: pathlib.Path, num_iterations: int, executor: futures.Executor
) -> summary.Runs:
  """Runs all experiments, writes a CSV for each, and returns the results."""
  all_experiments = experiments.experiments()
  results = {}
  pending = {
    executor.submit(paper_runs.perform, batch, num_iterations): batch
    for batch in paper_runs.batches(all_experiments)
  }
  with progress.progress_bar(
    total=len(all_experiments) * num_iterations,
    unit="iteration",
    unit_scale=True,
  ) as bar:
    for future in futures.as_completed(pending):
      batch = pending[future]
      for experiment, result in zip(batch, future.result(), strict=True):
        results[experiment.name] = result
        run_loop.write_csv(logdir / f"{experiment.name}.csv", result.records)
      bar.update(len(batch) * num_iterations)
  return [
    (experiment, results[experiment.name]) for experiment in all_experiments
  ]


def draw_curves(
  path: pathlib.Path, all_results: summary.Runs, quantity: str, label: str
) -> None:
  """Draws figure 2: one panel a game, solid and dashed for the two eta."""
  panels = []
  for setting, title in experiments.PANELS.items():
    curves = [
      curve_plots.Curve(
        label=_curve_label(experiment),
        x=[record.iteration for record in result.records],
        values=[getattr(record, quantity) for record in result.records],
        group=experiment.method + (" plain" * (experiment.eta is None)),
        dashed=experiment.eta == experiments.HIGH_ETA,
      )
      for experiment, result in all_results
      if experiment.setting == setting and experiment.method != "FP regularized"
    ]
    panels.append(curve_plots.Panel(curves, title))
  figures.save(curve_plots.exploitability_figure(panels, ylabel=label), path)


def _curve_label(experiment: experiments.Experiment) -> str:
  if experiment.eta is None:
    return f"{experiment.method}, plain"
  return f"{experiment.method}, eta = {experiment.eta:g}"


def draw_mean_fields(
  path: pathlib.Path, setting: str, panels: Mapping[str, np.ndarray]
) -> None:
  """Draws figure 3, 4 or 5: the mean field of a game at some iterations."""
  drawing = game_factory.create_game(setting=setting).mean_field_mdp().drawing
  figures.save(mean_field_plots.mean_field_figure(drawing, panels), path)


def draw_all(
  logdir: pathlib.Path,
  all_results: summary.Runs,
  num_iterations: int,
  executor: futures.Executor,
) -> None:
  """Draws figures 2 to 5 from the results."""
  drawn = [
    executor.submit(
      draw_curves, logdir / f"{name}.png", all_results, quantity, label
    )
    for name, quantity, label in (
      ("figure_2", "regularized_exploitability", "Regularized exploitability"),
      ("figure_2_unregularized", "exploitability", "Exploitability"),
    )
  ]
  for number, (setting, moments) in experiments.MOMENTS.items():
    (result,) = (
      result
      for experiment, result in all_results
      if (experiment.setting, experiment.method, experiment.eta)
      == (setting, "MF-TRPO", experiments.LOW_ETA)
    )
    panels = {
      "Start" if k == 0 else f"{k:,} iterations": result.mean_fields[k]
      for k in moments
      if k <= num_iterations
    }
    path = logdir / f"figure_{number}.png"
    drawn.append(executor.submit(draw_mean_fields, path, setting, panels))
  for future in drawn:
    future.result()


def main() -> None:
  """Runs everything that the flags ask for."""
  logdir = files.folder(FLAGS.logdir)
  with processes.pool(FLAGS.num_processes) as executor:
    try:
      all_results = run_all(logdir, FLAGS.num_iterations, executor)
      draw_all(logdir, all_results, FLAGS.num_iterations, executor)
    except BaseException:
      executor.shutdown(wait=False, cancel_futures=True)
      for process in multiprocessing.active_children():
        process.terminate()
      raise
  report = summary.summary(all_results, FLAGS.num_iterations)
  with files.replacing(logdir / "summary.md") as temporary:
    temporary.write_text(report, encoding="utf-8")
  print(f"Figures, tables and summary.md are in {logdir}.")


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_string("logdir", _LOGDIR, "Folder for figures and tables.")
  flags.DEFINE_integer(
    "num_iterations",
    experiments.PAPER["num_iterations"],
    "Iterations of every run.",
    lower_bound=1,
    upper_bound=run_loop.MAX_ITERATIONS,
  )
  flags.DEFINE_integer(
    "num_processes",
    os.cpu_count() or 1,
    "Runs at the same time.",
    lower_bound=1,
    upper_bound=10_000,
  )


def run() -> None:
  """Entry point of mftrpo-reproduce-paper."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
