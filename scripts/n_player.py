"""What policies are worth among N players.

    mftrpo-n-player [flags] [RUN_DIR...]

    mftrpo-n-player --logdir=out --num_players=10,100,1000 runs/mf_trpo
    mftrpo-n-player --logdir=out --setting=two_islands \
        --algorithm=annealed_mf_trpo --num_iterations=300
    mftrpo-n-player --logdir=out --setting=two_islands --eta=0.0001,0.001,0.01
    mftrpo-n-player --logdir=out --play=mfg_garnet,mfg_crowd_modelling

N - 1 players keep to the policy, and one player may leave it. phi_N is what it
gains by the best it can do with what it sees (--information): its own state and
the time, or also how many players are in each state. J_N is what it earns if it
stays. Both are exact; docs/finite_population.md says for which games.

The first two print phi_N, J_N - J and the distance of the players to the mean
field for each N, of finished runs or of the one that the flags of mftrpo-solve
ask for, and the slopes on log axes. --logdir then has n_player.csv,
n_player.png and the run, which the same command goes on with.

--eta does so for the regularized equilibria of a game, and tells for each N
which eta has the least phi_N, and which one at most twice of it: eta.csv,
eta.png and the equilibria, which the same command does not compute again.

--play lets N players play the uniform policy in OpenSpiel's mean-field games,
and prints their mean return beside J_N (empty where it is not known), what
OpenSpiel's PolicyValue says of the mean-field game, J, and whether that is
exact, as mftrpo-lint says: play.csv.
"""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import csv
import functools
import itertools
import pathlib
from typing import Any
import warnings

from absl import flags
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401
import pyspiel
import tqdm

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.finite_population import n_player_game
from mftrpo_openspiel.finite_population import play
from mftrpo_openspiel.finite_population import rates
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.openspiel import game_parameters
from mftrpo_openspiel.paper import regularization_study
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import finite_population_plots
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.scripts import experiment_flags
from mftrpo_openspiel.scripts import programs
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

FLAGS = flags.FLAGS

_GAP_COLUMNS = (
  "num_players",
  "information",
  "exploitability",
  "error_bound",
  "value",
  "mean_field_value",
  "distance",
  "method",
)
_SEEN = {"own": "the own state", "counts": "the own state and the counts"}


def define_flags() -> None:
  """Defines the flags of the program."""
  experiment_flags.define_flags()
  flags.DEFINE_list(
    "num_players", ["10", "30", "100", "300", "1000"], "N, one or more."
  )
  flags.DEFINE_list(
    "information",
    ["own"],
    "What the player sees who leaves the policy: own, its state and the time;"
    " counts, also how many players are in each state.",
  )
  flags.DEFINE_list(
    "eta",
    None,
    "Regularizations whose equilibria are compared; 0 for the annealed method.",
  )
  flags.DEFINE_string(
    "play",
    None,
    "Mean-field games of one population, with commas between them, that the"
    " uniform policy is played in.",
  )
  flags.DEFINE_integer("num_plays", 20, "Of --play.", lower_bound=2)
  flags.DEFINE_integer("seed", 0, "Of --play.", lower_bound=0)
  flags.DEFINE_string(
    "logdir", None, "Folder of the results; not given: they are printed only."
  )


def main(paths: Sequence[str]) -> int:
  """Does what the flags ask for; returns the exit status."""
  numbers = _num_players()
  for name in FLAGS.information or [""]:
    validation.check_choice("information", name, deviations.INFORMATION)
  _check_flags(paths)
  logdir = None if FLAGS.logdir is None else files.folder(FLAGS.logdir)
  if FLAGS.play is not None:
    _play(numbers, logdir)
    return 0
  if FLAGS.eta is not None:
    _compare_regularizations(numbers, _etas(), logdir)
    return 0
  try:
    _compare_policies(_policies(paths, logdir), numbers, logdir)
  except run_loop.Interrupted as interrupt:
    print(f"Interrupted after iteration {interrupt.iteration}.")
    if logdir is not None:
      print("The same command goes on.")
    return interrupts.exit_status()
  return 0


def _check_flags(paths: Sequence[str]) -> None:
  """Raises a ValueError where flags are given that are of no use."""
  kinds = {
    "RUN_DIR": bool(paths),
    "eta": FLAGS.eta is not None,
    "play": FLAGS.play is not None,
  }
  given = [name for name, is_given in kinds.items() if is_given]
  if len(given) > 1:
    raise ValueError(f"{' and '.join(given)} must not be given together.")
  pointless = set(experiment_flags.given_values()) if given else set()
  pointless.discard("imports")
  if given == ["eta"]:
    pointless -= {"game_name", "setting", "model"}
    pointless -= {x for x in pointless if x.startswith("game_parameters.")}
  for name in ("num_plays", "seed"):
    if FLAGS[name].present and given != ["play"]:
      raise ValueError(f"{name} must be given with play only.")
  if FLAGS["information"].present and given == ["play"]:
    raise ValueError("information must not be given with play.")
  if len(FLAGS.information) != 1 and given == ["eta"]:
    raise ValueError(
      f"information must be one with eta, got {','.join(FLAGS.information)!r}."
    )
  if pointless:
    raise ValueError(f"{min(pointless)} must not be given with {given[0]}.")


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


Policy = tuple[str, regularization_study.Model, np.ndarray]


def _policies(
  paths: Sequence[str], logdir: pathlib.Path | None
) -> list[Policy]:
  """Returns a label, a model and a policy of each run."""
  results = [run_directory.load_run(path) for path in paths]
  for path, result in zip(paths, results):
    if result.solution is None:
      raise ValueError(f"RUN_DIR must have a solution, {path} has none yet.")
  if not paths:
    results = [_solve(experiment_flags.from_flags(), logdir)]
  labels = run_labels.labels([result.config for result in results])
  return [
    (label, *_model_and_policy(result))
    for label, result in zip(labels, results)
  ]


def _solve(
  experiment: experiment_lib.Experiment, logdir: pathlib.Path | None
) -> run_directory.RunResult:
  """Returns the run of an experiment, in the folder "run" of `logdir`."""
  bar: progress.Progress | None = None

  def report(finished: iteration_loop.FinishedIteration) -> None:
    nonlocal bar
    if bar is None:  # What is refused is refused without one.
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
  """Returns what was solved and the policy that was found."""
  experiment = experiment_lib.Experiment(**result.config["experiment"])
  game = experiment.create_game()
  model: Any = from_game.create_model(result.config["model"], game)
  assert result.solution is not None
  if result.config["model"] == "openspiel":
    policy = result.solution.to_policy(model)
    model = compiled_game.CompiledGame(game)
    return model, model.from_openspiel(policy)
  return model, result.solution.for_model(model).policy


def _compare_policies(
  policies: Sequence[Policy],
  numbers: Sequence[int],
  logdir: pathlib.Path | None,
) -> None:
  """Prints what policies are worth for each number of players."""
  curves = []
  for (label, model, policy), information in itertools.product(
    policies, dict.fromkeys(FLAGS.information)
  ):
    sees = _SEEN[information]
    print(f"{label} on {model.game}; who leaves the policy sees {sees}:")
    found = _gaps(model, policy, numbers, information)
    curves.append(
      finite_population_plots.GapCurve(
        label, found, model.exploitability(policy)
      )
    )
    _print_slopes(curves[-1])
  rows = [
    [curve.label, *(getattr(gap, name) for name in _GAP_COLUMNS)]
    for curve in curves
    for gap in curve.gaps
  ]
  if logdir is not None:
    _write(logdir / "n_player.csv", ["run", *_GAP_COLUMNS], rows)
    figures.save(
      finite_population_plots.gap_figure(curves), logdir / "n_player.png"
    )
    print(f"n_player.csv and n_player.png are in {logdir}.")


def _gaps(
  model: regularization_study.Model,
  policy: np.ndarray,
  numbers: Sequence[int],
  information: str,
) -> list[gaps.Gap]:
  """Returns and prints a gap for each number of players.

  Counts are left out where they are too many, which is printed.
  """
  found: list[gaps.Gap] = []
  print(f"{'N':>9} {'phi_N':>11} {'J_N - J':>11} {'distance':>9}  method")
  for number in numbers:
    try:
      gap = gaps.find_gap(model, policy, number, information)
    except ValueError as error:
      if information == "own" or not found:
        raise
      print(f"{number:9d} left out: {error}")
      continue
    found.append(gap)
    distance = "" if gap.distance is None else f"{gap.distance:.4f}"
    print(
      f"{number:9d} {gap.exploitability:11.4e}"
      f" {gap.value - gap.mean_field_value:11.4e} {distance:>9}  {gap.method}"
    )
  return found


def _print_slopes(curve: finite_population_plots.GapCurve) -> None:
  phi = curve.mean_field_exploitability
  print(f"phi of the mean-field game: {phi:.4e}. Slopes against N:", end="")
  for name, values in (
    ("phi_N", curve.exploitabilities),
    ("|J_N - J|", curve.value_gaps),
    ("distance", curve.distances),
  ):
    rate = rates.fit(curve.num_players, values)
    print(f" {name} {'none' if rate is None else rate}", end=";")
  print()


def _compare_regularizations(
  numbers: Sequence[int], etas: Sequence[float], logdir: pathlib.Path | None
) -> None:
  """Prints phi_N of regularized equilibria, and the best eta for each N."""
  experiment = experiment_lib.create_experiment(
    {
      name: value
      for name, value in experiment_flags.given_values().items()
      if name != "algorithm"
    }
  )
  game = experiment.create_game()
  name = experiment.model_name(game)
  if name == "openspiel":
    raise ValueError("model must be stationary or compiled with eta.")
  model: Any = from_game.create_model(name, game)
  find = functools.partial(regularization_study.find_policy, model)
  if logdir is not None:
    folder = files.folder(logdir / "equilibria")
    find = functools.partial(
      regularization_study.kept_policy, model, name, folder=folder
    )
  mean_field = {}
  with progress.progress_bar(total=len(etas), unit="eta") as bar:

    def find_measured(eta: float) -> np.ndarray:
      policy = find(eta)
      mean_field[eta] = model.exploitability(policy)
      return policy

    def report(eta: float, error: ArithmeticError | None) -> None:
      bar.update()
      if error is not None:
        tqdm.tqdm.write(f"eta = {eta:g} is left out: {error}")

    results = regularization_study.study(
      model, find_measured, etas, numbers, FLAGS.information[0], report
    )
  if not results:
    raise ArithmeticError(f"no equilibrium was found on {game}.")
  sees = _SEEN[FLAGS.information[0]]
  print(
    f"phi_N of regularized equilibria on {game}, of players who see {sees}:"
  )
  print(f"{'eta':>9}", *(f"{f'N={n}':>11}" for n in numbers), f"{'crowd':>11}")
  for eta, found in results.items():
    gains = [gap.exploitability for gap in found] + [mean_field[eta]]
    print(f"{eta:9.3g}", *(f"{gain:11.4e}" for gain in gains))
  choices = []
  with progress.progress_bar(len(numbers), "population size") as bar:
    for place, number in enumerate(numbers):
      tried = {
        eta: found[place].exploitability for eta, found in results.items()
      }
      choices.append(
        regularization_study.choose(
          model, find, tried, number, FLAGS.information[0]
        )
      )
      bar.update()
  chosen = _print_choices(choices)
  if logdir is None:
    return
  columns = ["eta", "mean_field_exploitability", *_GAP_COLUMNS]
  _write(
    logdir / "eta.csv",
    columns,
    (
      [eta, mean_field[eta], *(getattr(gap, name) for name in _GAP_COLUMNS)]
      for eta, found in results.items()
      for gap in found
    ),
  )
  if any(eta > 0 for eta in results):
    figure = finite_population_plots.regularization_figure(
      results, mean_field, chosen
    )
    figures.save(figure, logdir / "eta.png")
    print(f"eta.csv, eta.png and the equilibria are in {logdir}.")


def _print_choices(
  choices: Sequence[regularization_study.Choice],
) -> dict[str, list[tuple[int, float]]]:
  """Prints which eta suits each number of players.

  Returns:
    Pairs of N and an eta by what is said of the eta.
  """
  print(f"{'N':>9} {'least phi_N':>11} {'best eta':>9} {'tolerable eta':>14}")
  for choice in choices:
    best, tolerable = (
      "none" if eta is None else f"{eta:.3g}"
      for eta in (choice.best, choice.tolerable)
    )
    print(
      f"{choice.num_players:9d} {choice.exploitability:11.4e} {best:>9}"
      f" {tolerable:>14}"
    )
  chosen = {}
  for name, label in (("best", "least gain"), ("tolerable", "twice the least")):
    pairs = [(choice.num_players, getattr(choice, name)) for choice in choices]
    chosen[label] = [(n, eta) for n, eta in pairs if eta is not None]
    rate = rates.fit(*np.reshape(chosen[label], (-1, 2)).T)
    if rate is not None:
      print(f"Slope of the {name} eta against N: {rate}.")
  print("Tolerable is up to twice the least phi_N. 1 / sqrt(N) is slope -0.50.")
  return chosen


def _play(numbers: Sequence[int], logdir: pathlib.Path | None) -> None:
  """Prints mean returns of N players beside mean-field values."""
  games = [
    game_factory.create_game(text)
    for text in game_parameters.split_at_commas(FLAGS.play)
  ]
  for game in games:  # Before any of them is played.
    n_player_game.NPlayerGame(game, 1)
  columns = ["game", "num_players", "mean_return", "standard_error"]
  rows = []
  print(f"{'N':>9} {'mean return':>20} {'J_N':>10} {'J':>10}  rewards, game")
  for game in games:
    uniform = policy_lib.UniformRandomPolicy(game)
    value, computed = play.mean_field_value(game, uniform), _values_of(game)
    is_exact = lint.lint_game(game, ["rewards"]).passed
    verdict = "exact" if is_exact else "path-dependent"
    for number in numbers:
      n_player = n_player_game.NPlayerGame(game, number)
      got = play.play(n_player, uniform, FLAGS.num_plays, FLAGS.seed)
      value_n = computed(number)
      rows.append([game, number, *got, value_n, value, verdict])
      shown = f"{got.mean:.4f} +- {got.standard_error:.4f}"
      shown_n = "" if value_n is None else f"{value_n:.4f}"
      print(
        f"{number:9d} {shown:>20} {shown_n:>10} {value:10.4f}  {verdict},"
        f" {game}"
      )
  if logdir is not None:
    columns += ["value", "mean_field_value", "rewards"]
    _write(logdir / "play.csv", columns, rows)
    print(f"play.csv is in {logdir}.")


def _values_of(game: pyspiel.Game) -> Callable[[int], float | None]:
  """Returns what gives J_N of the uniform policy, None if it is not known."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # What the linter says too.
    model = compiled_game.CompiledGame(game)
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)

  def value(num_players: int) -> float | None:
    try:
      return gaps.find_gap(model, uniform, num_players).value
    except ValueError:
      return None

  return value


def _write(
  path: pathlib.Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
  """Writes a table, whole or not at all."""
  with files.replacing(path) as temporary:
    with temporary.open("w", encoding="utf-8", newline="") as file:
      writer = csv.writer(file, lineterminator="\n")
      writer.writerow(columns)
      writer.writerows(rows)


def run() -> None:
  """Entry point of mftrpo-n-player."""
  define_flags()
  programs.run(main, takes_arguments=True)


if __name__ == "__main__":
  run()
