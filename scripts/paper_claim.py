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
    <setting>,eta=...,.../    a run directory for each run, as from mftrpo-solve

The same command resumes an interrupted study. The whole grid takes about 20
minutes on two cores; the flags select other values for each choice, as in

    mftrpo-paper-claim --logdir=claim_many_updates --num_policy_updates=50 \
        --num_population_steps=limit

With --document the tables are also written to a Markdown document that has the
lines '<!-- begin NAME -->' and '<!-- end NAME -->' for each of them, such as
docs/claim.md.
"""

from collections.abc import Sequence
import csv
import os
import pathlib
import sys

from absl import flags

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.benchmarks import markdown_tables
from mftrpo_openspiel.paper import claim_figures
from mftrpo_openspiel.paper import claim_grid
from mftrpo_openspiel.paper import claim_verdicts
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import sweep as sweep_lib
from mftrpo_openspiel.runs import sweep_grid
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts
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
    name: Of the flag.
    is_integer: Whether they must be integers.

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


def write_csv(path: pathlib.Path, rows: Sequence[claim_verdicts.Row]) -> None:
  """Writes a row for each run."""
  with (
    files.replacing(path) as temporary,
    temporary.open("w", newline="") as file,
  ):
    writer = csv.DictWriter(file, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)


def main() -> int:
  """Performs the runs, writes the results, and returns the exit status."""
  grid = requested_grid()
  experiments = claim_grid.create_experiments(grid)
  if FLAGS.document:
    markdown_tables.check(FLAGS.document, TITLES)
  if run_directory.has_run(FLAGS.logdir):
    raise ValueError(
      "logdir must be a folder for many runs, got the run directory"
      f" {FLAGS.logdir}."
    )
  runs = [
    sweep_grid.SweepRun(name.folder, {}, experiment)
    for name, experiment in experiments.items()
  ]
  with (
    sweep_lib.local_workers(min(FLAGS.num_processes, len(runs))) as workers,
    run_directory.locked(FLAGS.logdir) as folder,
  ):
    logdir = folder.resolve()
    outcomes, interrupted = sweep_lib.run_sweep(runs, logdir, workers)
    if interrupted:
      print("Interrupted. The same command resumes.", file=sys.stderr)
      return interrupts.exit_status()
    errors = [outcome.error for outcome in outcomes if outcome.error]
    if errors:
      raise ValueError(errors[0])
    results = {
      name: outcome.records or []
      for name, outcome in zip(experiments, outcomes)
    }
    with interrupts.deferred():
      report(results, grid, logdir)
  print(f"The figure, claim.csv and summary.md are in {FLAGS.logdir}.")
  return 0


def report(
  results: claim_verdicts.Results,
  grid: claim_grid.Grid,
  logdir: pathlib.Path,
) -> None:
  """Writes figure, tables and summary."""
  figure = claim_figures.learning_rate_figure(results, grid)
  figures.save(figure, logdir / FIGURE)
  write_csv(logdir / "claim.csv", list(claim_verdicts.run_rows(results)))
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
