"""Runs one algorithm on one game and prints its exploitability as it goes.

    mftrpo-solve --setting=four_rooms
    mftrpo-solve --setting=two_islands --algorithm=mf_trpo --logdir=runs/islands
    mftrpo-solve --game_name=mfg_crowd_modelling --algorithm=mirror_descent
    mftrpo-solve --setting=four_rooms_poi_5x5 --model=sampled --seed=1

The default algorithm is annealed_mf_trpo, which is a method of this package and
ends at an equilibrium. mf_trpo is the algorithm of the MF-TRPO paper as it is
printed there, which starts from the uniform policy in each iteration, or with
--warm_start from its previous policy.

A game of this package is solved over an infinite horizon unless --model says
otherwise; any other OpenSpiel mean-field game over its own finite horizon, on
arrays. With --model=sampled the algorithm sees nothing but simulated plays;
exploitability is still measured exactly. --max_environment_steps is its budget.

With --logdir the run is kept in that folder: config.json, metrics.csv,
checkpoint.npz and solution.npz. After Ctrl-C, SIGTERM, SIGHUP or a crash the
same command with --resume goes on from the last checkpoint, to the same
results.
"""

from collections.abc import Iterator
import contextlib
import sys

from absl import flags
import tqdm

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import record_lines
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.scripts import verdicts
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import progress

FLAGS = flags.FLAGS


def define_flags() -> None:
  """Defines the flags of the program."""
  experiment_flags.define_flags()
  flags.DEFINE_string(
    "logdir", None, "Folder of the run; not given: nothing is kept."
  )
  flags.DEFINE_bool(
    "resume",
    False,
    "Whether the run in --logdir, if there is one, is gone on with. It must"
    " have the same flags, but for a larger --num_iterations or"
    " --max_environment_steps.",
  )


def _method(experiment: experiment_lib.Experiment) -> str:
  """Returns what the algorithm of an experiment is called in the title."""
  if experiment.algorithm != "mf_trpo":
    return registry.title(experiment.algorithm)
  if experiment.options.get("warm_start"):
    return "MF-TRPO with a warm start (goes on from its previous policy)"
  return "MF-TRPO as printed in the paper (restarts from the uniform policy)"


def _game(experiment: experiment_lib.Experiment) -> str:
  """Returns what the game of an experiment is called in the title."""
  name = experiment.game_name or experiment.create_game().get_type().short_name
  given = [f"{key}={x}" for key, x in experiment.game_parameters.items()]
  if experiment.setting:
    given.insert(0, f"setting {experiment.setting}")
  return ", ".join([name, *given])


def _sampling(experiment: experiment_lib.Experiment) -> str:
  """Returns what the title says of a model that simulates."""
  if experiment.model not in from_game.COUNTING_MODELS:
    return ""
  given = [f"{name}={x}" for name, x in experiment.model_options.items()]
  options = f" ({', '.join(given)})" if given else ""
  return f", learning from simulated plays{options}"


def _progress_bar(
  experiment: experiment_lib.Experiment,
  first: iteration_loop.FinishedIteration,
) -> progress.Progress:
  """Returns a bar of the budget, if there is one, and else of iterations."""
  if experiment.max_environment_steps is not None:
    return progress.progress_bar(
      experiment.max_environment_steps,
      unit="environment step",
      initial=_progress(experiment, first),
    )
  return progress.progress_bar(
    experiment.num_iterations,
    unit="iteration",
    initial=max(first.iteration - 1, 0),
  )


def _progress(
  experiment: experiment_lib.Experiment,
  finished: iteration_loop.FinishedIteration,
) -> int:
  """Returns how far a bar is: environment steps or iterations."""
  budget = experiment.max_environment_steps
  if budget is None or finished.environment_steps is None:
    return finished.iteration
  return min(finished.environment_steps, budget)


@contextlib.contextmanager
def table(
  experiment: experiment_lib.Experiment,
) -> Iterator[iteration_loop.Report]:
  """Gives what prints records as they come, beside a progress bar."""
  title = f"{_method(experiment)} on {_game(experiment)}{_sampling(experiment)}"
  bar: progress.Progress | None = None

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal bar
    if bar is None:
      print(title)
      if finished.iteration:
        print(f"Goes on after iteration {finished.iteration - 1}.")
      eta = f"phi_{experiment.regularization:g}"
      print(record_lines.titles(eta, finished.environment_steps is not None))
      bar = _progress_bar(experiment, finished)
    bar.update(_progress(experiment, finished) - bar.n)
    if finished.record is not None:
      has_steps = finished.environment_steps is not None
      tqdm.tqdm.write(record_lines.line(finished.record, has_steps))
      sys.stdout.flush()

  # Made when it is first used, where Ctrl-C would end in an AttributeError.
  tqdm.tqdm.get_lock()
  try:
    yield report
  finally:
    if bar is not None:
      bar.close()


def summary(costs: run_loop.Costs) -> str:
  """Returns one line on what a run took."""

  def share(seconds: float) -> str:
    if not costs.solving:
      return f"{seconds:.3g} s"
    return f"{seconds:.3g} s ({seconds / costs.solving:.1%})"

  return (
    f"Solving took {costs.solving:.3g} s, evaluating"
    f" {share(costs.evaluating)}, writing {share(costs.writing)}."
  )


def main() -> int:
  """Runs what the flags ask for; returns the exit status."""
  if FLAGS.resume and FLAGS.logdir is None:
    raise ValueError("resume must not be given without logdir.")
  resumed = FLAGS.logdir if FLAGS.resume else None
  experiment = experiment_flags.from_flags(resumed)
  try:
    with table(experiment) as report:
      result = experiment_lib.run_experiment(
        experiment, FLAGS.logdir, FLAGS.resume, report
      )
  except run_loop.Interrupted as interrupt:
    print(f"Interrupted after iteration {interrupt.iteration}.")
    if FLAGS.logdir is not None:
      print(f"The same command with --resume goes on in {FLAGS.logdir}.")
    return interrupts.exit_status()
  if result.costs is None:
    print(f"The run in {FLAGS.logdir} is finished; nothing was changed.")
    return 0
  print(summary(result.costs))
  print(result.accuracy)
  said = verdicts.verdict(experiment, result.records)
  if said:
    print(said)
  if FLAGS.logdir is not None:
    print(f"{FLAGS.logdir} has {len(result.records)} records.")
  return 0


def run() -> None:
  """Entry point of mftrpo-solve."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
