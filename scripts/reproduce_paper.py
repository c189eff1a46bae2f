"""Reproduces figures 2 to 5 of the MF-TRPO paper and checks its claims.

    mftrpo-reproduce-paper --logdir=results

This performs the experiments with the settings of section IV.d of the paper
(discount 0.9, eta 0.05 and 0.3, population update rate 0.01, 5,000 iterations,
crowd aversion 0.2 and 0.4) and writes to the log directory

    figure_2.png, figure_2_unregularized.png, figure_3.png, ..., figure_5.png
    <setting>_<method>_<eta>.csv   both exploitabilities of each run
    summary.md                     verdict on each claim of section IV
"""

from concurrent import futures
import functools
import os
import pathlib

from absl import flags

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import paper_figures
from mftrpo_openspiel.paper import report
from mftrpo_openspiel.paper import run_to_rest
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import progress

FLAGS = flags.FLAGS


def run_all(
  logdir: pathlib.Path, num_iterations: int, executor: futures.Executor
) -> claims.Results:
  """Performs all runs, writes a CSV file for each, and returns the results."""
  runs = experiments.create_experiments(num_iterations)
  pending = {
    executor.submit(run_to_rest.run_to_rest, run, name.eta is not None): name
    for name, run in runs.items()
  }
  with progress.progress_bar(
    len(pending) * num_iterations, unit="iteration"
  ) as bar:
    for future in futures.as_completed(pending):
      path = logdir / f"{pending[future].file_name}.csv"
      metrics_table.write_csv(path, future.result().records)
      bar.update(num_iterations)
  return {name: future.result() for future, name in pending.items()}


def draw_figure(
  name: str, results: claims.Results, logdir: pathlib.Path
) -> None:
  """Writes one of `paper_figures.FIGURES` to the log directory."""
  figures.save(paper_figures.FIGURES[name](results), logdir / f"{name}.png")


def main() -> None:
  """Performs the runs and writes figures, tables and the summary."""
  logdir = files.folder(FLAGS.logdir)
  with processes.pool(FLAGS.num_processes) as executor:
    results = run_all(logdir, FLAGS.num_iterations, executor)
    draw = functools.partial(draw_figure, results=results, logdir=logdir)
    list(executor.map(draw, paper_figures.FIGURES))
  with files.replacing(logdir / "summary.md") as temporary:
    temporary.write_text(report.report(results), encoding="utf-8")
  print(f"Figures, tables and summary.md are in {logdir}.")


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_string(
    "logdir", "mftrpo_paper_results", "Folder for the figures and tables."
  )
  flags.DEFINE_integer(
    "num_iterations",
    experiments.PAPER["num_iterations"],
    "Number of iterations of each run.",
    lower_bound=1,
    upper_bound=iteration_loop.MAX_ITERATIONS,
  )
  flags.DEFINE_integer(
    "num_processes", os.cpu_count() or 1, "Number of parallel runs.", 1, 10_000
  )


def run() -> None:
  """Entry point of mftrpo-reproduce-paper."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
