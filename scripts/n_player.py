"""Evaluates policies in games of N players.

    mftrpo-n-player [flags] [RUN_DIR...]

    mftrpo-n-player --logdir=out --num_players=10,100,1000 runs/mf_trpo
    mftrpo-n-player --logdir=out --setting=two_islands --num_iterations=300
    mftrpo-n-player --logdir=out --setting=two_islands --eta=0.0001,0.001,0.01
    mftrpo-n-player --logdir=out --play=mfg_garnet,mfg_crowd_modelling

N - 1 players follow the policy, and one player may deviate from it. phi_N is
the gain of its best deviation, given what it observes (--information): its own
state and the time, or also the number of players in each state. J_N is its
return if it does not deviate. Both are exact; docs/finite_population.md says
for which games.

The first two commands print phi_N, J_N - J, and the distance between the
players' empirical distribution and the mean field for each N, and the slopes on
log-log axes. They do so for finished runs, or for a run defined by the flags of
mftrpo-solve. --logdir then contains n_player.csv, n_player.png and the run,
which the same command resumes.

--eta does the same for the regularized equilibria of a game. It also reports
for each N the eta with the smallest phi_N, and the largest eta whose phi_N is
at most twice as large. --logdir then contains eta.csv, eta.png and the
equilibria, which the same command does not compute again.

--play lets N players play the uniform policy in OpenSpiel's mean-field games.
It prints their mean return, J_N (empty if it is not known), the value J that
OpenSpiel's PolicyValue computes for the mean-field game, and whether that value
is exact according to mftrpo-lint. --logdir then contains play.csv.
"""

from collections.abc import Sequence
import functools
import pathlib
from typing import Any

from absl import flags
import numpy as np
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.paper import regularization_study
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import n_player_tables
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS


def define_flags() -> None:
  """Defines the flags of the program."""
  experiment_flags.define_flags()
  flags.DEFINE_list(
    "num_players",
    ["10", "30", "100", "300", "1000"],
    "One or more numbers of players, N.",
  )
  flags.DEFINE_list(
    "information",
    ["own"],
    "What the deviating player observes.\nown: its own state and the time.\n"
    "counts: also the number of players in each state.",
  )
  flags.DEFINE_list(
    "eta",
    None,
    "Regularizations whose equilibria are compared; 0 for an equilibrium found"
    " by the annealed method.",
  )
  flags.DEFINE_string(
    "play",
    None,
    "Comma-separated mean-field games of one population, in which the uniform"
    " policy is played.",
  )
  flags.DEFINE_integer(
    "num_plays", 20, "Number of plays of each game of --play.", lower_bound=2
  )
  flags.DEFINE_integer(
    "num_samples",
    None,
    "Number of random samples of the other players' states, for rewards that"
    " are not known to be local, linear or quadratic in the mean field. phi_N"
    " then has an error bound, in n_player.csv.",
  )
  seed = FLAGS["seed"]
  seed.help = "Seed of --play, --num_samples and --model=sampled (default 0)."
  flags.DEFINE_string(
    "logdir",
    None,
    "Folder for the results. If not given, they are only printed.",
  )


def main(paths: Sequence[str]) -> int:
  """Runs the program; returns the exit status."""
  numbers, seed = _num_players(), _seed()
  for name in FLAGS.information or [""]:
    validation.check_choice("information", name, deviations.INFORMATION)
  _check_flags(paths)
  logdir = None if FLAGS.logdir is None else files.folder(FLAGS.logdir)
  if FLAGS.play is not None:
    games = [
      game_factory.create_game(text)
      for text in game_parameters.split_at_commas(FLAGS.play)
    ]
    n_player_tables.play_games(games, numbers, FLAGS.num_plays, seed, logdir)
    return 0
  if FLAGS.eta is not None:
    _compare_regularizations(numbers, _etas(), logdir)
    return 0
  try:
    policies = _policies(paths, logdir)
    n_player_tables.compare_policies(
      policies,
      numbers,
      FLAGS.information,
      logdir,
      FLAGS.num_samples,
      seed,
    )
  except run_loop.Interrupted as interrupt:
    print(f"Interrupted after iteration {interrupt.iteration}.")
    if logdir is not None:
      print("The same command resumes the run.")
    return interrupts.exit_status()
  return 0


def _check_flags(paths: Sequence[str]) -> None:
  """Raises a ValueError if a flag is given that would have no effect."""
  kinds = {
    "RUN_DIR": bool(paths),
    "eta": FLAGS.eta is not None,
    "play": FLAGS.play is not None,
  }
  given = [name for name, is_given in kinds.items() if is_given]
  if len(given) > 1:
    raise ValueError(f"{' and '.join(given)} must not be given together.")
  pointless = (
    set(experiment_flags.given_values(_flags_of_plays())) if given else set()
  )
  pointless.discard("imports")
  if given == ["eta"]:
    pointless -= {"game_name", "setting", "model"}
    pointless -= {x for x in pointless if x.startswith("game_parameters.")}
  if FLAGS["num_plays"].present and given != ["play"]:
    raise ValueError("num_plays must be given with play only.")
  if FLAGS["num_samples"].present and given in (["eta"], ["play"]):
    raise ValueError(f"num_samples must not be given with {given[0]}.")
  if FLAGS["seed"].present and not (
    given == ["play"]
    or FLAGS["num_samples"].present
    or (FLAGS.model == "sampled" and not given)
  ):
    raise ValueError(
      "--seed must be given with --play, --num_samples or --model=sampled only."
    )
  if FLAGS["information"].present and given == ["play"]:
    raise ValueError("information must not be given with play.")
  if len(FLAGS.information) != 1 and given == ["eta"]:
    raise ValueError(
      f"information must be one with eta, got {','.join(FLAGS.information)!r}."
    )
  if pointless:
    raise ValueError(f"{min(pointless)} must not be given with {given[0]}.")


def _flags_of_plays() -> tuple[str, ...]:
  """Returns the names of flags that do not belong to the run."""
  return () if FLAGS.model == "sampled" else ("seed",)


def _seed() -> int:
  return validation.check_int("seed", FLAGS.seed or 0, 0)


def _num_players() -> list[int]:
  try:
    numbers = [int(text) for text in FLAGS.num_players]
  except ValueError:
    numbers = []
  if not numbers or min(numbers) < 1:
    raise ValueError(
      "num_players must be whole numbers of at least 1, got"
      f" {','.join(FLAGS.num_players)!r}."
    )
  return sorted(set(numbers))


def _etas() -> list[float]:
  try:
    etas = [float(text) for text in FLAGS.eta]
  except ValueError:
    etas = []
  if not etas or not all(0 <= eta < np.inf for eta in etas):
    raise ValueError(
      f"eta must be numbers of at least 0, got {','.join(FLAGS.eta)!r}."
    )
  return sorted(set(etas))


def _policies(
  paths: Sequence[str], logdir: pathlib.Path | None
) -> list[n_player_tables.Policy]:
  """Returns a label, a model and a policy of each run."""
  results = [run_directory.load_run(path) for path in paths]
  for path, result in zip(paths, results):
    if result.solution is None:
      raise ValueError(f"RUN_DIR must have a solution, {path} has none yet.")
    run_directory.import_plugins(path)
  if not paths:
    experiment = experiment_flags.from_flags(others=_flags_of_plays())
    _check_rewards(experiment)
    results = [_solve(experiment, logdir)]
  labels = run_labels.labels([result.config for result in results])
  return [
    (label, *_model_and_policy(result))
    for label, result in zip(labels, results)
  ]


def _check_rewards(experiment: experiment_lib.Experiment) -> None:
  """Raises a ValueError, before solving, if the reward needs --num_samples."""
  if "own" in FLAGS.information:
    game = experiment.create_game()
    name = from_game.exact_kind(
      experiment.model_name(game), game, experiment.model_options
    )
    name = "compiled" if name == "openspiel" else name
    model: Any = from_game.create_model(name, game)
    deviations.own_state_rewards(model, FLAGS.num_samples, _seed())


def _solve(
  experiment: experiment_lib.Experiment, logdir: pathlib.Path | None
) -> run_directory.RunResult:
  """Returns the run of an experiment, in the folder "run" of `logdir`."""
  bar: progress.Progress | None = None

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal bar
    if bar is None:  # Refused experiments do not show a progress bar.
      bar = progress.progress_bar(
        total=experiment.num_iterations, unit="iteration"
      )
    bar.update(finished.iteration - bar.n)

  run = None if logdir is None else logdir / "run"
  try:
    return experiment_lib.run_experiment(
      experiment, run, resume=run is not None, report=report
    )
  finally:
    if bar is not None:
      bar.close()


def _model_and_policy(
  result: run_directory.RunResult,
) -> tuple[regularization_study.Model, np.ndarray]:
  """Returns the model of a run and the policy of its solution."""
  experiment = experiment_lib.Experiment(**result.config["experiment"])
  game = experiment.create_game()
  model: Any = from_game.create_model(result.config["model"], game)
  assert result.solution is not None
  if result.config["model"] == "openspiel":
    policy = result.solution.to_policy(model)
    model = compiled_game.CompiledGame(game)
    return model, model.from_openspiel(policy)
  return model, result.solution.for_model(model).policy


def _compare_regularizations(
  numbers: Sequence[int], etas: Sequence[float], logdir: pathlib.Path | None
) -> None:
  """Compares the regularized equilibria of the game given by the flags."""
  experiment = experiment_lib.create_experiment(
    {
      name: value
      for name, value in experiment_flags.given_values(
        _flags_of_plays()
      ).items()
      if name != "algorithm"
    }
  )
  game = experiment.create_game()
  name = experiment.model_name(game)
  if name not in ("stationary", "compiled"):
    raise ValueError("model must be stationary or compiled with eta.")
  model: Any = from_game.create_model(name, game)
  find = functools.partial(regularization_study.find_policy, model)
  if logdir is not None:
    folder = files.folder(logdir / "equilibria")
    find = functools.partial(
      regularization_study.kept_policy, model, name, folder=folder
    )
  n_player_tables.compare_regularizations(
    model, find, etas, numbers, FLAGS.information[0], logdir
  )


def run() -> None:
  """Entry point of mftrpo-n-player."""
  define_flags()
  programs.run(main, takes_arguments=True)


if __name__ == "__main__":
  run()
