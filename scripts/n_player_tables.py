"""The tables of mftrpo-n-player: printed, and written to files."""

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
import csv
import functools
import itertools
import pathlib
from typing import Any
import warnings

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel
import tqdm

from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.finite_population import n_player_game
from mftrpo_openspiel.finite_population import play
from mftrpo_openspiel.finite_population import rates
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.paper import regularization_study
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import finite_population_plots
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import progress
from mftrpo_openspiel.utils import tabular_policies

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
_SEEN = {"own": "its own state", "counts": "its own state and all counts"}
# A label, a model and a policy.
Policy = tuple[str, regularization_study.Model, np.ndarray]


def compare_policies(
  policies: Sequence[Policy],
  numbers: Sequence[int],
  kinds_of_information: Sequence[str],
  logdir: pathlib.Path | None,
  num_samples: int | None,
  seed: int,
) -> None:
  """Prints phi_N, J_N - J and the distance for each number of players.

  Args:
    policies: The policies, each with its label and model.
    numbers: Numbers of players.
    kinds_of_information: What the deviating player observes, one or more.
    logdir: Folder for n_player.csv and n_player.png, or None.
    num_samples: Number of samples for rewards that are not known to be local or
      linear; see `deviations.exploitability`.
    seed: Seed of these samples.
  """
  curves = []
  for (label, model, policy), information in itertools.product(
    policies, dict.fromkeys(kinds_of_information)
  ):
    sees = _SEEN[information]
    print(f"{label} on {model.game}; the deviating player observes {sees}:")
    find = functools.partial(
      gaps.find_gap,
      model,
      policy,
      information=information,
      num_samples=num_samples,
      seed=seed,
    )
    found = _gaps(find, numbers, information)
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
    models = {_name(model) for _, model, _ in policies}
    figure = finite_population_plots.gap_figure(
      curves, models.pop() if len(models) == 1 else ""
    )
    figures.save(figure, logdir / "n_player.png")
    print(f"n_player.csv and n_player.png are in {logdir}.")


def _gaps(
  find: Callable[[int], gaps.Gap], numbers: Sequence[int], information: str
) -> list[gaps.Gap]:
  """Returns and prints a gap for each number of players.

  With the information "counts", numbers of players with too many counts are
  skipped with a printed note.
  """
  found: list[gaps.Gap] = []
  print(f"{'N':>9} {'phi_N':>11} {'J_N - J':>11} {'distance':>9}  method")
  for number in numbers:
    try:
      gap = find(number)
    except ValueError as error:
      if information == "own" or not found:
        raise
      print(f"{number:9d} skipped: {error}")
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
  slopes = []
  for name, values in (
    ("phi_N", curve.exploitabilities),
    ("|J_N - J|", curve.value_gaps),
    ("distance", curve.distances),
  ):
    rate = rates.fit(curve.num_players, values)
    slopes.append(f"{name} {'none' if rate is None else rate}")
  print(
    f"phi of the mean-field game: {phi:.4e}. Slopes against N:"
    f" {'; '.join(slopes)}."
  )


def _name(model: regularization_study.Model) -> str:
  """Returns a title: the game of a model and its horizon."""
  is_stationary = isinstance(model, stationary_model.StationaryModel)
  horizon = "infinite" if is_stationary else "finite"
  return f"{games.brief_name(model.game)}, {horizon} horizon"


def compare_regularizations(
  model: regularization_study.Model,
  find: Callable[[float], np.ndarray],
  etas: Sequence[float],
  numbers: Sequence[int],
  information: str,
  logdir: pathlib.Path | None,
) -> None:
  """Prints phi_N of regularized equilibria, and the best eta for each N.

  Args:
    model: Model of the game.
    find: Returns the policy for an eta.
    etas: The regularizations.
    numbers: Numbers of players.
    information: What the deviating player observes.
    logdir: Folder for eta.csv and eta.png, or None.

  Raises:
    ArithmeticError: If no equilibrium is found.
  """
  mean_field = {}
  with progress.progress_bar(total=len(etas), unit="eta") as bar:

    def find_measured(eta: float) -> np.ndarray:
      policy = find(eta)
      mean_field[eta] = model.exploitability(policy)
      return policy

    def report(eta: float, error: ArithmeticError | None) -> None:
      bar.update()
      if error is not None:
        tqdm.tqdm.write(f"eta = {eta:g} is skipped: {error}")

    results = regularization_study.study(
      model, find_measured, etas, numbers, information, report
    )
  if not results:
    raise ArithmeticError(f"no equilibrium was found on {model.game}.")
  sees = _SEEN[information]
  print(
    f"phi_N of regularized equilibria on {model.game}; the deviating player"
    f" observes {sees}:"
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
        regularization_study.choose(model, find, tried, number, information)
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
      results, mean_field, chosen, _name(model)
    )
    figures.save(figure, logdir / "eta.png")
    print(f"eta.csv, eta.png and the equilibria are in {logdir}.")


def _print_choices(
  choices: Sequence[regularization_study.Choice],
) -> dict[str, list[tuple[int, float]]]:
  """Prints the best and the largest tolerable eta for each number of players.

  Returns:
    Pairs of N and an eta, by labels of the two choices of eta.
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
  for name, label in (("best", "best eta"), ("tolerable", "tolerable eta")):
    pairs = [(choice.num_players, getattr(choice, name)) for choice in choices]
    chosen[label] = [(n, eta) for n, eta in pairs if eta is not None]
    rate = rates.fit(*np.reshape(chosen[label], (-1, 2)).T)
    if rate is not None:
      print(f"Slope of the {name} eta against N: {rate}.")
  print(
    "Tolerable: phi_N is at most twice the smallest. A slope of -0.50"
    " corresponds to 1 / sqrt(N)."
  )
  return chosen


def play_games(
  games: Sequence[pyspiel.Game],
  numbers: Sequence[int],
  num_plays: int,
  seed: int,
  logdir: pathlib.Path | None,
) -> None:
  """Prints mean returns of N players, and the values of the mean-field games.

  Args:
    games: Mean-field games of one population.
    numbers: Numbers of players.
    num_plays: Number of plays for each game and number of players.
    seed: Seed of the plays.
    logdir: Folder for play.csv, or None.
  """
  for game in games:  # All games are checked before any of them is played.
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
      got = play.play(n_player, uniform, num_plays, seed)
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
  """Returns the function from N to J_N of the uniform policy.

  Its value is None where J_N is not known.
  """
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # The table shows the linter's answer.
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
  """Writes a table atomically."""
  with files.replacing(path) as temporary:
    with temporary.open("w", encoding="utf-8", newline="") as file:
      writer = csv.writer(file, lineterminator="\n")
      writer.writerow(columns)
      writer.writerows(rows)
