"""OpenSpiel's mean-field utilities and algorithms against ours, on one game.

All that is compared runs in one process, in turns, on the same game: the ratios
are steadier than the seconds.
"""

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import itertools
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import (
  fictitious_play as openspiel_fictitious_play,
)
from open_spiel.python.mfg.algorithms import (
  mirror_descent as openspiel_mirror_descent,
)
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import timed_runs
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies

# What can be compared, beside NashConv.
ALGORITHMS = ("fictitious_play", "mirror_descent", "mf_trpo")
# The uniform policy and as many random ones are evaluated.
NUM_RANDOM_POLICIES = 3
# Below this regularized exploitability MF-TRPO has arrived.
EQUILIBRIUM = 1e-6
# Actions whose values differ by less, relative to them, are equally good.
TIE = 1e-9
# Less than this is an exploitability of zero.
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


def table(
  games: Iterable[str],
  models: Sequence[str],
  algorithms: Collection[str],
  num_iterations: int,
  seconds: float,
  lr: float,
  mf_trpo_options: Mapping[str, Any],
) -> Iterator[Row]:
  """Yields a row for each game, model and thing that is compared.

  Seconds are those of one call or iteration, "difference" is the largest
  relative difference of NashConv over "count" policies or iterations, and
  "reached" is NashConv at the end, of ours after the same wall time.

  Args:
    games: See `game_names`.
    models: Names of the models that ours run on.
    algorithms: Which of `ALGORITHMS` are compared.
    num_iterations: Of an algorithm of OpenSpiel.
    seconds: Of them at most, in all; the iteration that is running is ended.
    lr: Learning rate of OMD.
    mf_trpo_options: Those of warm MF-TRPO, with its regularization.
  """
  for name, model_name in itertools.product(games, models):
    start = {"game": name, "model": model_name}
    try:
      for row in _compare_all(
        game_names.load(name),
        model_name,
        algorithms,
        num_iterations,
        seconds,
        lr,
        mf_trpo_options,
      ):
        yield {**start, **row}
    except ValueError as error:
      # Not every game can be loaded, or has every model.
      yield {**start, "note": str(error)}


def _compare_all(
  game: pyspiel.Game,
  model_name: str,
  algorithms: Collection[str],
  num_iterations: int,
  seconds: float,
  lr: float,
  mf_trpo_options: Mapping[str, Any],
) -> Iterator[Row]:
  """Yields the rows of one game; see `table`."""
  stopwatch = timed_runs.Stopwatch()
  model = stopwatch.time(from_game.create_model, model_name, game)
  note = f"N = {len(model.discounts)}"
  yield {"what": "set-up", "ours, s": stopwatch.seconds, "note": note}
  yield compare_nash_conv(model)
  # OpenSpiel's algorithms do not run on all of OpenSpiel's games.
  if "fictitious_play" in algorithms:
    try:
      yield compare_fictitious_play(model, num_iterations, seconds)
    except KeyError as error:
      yield {"what": "FP", "note": f"OpenSpiel's raises KeyError({error})"}
  if "mirror_descent" in algorithms:
    try:
      yield compare_mirror_descent(model, num_iterations, seconds, lr)
    except KeyError as error:
      yield {"what": "OMD", "note": f"OpenSpiel's raises KeyError({error})"}
  if "mf_trpo" in algorithms:
    yield run_mf_trpo(model, seconds, **mf_trpo_options)


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
  # One call of a millisecond says little, and one with the same policy again
  # finds its rewards known.
  while ours.seconds < min(1.0, theirs.seconds):
    array = arrays[ours.count % len(arrays)]
    ours.time(model.exploitability, array)
  return {
    "what": "NashConv",
    "OpenSpiel, s": theirs.mean,
    "ours, s": ours.mean,
    "ratio": theirs.mean / ours.mean,
    "count": len(arrays),
    "difference": _difference(values, expected),
  }


def compare_fictitious_play(
  model: model_lib.MeanFieldModel, num_iterations: int, seconds: float
) -> Row:
  """Compares FP with OpenSpiel's, ties broken as OpenSpiel breaks them."""
  rival = openspiel_fictitious_play.FictitiousPlay(model.game)
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
  """Compares OMD with OpenSpiel's; its iterates with those of a frozen table.

  What OpenSpiel's reaches is that of the algorithm as shipped.
  """
  rival = openspiel_mirror_descent.MirrorDescent(model.game, lr=lr)
  twin = openspiel_algorithm.FrozenTableMirrorDescent(model.game, lr=lr)
  follower = mirror_descent.MirrorDescent(model, lr)
  ours = mirror_descent.MirrorDescent(model, lr)
  return _compare("OMD", rival, twin, follower, ours, num_iterations, seconds)


def run_mf_trpo(
  model: model_lib.MeanFieldModel,
  seconds: float,
  regularization: float,
  **options: Any,
) -> Row:
  """Runs warm MF-TRPO until phi_eta < EQUILIBRIUM, or for some seconds.

  OpenSpiel has no MF-TRPO to compare it with.
  """
  algorithm = mf_trpo.MFTRPO(model, regularization, warm_start=True, **options)
  stopwatch = timed_runs.Stopwatch()
  gap = model.exploitability(algorithm.policy, regularization)
  while gap >= EQUILIBRIUM and stopwatch.seconds < seconds:
    # To look at it seldom costs little, and overshoots by a fifth at most.
    for _ in range(1 + stopwatch.count // 5):
      stopwatch.time(algorithm.iteration)
    gap = model.exploitability(algorithm.policy, regularization)
  return {
    "what": "MF-TRPO",
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
  """Runs a rival, then ours for as long.

  Args:
    what: Name of the algorithm.
    rival: OpenSpiel's algorithm.
    twin: OpenSpiel's algorithm whose iterates ours should have.
    follower: Ours, run along with it.
    ours: Ours, to be run by itself.
    num_iterations: Of the rival.
    seconds: Of the rival at most.
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
    "what": what,
    "OpenSpiel, s": theirs.mean,
    "ours, s": stopwatch.mean,
    "ratio": theirs.mean / stopwatch.mean,
    "count": len(values),
    "difference": _difference(values, expected),
    "OpenSpiel reached": openspiel_nash_conv(model.game, rival.get_policy()),
    "ours reached": openspiel_nash_conv(model.game, ours.get_policy()),
  }


class _FollowingFictitiousPlay(fictitious_play.FictitiousPlay):
  """FP that takes, of equally good actions, the one that OpenSpiel took.

  Attributes:
    num_ties: How many choices there were between equally good actions, in
      states that the best responses come to.
  """

  def __init__(
    self,
    model: model_lib.MeanFieldModel,
    rival: openspiel_fictitious_play.FictitiousPlay,
  ):
    super().__init__(model)
    self._rival = rival
    self.num_ties = 0

  def _respond(self, state: fictitious_play.State) -> np.ndarray:
    values = self.model.optimal_action_values(state.mean_field)
    best = values.max(axis=1, keepdims=True)
    ties = best - values <= TIE * np.maximum(1.0, np.abs(best))
    # Holds the best response of the last iteration.
    taken = self.model.from_openspiel(
      _Completed(self.model.game, self._rival._correlating_policy)
    )
    response = tabular_policies.greedy_policy(np.where(ties, taken, -1.0))
    visited = self.model.mean_field(response) > 0
    self.num_ties += int((visited & (ties.sum(axis=1) > 1)).sum())
    return response


class _Completed(policy_lib.Policy):
  """A table of OpenSpiel's, and the uniform law where it has no entry."""

  def __init__(self, game: pyspiel.Game, policy: policy_lib.Policy):
    super().__init__(game, list(range(game.num_players())))
    self._policy = policy
    self._uniform = policy_lib.UniformRandomPolicy(game)

  def action_probabilities(
    self, state: pyspiel.State, player_id: int | None = None
  ) -> dict[int, float]:
    try:
      return self._policy.action_probabilities(state)
    except KeyError:
      return self._uniform.action_probabilities(state)


def _difference(values: Sequence[float], expected: Sequence[float]) -> float:
  """Returns the largest relative difference; the absolute one from zero."""
  scale = np.abs(expected)
  return float(
    np.max(
      np.abs(np.subtract(values, expected))
      / np.where(scale > ROUNDING, scale, 1.0)
    )
  )
