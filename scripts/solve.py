"""Runs one algorithm on one game and prints its exploitability.

    mftrpo-solve --setting=four_rooms
    mftrpo-solve --setting=two_islands --algorithm=mf_trpo --logdir=runs/islands
    mftrpo-solve --game_name=mfg_crowd_modelling --algorithm=mirror_descent
    mftrpo-solve --setting=four_rooms_poi_5x5 --model=sampled --seed=1

The default algorithm is annealed_mf_trpo, a method of this package that
converges to an equilibrium. mf_trpo is the algorithm of the MF-TRPO paper. As
printed there, each iteration starts from the uniform policy; with --warm_start
it starts from the previous policy.

By default, games of this package are solved over an infinite horizon, and all
other mean-field games of OpenSpiel over their own finite horizon, on arrays;
see --model. With --model=sampled the algorithm learns from simulated plays
only, and exploitability is still measured exactly. --max_environment_steps
limits the number of simulated steps.

With --logdir the run is stored in that folder: config.json, metrics.csv,
checkpoint.npz and solution.npz. After Ctrl-C, SIGTERM, SIGHUP or a crash, the
same command with --resume continues from the last checkpoint and gives the same
results as an uninterrupted run.
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
    "logdir", None, "Folder of the run. If not given, nothing is stored."
  )
  flags.DEFINE_bool(
    "resume",
    False,
    "Resumes the run in --logdir if there is one. The flags must be the same as"
    " before, except that --num_iterations and --max_environment_steps may be"
    " larger.",
  )


def _method(experiment: experiment_lib.Experiment) -> str:
  """Returns the name of the algorithm for the title."""
  if experiment.algorithm != "mf_trpo":
    return registry.title(experiment.algorithm)
  if experiment.options.get("warm_start"):
    return "MF-TRPO with a warm start (starts from its previous policy)"
  return "MF-TRPO as printed in the paper (restarts from the uniform policy)"


def _game(experiment: experiment_lib.Experiment) -> str:
  """Returns the name and parameters of the game for the title."""
  name = experiment.game_name or experiment.create_game().get_type().short_name
  given = [f"{key}={x}" for key, x in experiment.game_parameters.items()]
  if experiment.setting:
    given.insert(0, f"setting {experiment.setting}")
  return ", ".join([name, *given])


def _sampling(experiment: experiment_lib.Experiment) -> str:
  """Returns the part of the title on a sampled model, or ""."""
  if experiment.model not in from_game.COUNTING_MODELS:
    return ""
  given = [f"{name}={x}" for name, x in experiment.model_options.items()]
  options = f" ({', '.join(given)})" if given else ""
  return f", learning from simulated plays{options}"


def _progress_bar(
  experiment: experiment_lib.Experiment,
  first: iteration_loop.FinishedIteration,
) -> progress.Progress:
  """Returns a progress bar of environment steps, if limited, or iterations."""
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
  """Returns the number of environment steps or iterations so far."""
  budget = experiment.max_environment_steps
  if budget is None or finished.environment_steps is None:
    return finished.iteration
  return min(finished.environment_steps, budget)


@contextlib.contextmanager
def table(
  experiment: experiment_lib.Experiment,
) -> Iterator[iteration_loop.Report]:
  """Yields a function that prints records and updates a progress bar."""
  title = f"{_method(experiment)} on {_game(experiment)}{_sampling(experiment)}"
  bar: progress.Progress | None = None

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal bar
    if bar is None:
      print(title)
      if finished.iteration:
        print(f"Resumed after iteration {finished.iteration - 1}.")
      eta = f"phi_{experiment.regularization:g}"
      print(record_lines.titles(eta, finished.environment_steps is not None))
      bar = _progress_bar(experiment, finished)
    bar.update(_progress(experiment, finished) - bar.n)
    if finished.record is not None:
      has_steps = finished.environment_steps is not None
      tqdm.tqdm.write(record_lines.line(finished.record, has_steps))
      sys.stdout.flush()

  # tqdm creates its lock on first use; Ctrl-C there would end in an
  # AttributeError.
  tqdm.tqdm.get_lock()
  try:
    yield report
  finally:
    if bar is not None:
      bar.close()


def summary(costs: run_loop.Costs) -> str:
  """Returns one line on the time that a run took."""

  def share(seconds: float) -> str:
    if not costs.solving:
      return f"{seconds:.3g} s"
    return f"{seconds:.3g} s ({seconds / costs.solving:.1%})"

  return (
    f"Solving took {costs.solving:.3g} s, evaluating"
    f" {share(costs.evaluating)}, writing {share(costs.writing)}."
  )


def main() -> int:
  """Runs the experiment given by the flags; returns the exit status."""
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
      print(f"The same command with --resume continues {FLAGS.logdir}.")
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
    print(f"{FLAGS.logdir} contains {len(result.records)} records.")
  return 0


def run() -> None:
  """Entry point of mftrpo-solve."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
