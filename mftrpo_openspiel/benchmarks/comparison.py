"""Compares OpenSpiel's mean-field algorithms with ours, on one game.

All methods run alternately in one process, on the same game. Therefore ratios
vary less than seconds.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence
import dataclasses
import functools
import itertools
import math
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

# The algorithms that are compared with OpenSpiel's, in addition to NashConv,
# and MF-TRPO. Any other algorithm of the registry can be run, too.
ALGORITHMS = ("fictitious_play", "mirror_descent", "mf_trpo")
# The models that our algorithms can use.
MODELS = ("compiled", "openspiel")
# The uniform policy and this number of random ones are evaluated.
NUM_RANDOM_POLICIES = 3
# An algorithm that runs alone stops below this regularized exploitability.
EQUILIBRIUM = 1e-6
# Actions whose values differ by a smaller relative amount are equally good.
TIE = 1e-9
# A smaller exploitability counts as zero.
ROUNDING = 1e-9

COLUMNS = {
  "game": "<52",
  "model": "<9",
  "what": "<9",
  "OpenSpiel, s": ">12.4g",
  "ours, s": ">10.3g",
  "ratio": ">8.0f",
  "count": ">6",
  "difference": ">10.1e",
  "OpenSpiel reached": ">17.5g",
  "ours reached": ">12.5g",
  "phi_eta": ">8.1e",
  "note": "<",
}
Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Options:
  """Options of the tables; each table uses some of them.

  They have the names of the flags of `scripts/benchmark.py`, which describe
  them.

  Raises:
    ValueError: If an option is not allowed.
  """

  games: str
  models: Sequence[str]
  algorithms: Sequence[str]
  num_iterations: int
  seconds: float
  learning_rate: float
  regularization: float
  population_update_rate: float
  max_step_count: int
  logdir: str | None

  def __post_init__(self):
    for name in self.algorithms:
      registry.find(name, "algorithms")
    check_some("models", self.models, MODELS)
    for name, high in (
      ("seconds", math.inf),
      ("learning_rate", math.inf),
      ("regularization", math.inf),
      ("population_update_rate", 1),
    ):
      validation.check_real(name, getattr(self, name), 0, high, low_open=True)
    validation.check_int("max_step_count", self.max_step_count, 0)
    game_names.parse(self.games)


def check_some(
  name: str, values: Sequence[str], allowed: Collection[str]
) -> None:
  """Raises a ValueError unless there are values, all of them allowed."""
  for value in values:
    validation.check_choice(name, value, allowed)
  if not values:
    raise ValueError(
      f"{name} must be one or more of {', '.join(allowed)}, got none."
    )


def table(options: Options) -> Iterator[Row]:
  """Yields a row for each game, model and comparison.

  Seconds are those of one call or iteration, "difference" is the largest
  relative difference of NashConv over "count" policies or iterations, and
  "reached" is the final NashConv; our algorithm has the same wall time.

  Raises:
    ValueError: After the last row, if nothing could be compared on any game.
  """
  reason, is_empty = "", True
  for name, model_name in itertools.product(
    game_names.parse(options.games), options.models
  ):
    start = {"game": name, "model": model_name}
    try:
      for row in _compare_all(game_names.load(name), model_name, options):
        yield start | row
        is_empty = False
    except ValueError as error:
      # Some games cannot be loaded, or do not support this model.
      reason = str(error)
      yield start | {"note": reason}
  if is_empty:
    raise ValueError(
      f"games must contain a game that can be compared: {reason}"
    )


def _compare_all(
  game: pyspiel.Game, model_name: str, options: Options
) -> Iterator[Row]:
  """Yields the rows of one game."""
  stopwatch = timed_runs.Stopwatch()
  model = stopwatch.time(from_game.create_model, model_name, game)
  note = f"N = {len(model.discounts)}"
  yield {"what": "set-up", "ours, s": stopwatch.seconds, "note": note}
  yield compare_nash_conv(model)
  limits = options.num_iterations, options.seconds
  for name, what, compare in (
    ("fictitious_play", "FP", compare_fictitious_play),
    (
      "mirror_descent",
      "OMD",
      functools.partial(compare_mirror_descent, lr=options.learning_rate),
    ),
  ):
    if name in options.algorithms:
      try:
        yield compare(model, *limits)
      except KeyError as error:
        # OpenSpiel's algorithms do not run on all of OpenSpiel's games.
        yield {"what": what, "note": f"OpenSpiel's raises KeyError({error})"}
  if "mf_trpo" in options.algorithms:
    algorithm = mf_trpo.MFTRPO(
      model,
      options.regularization,
      population_update_rate=options.population_update_rate,
      warm_start=True,
      max_step_count=options.max_step_count,
    )
    yield run_alone("MF-TRPO", algorithm, options.seconds)
  for name in options.algorithms:
    if name not in ALGORITHMS:
      other = registry.create_algorithm(name, model)
      yield run_alone(registry.title(name), other, options.seconds)


def openspiel_nash_conv(game: pyspiel.Game, policy: policy_lib.Policy) -> float:
  """Returns OpenSpiel's NashConv."""
  with recursion.deep(game):
    return nash_conv.NashConv(game, policy).nash_conv()


def compare_nash_conv(model: model_lib.MeanFieldModel) -> Row:
  """Compares NashConv of the uniform and of random policies."""
  mask = model.legal_actions_mask
  arrays = [tabular_policies.uniform_policy(mask)]
  for seed in range(NUM_RANDOM_POLICIES):
    weights = np.random.default_rng(seed).random(mask.shape) * mask
    arrays.append(weights / weights.sum(axis=1, keepdims=True))
  theirs, ours = timed_runs.Stopwatch(), timed_runs.Stopwatch()
  expected, values = [], []
  for array in arrays:
    policy = model.to_openspiel(array)
    expected.append(theirs.time(openspiel_nash_conv, model.game, policy))
    values.append(ours.time(model.exploitability, array))
  # A single call of a millisecond is not a precise measurement, and a repeated
  # call with the same policy uses cached rewards.
  while ours.seconds < min(1.0, theirs.seconds):
    ours.time(model.exploitability, arrays[ours.count % len(arrays)])
  return _row("NashConv", theirs, ours, expected, values)


def compare_fictitious_play(
  model: model_lib.MeanFieldModel, num_iterations: int, seconds: float
) -> Row:
  """Compares FP with OpenSpiel's, with ties broken as in OpenSpiel."""
  rival = openspiel_fp.FictitiousPlay(model.game)
  follower = _FollowingFictitiousPlay(model, rival)
  ours = fictitious_play.FictitiousPlay(model)
  row = _compare("FP", rival, rival, follower, ours, num_iterations, seconds)
  if follower.num_ties:
    row["note"] = f"{follower.num_ties} ties"
  return row


def compare_mirror_descent(
  model: model_lib.MeanFieldModel,
  num_iterations: int,
  seconds: float,
  lr: float,
) -> Row:
  """Compares OMD with OpenSpiel's, and its iterates with a frozen table.

  "OpenSpiel reached" is the result of OpenSpiel's algorithm without changes.
  """
  rival = openspiel_omd.MirrorDescent(model.game, lr=lr)
  twin = openspiel_algorithm.FrozenTableMirrorDescent(model.game, lr=lr)
  follower = mirror_descent.MirrorDescent(model, lr=lr)
  ours = mirror_descent.MirrorDescent(model, lr=lr)
  return _compare("OMD", rival, twin, follower, ours, num_iterations, seconds)


def run_alone(
  what: str, algorithm: algorithm_lib.MeanFieldAlgorithm, seconds: float
) -> Row:
  """Runs an algorithm that OpenSpiel does not have.

  It runs until phi_eta < EQUILIBRIUM, with the eta of the algorithm, or for
  `seconds`.
  """
  model, regularization = algorithm.model, algorithm.regularization
  stopwatch = timed_runs.Stopwatch()
  gap = model.exploitability(algorithm.policy, regularization)
  while gap >= EQUILIBRIUM and stopwatch.seconds < seconds:
    # Measuring rarely costs little, and the number of iterations exceeds the
    # necessary one by at most a fifth.
    for _ in range(1 + stopwatch.count // 5):
      stopwatch.time(algorithm.iteration)
    gap = model.exploitability(algorithm.policy, regularization)
  return {
    "what": what,
    "ours, s": stopwatch.mean if stopwatch.count else None,
    "count": stopwatch.count,
    "ours reached": openspiel_nash_conv(model.game, algorithm.get_policy()),
    "phi_eta": gap,
    "note": f"{stopwatch.seconds:.2g} s in all",
  }


def _compare(
  what: str,
  rival: Any,
  twin: Any,
  follower: algorithm_lib.MeanFieldAlgorithm,
  ours: algorithm_lib.MeanFieldAlgorithm,
  num_iterations: int,
  seconds: float,
) -> Row:
  """Runs OpenSpiel's algorithm, `rival`, then `ours` for the same time.

  The iterates of `follower`, another instance of our algorithm that runs
  together with the rival, are compared with those of `twin`, which is the rival
  or a variant of it.
  """
  model = ours.model
  theirs = timed_runs.Stopwatch()
  expected: list[float] = []
  values: list[float] = []
  while len(values) < num_iterations and theirs.seconds < seconds:
    with recursion.deep(model.game):
      theirs.time(rival.iteration)
      if twin is not rival:
        twin.iteration()
    follower.iteration()
    expected.append(openspiel_nash_conv(model.game, twin.get_policy()))
    values.append(model.exploitability(follower.policy))
  stopwatch = timed_runs.Stopwatch()
  while stopwatch.seconds < theirs.seconds:
    stopwatch.time(ours.iteration)
  return {
    **_row(what, theirs, stopwatch, expected, values),
    "OpenSpiel reached": openspiel_nash_conv(model.game, rival.get_policy()),
    "ours reached": openspiel_nash_conv(model.game, ours.get_policy()),
  }


class _FollowingFictitiousPlay(fictitious_play.FictitiousPlay):
  """FP that breaks ties between equally good actions as OpenSpiel does.

  Attributes:
    num_ties: Number of ties in states that the best responses visit.
  """

  def __init__(
    self,
    model: model_lib.MeanFieldModel,
    rival: openspiel_fp.FictitiousPlay,
  ):
    super().__init__(model)
    self._rival = rival
    self.num_ties = 0

  def _respond(
    self, state: fictitious_play.State, followed: np.ndarray | None
  ) -> np.ndarray:
    del followed
    values = self.model.optimal_action_values(state.mean_field)
    best = values.max(axis=1, keepdims=True)
    ties = best - values <= TIE * np.maximum(1.0, np.abs(best))
    # The best response of the last iteration.
    taken = self.model.from_openspiel(self._rival._correlating_policy)
    response = tabular_policies.greedy_policy(np.where(ties, taken, -1.0))
    visited = self.model.mean_field(response) > 0
    self.num_ties += int((visited & (ties.sum(axis=1) > 1)).sum())
    return response


def _row(
  what: str,
  theirs: timed_runs.Stopwatch,
  ours: timed_runs.Stopwatch,
  expected: Sequence[float],
  values: Sequence[float],
) -> Row:
  """Returns seconds, and the difference: absolute if zero is expected."""
  scale = np.abs(expected)
  scale = np.where(scale > ROUNDING, scale, 1.0)
  return {
    "what": what,
    "OpenSpiel, s": theirs.mean,
    "ours, s": ours.mean,
    "ratio": theirs.mean / ours.mean,
    "count": len(values),
    "difference": float(np.max(np.abs(np.subtract(values, expected)) / scale)),
  }
