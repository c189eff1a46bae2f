r"""Compares MF-TRPO with FP and OMD for the choices that the paper leaves open.

    mftrpo-paper-claim --logdir=claim

The paper claims that MF-TRPO gives "superior results in the long run", but does
not give all parameters of the compared methods. This program runs MF-TRPO as
printed with several numbers of policy updates and of population steps and
initial distributions, and Fictitious Play (FP) and Online Mirror Descent (OMD)
with several responses and learning rates, on the games and with the
regularizations of the paper. It writes to the log directory

    claim_learning_rates.png  final exploitabilities of all methods
    summary.md                where MF-TRPO ends below the baselines
    claim.csv                 a row for each run
    runs/                     the records of each run as a CSV file

The same command resumes an interrupted study with the runs that are missing.
The whole grid takes about eleven minutes of CPU time. The flags select other
values for each choice, as in

    mftrpo-paper-claim --logdir=claim_many_updates --num_policy_updates=100 \
        --num_population_steps=limit

With --document the tables are also written to a Markdown document that has the
lines '<!-- begin NAME -->' and '<!-- end NAME -->' for each of them, such as
docs/claim.md.
"""

from collections.abc import Mapping
from concurrent import futures
import os
import pathlib

from absl import flags

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.benchmarks import markdown_tables
from mftrpo_openspiel.paper import claim_figures
from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import claim_verdicts
from mftrpo_openspiel.paper import run_to_rest
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import processes
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS
FIGURE = "claim_learning_rates.png"
# Table -> its title in summary.md.
TITLES = {
  "beaten": "Number of cases in which MF-TRPO ends below each baseline",
  "finals": "Final exploitabilities",
  "since": "From which iteration on MF-TRPO is below each baseline",
  "population": "Population steps M and initial distributions",
}


def numbers(name: str, is_integer: bool = False) -> list[float | int]:
  """Returns the positive numbers of a flag that is a list.

  Args:
    name: The name of the flag.
    is_integer: Whether the numbers must be integers.

  Raises:
    ValueError: If a text is not such a number.
  """
  values: list[float | int] = []
  for text in getattr(FLAGS, name):
    try:
      number = int(text) if is_integer else float(text)
    except ValueError:
      number = text
    if is_integer:
      values.append(validation.check_int(name, number, 1))
    else:
      values.append(validation.check_real(name, number, 0, low_open=True))
  return values


def requested_grid() -> claim_grid.Grid:
  """Returns the grid that the flags describe.

  Raises:
    ValueError: If a value is refused or a list is empty.
  """
  for name in _LISTS:
    if not getattr(FLAGS, name):
      raise ValueError(f"{name} must have one or more values, got none.")
  for name, known in (
    ("settings", claim_grid.SETTINGS),
    ("initial_distributions", claim_grid.INITIAL_DISTRIBUTIONS),
  ):
    for text in getattr(FLAGS, name):
      validation.check_choice(name, text, known)
  steps: list[int | None] = [
    None
    if text == claim_grid.LIMIT
    else validation.check_int(
      "num_population_steps", int(text) if text.isdecimal() else text, 1
    )
    for text in FLAGS.num_population_steps
  ]
  return claim_grid.Grid(
    settings=FLAGS.settings,
    etas=numbers("etas"),
    num_policy_updates=[
      int(number) for number in numbers("num_policy_updates", True)
    ],
    num_population_steps=steps,
    initial_distributions=FLAGS.initial_distributions,
    learning_rates=numbers("learning_rates"),
    num_iterations=FLAGS.num_iterations,
  )


def run_all(
  experiments: Mapping[claim_grid.RunName, experiment_lib.Experiment],
  folder: pathlib.Path,
  num_processes: int,
) -> claim_verdicts.Results:
  """Performs all runs that have no file yet, and returns the results.

  Args:
    experiments: The experiments by name.
    folder: There is a CSV file of records for each finished run.
    num_processes: Number of parallel runs.
  """
  results: dict[claim_grid.RunName, claim_verdicts.Records] = {}
  pending: dict[futures.Future[run_to_rest.RunToRest], claim_grid.RunName] = {}
  total = sum(run.num_iterations for run in experiments.values())
  with (
    processes.pool(num_processes) as executor,
    progress.progress_bar(total, unit="iteration") as bar,
  ):
    for name, run in experiments.items():
      records = finished(folder / f"{name.file_name}.csv", run)
      if records is None:
        future = executor.submit(
          run_to_rest.run_to_rest, run, name.is_regularized
        )
        pending[future] = name
      else:
        results[name] = records
        bar.update(run.num_iterations)
    for future in futures.as_completed(pending):
      name = pending[future]
      results[name] = future.result().records
      metrics_table.write_csv(folder / f"{name.file_name}.csv", results[name])
      bar.update(experiments[name].num_iterations)
  return {name: results[name] for name in experiments}


def finished(
  path: pathlib.Path, run: experiment_lib.Experiment
) -> claim_verdicts.Records | None:
  """Returns the records of a finished run from its file.

  None if there is no file, or if it does not end with the last iteration.

  Raises:
    ValueError: If the file is damaged.
  """
  if not path.exists():
    return None
  records = metrics_table.read_csv(path)
  is_finished = records and records[-1].iteration == run.num_iterations
  return records if is_finished else None


def main() -> None:
  """Performs the runs and writes the results."""
  grid = requested_grid()
  if FLAGS.document:
    markdown_tables.check(FLAGS.document, TITLES)
  logdir = files.folder(FLAGS.logdir)
  results = run_all(
    claim_grid.create_experiments(grid),
    files.folder(logdir / "runs"),
    FLAGS.num_processes,
  )
  report(results, grid, logdir)
  print(f"The figure, claim.csv and summary.md are in {FLAGS.logdir}.")


def report(
  results: claim_verdicts.Results,
  grid: claim_grid.Grid,
  logdir: pathlib.Path,
) -> None:
  """Writes figure, tables and summary."""
  figure = claim_figures.learning_rate_figure(results, grid)
  figures.save(figure, logdir / FIGURE)
  rows = list(claim_verdicts.run_rows(results))
  files.write_csv(logdir / "claim.csv", rows, list(rows[0]))
  lines = ["# When is the paper's claim true?", ""]
  for name, title in TITLES.items():
    block = markdown_tables.markdown(*claim_verdicts.table(name, results, grid))
    lines += [f"## {title}", "", block]
    if FLAGS.document:
      markdown_tables.replace(FLAGS.document, name, f"\n{block}\n")
  with files.replacing(logdir / "summary.md") as temporary:
    temporary.write_text("\n".join(lines), encoding="utf-8")


# Name of a flag that is a list -> its default and description.
_DEFAULT = claim_grid.Grid()
_LISTS: dict[str, tuple[list[str], str]] = {
  "settings": (
    list(_DEFAULT.settings),
    f"Settings of the games, of {', '.join(claim_grid.SETTINGS)}.",
  ),
  "etas": (
    [f"{eta:g}" for eta in _DEFAULT.etas],
    "Regularizations of the methods and of phi_eta.",
  ),
  "num_policy_updates": (
    [str(number) for number in _DEFAULT.num_policy_updates],
    "Values of L, the number of policy updates per iteration of MF-TRPO. M and"
    " the initial distribution are varied for one L only: 10 if it is among"
    " them, else the largest.",
  ),
  "num_population_steps": (
    [str(steps or claim_grid.LIMIT) for steps in _DEFAULT.num_population_steps],
    "Values of M, the number of population steps per iteration of MF-TRPO;"
    f" '{claim_grid.LIMIT}' is the limit of many. All L are run with the last"
    " value and the first initial distribution.",
  ),
  "initial_distributions": (
    list(_DEFAULT.initial_distributions),
    "Initial distributions of the population in MF-TRPO:"
    f" {', '.join(claim_grid.INITIAL_DISTRIBUTIONS)}.",
  ),
  "learning_rates": (
    [f"{rate:g}" for rate in _DEFAULT.learning_rates],
    "Learning rates of OMD.",
  ),
}


def define_flags() -> None:
  """Defines the flags of the program."""
  flags.DEFINE_string(
    "logdir", "mftrpo_claim_results", "Folder for the runs and the results."
  )
  for name, (default, description) in _LISTS.items():
    flags.DEFINE_list(name, default, description)
  flags.DEFINE_integer(
    "num_iterations",
    _DEFAULT.num_iterations,
    "Number of iterations of each run.",
    lower_bound=1,
    upper_bound=iteration_loop.MAX_ITERATIONS,
  )
  flags.DEFINE_integer(
    "num_processes", os.cpu_count() or 1, "Number of parallel runs.", 1, 10_000
  )
  flags.DEFINE_string(
    "document", None, "Markdown document into which the tables are written."
  )


def run() -> None:
  """Entry point of mftrpo-paper-claim."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
