"""OpenSpiel's mean-field utilities and algorithms against ours, on one game.

All that is compared runs in one process, in turns, on the same game: the ratios
are steadier than the seconds.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import time
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

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies

# The uniform policy and as many random ones are evaluated.
NUM_RANDOM_POLICIES = 3
# Below this regularized exploitability MF-TRPO has arrived.
EQUILIBRIUM = 1e-6
# Actions whose values differ by less, relative to them, are equally good.
TIE = 1e-9
# Less than this is an exploitability of zero.
ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class Row:
  """What was compared on a game, and how it came out.

  Seconds are those of one call or iteration. None stands for what there is not.

  Attributes:
    what: "NashConv", or an algorithm.
    openspiel_seconds: Of OpenSpiel.
    seconds: Of ours.
    difference: The largest relative difference of NashConv.
    count: Over how many policies or iterations.
    openspiel_reached: NashConv of OpenSpiel's algorithm at the end.
    reached: NashConv of ours after the same wall time.
    regularized: Regularized exploitability of ours.
    note: What else there is to say.
  """

  what: str
  openspiel_seconds: float | None = None
  seconds: float | None = None
  difference: float | None = None
  count: int | None = None
  openspiel_reached: float | None = None
  reached: float | None = None
  regularized: float | None = None
  note: str = ""

  @property
  def ratio(self) -> float | None:
    """How many times faster ours is."""
    if self.openspiel_seconds is None or self.seconds is None:
      return None
    return self.openspiel_seconds / self.seconds


@dataclasses.dataclass(frozen=True)
class Limits:
  """How long a comparison may take.

  Attributes:
    num_iterations: Of an algorithm of OpenSpiel.
    seconds: Of them, in all; the iteration that is running is ended.
  """

  num_iterations: int
  seconds: float


class Clock:
  """Adds up the wall time of calls."""

  def __init__(self):
    self.seconds = 0.0
    self.count = 0

  def time(self, call: Callable[[], Any]) -> Any:
    """Returns what `call` does."""
    start = time.perf_counter()
    result = call()
    self.seconds += time.perf_counter() - start
    self.count += 1
    return result

  @property
  def mean(self) -> float:
    """Seconds of a call."""
    return self.seconds / self.count


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
  theirs, ours = Clock(), Clock()
  expected, values = [], []
  for array in arrays:
    policy = model.to_openspiel(array)
    expected.append(
      theirs.time(lambda: openspiel_nash_conv(model.game, policy))  # noqa: B023
    )
    values.append(ours.time(lambda: model.exploitability(array)))  # noqa: B023
  # One call of a millisecond says little, and one with the same policy again
  # finds its rewards known.
  while ours.seconds < min(1.0, theirs.seconds):
    array = arrays[ours.count % len(arrays)]
    ours.time(lambda: model.exploitability(array))  # noqa: B023
  return Row(
    "NashConv",
    theirs.mean,
    ours.mean,
    _difference(values, expected),
    len(arrays),
  )


def compare_fictitious_play(
  model: model_lib.MeanFieldModel, limits: Limits
) -> Row:
  """Compares FP with OpenSpiel's, ties broken as OpenSpiel breaks them."""
  rival = openspiel_fictitious_play.FictitiousPlay(model.game)
  follower = _FollowingFictitiousPlay(model, rival)
  row = _compare(
    "FP", rival, rival, follower, fictitious_play.FictitiousPlay(model), limits
  )
  if not follower.num_ties:
    return row
  return dataclasses.replace(row, note=f"{follower.num_ties} ties")


def compare_mirror_descent(
  model: model_lib.MeanFieldModel, limits: Limits, lr: float
) -> Row:
  """Compares OMD with OpenSpiel's; its iterates with those of a frozen table.

  What OpenSpiel's reaches is that of the algorithm as shipped.
  """
  rival = openspiel_mirror_descent.MirrorDescent(model.game, lr=lr)
  twin = openspiel_algorithm.FrozenTableMirrorDescent(model.game, lr=lr)
  follower = mirror_descent.MirrorDescent(model, lr)
  ours = mirror_descent.MirrorDescent(model, lr)
  return _compare("OMD", rival, twin, follower, ours, limits)


def run_mf_trpo(
  model: model_lib.MeanFieldModel,
  seconds: float,
  regularization: float,
  options: Mapping[str, Any],
) -> Row:
  """Runs warm MF-TRPO until phi_eta < EQUILIBRIUM, or for some seconds.

  OpenSpiel has no MF-TRPO to compare it with.
  """
  algorithm = mf_trpo.MFTRPO(model, regularization, warm_start=True, **options)
  clock = Clock()
  gap = model.exploitability(algorithm.policy, regularization)
  while gap >= EQUILIBRIUM and clock.seconds < seconds:
    # To look at it seldom costs little, and overshoots by a fifth at most.
    for _ in range(1 + clock.count // 5):
      clock.time(algorithm.iteration)
    gap = model.exploitability(algorithm.policy, regularization)
  return Row(
    "MF-TRPO",
    seconds=clock.mean if clock.count else None,
    count=clock.count,
    reached=openspiel_nash_conv(model.game, algorithm.get_policy()),
    regularized=gap,
    note=f"{clock.seconds:.2g} s in all",
  )


def _compare(what, rival, twin, follower, ours, limits: Limits) -> Row:
  """Runs a rival, then ours for as long.

  Args:
    what: Name of the algorithm.
    rival: OpenSpiel's algorithm.
    twin: OpenSpiel's algorithm whose iterates ours should have.
    follower: Ours, run along with it.
    ours: Ours, to be run by itself.
    limits: Of the rival.
  """
  model = ours.model
  theirs = Clock()
  expected, values = [], []
  while len(values) < limits.num_iterations and theirs.seconds < limits.seconds:
    with recursion.deep(model.game):
      theirs.time(rival.iteration)
      if twin is not rival:
        twin.iteration()
    follower.iteration()
    expected.append(openspiel_nash_conv(model.game, twin.get_policy()))
    values.append(model.exploitability(follower.policy))
  reached = expected[-1]
  if twin is not rival:
    reached = openspiel_nash_conv(model.game, rival.get_policy())
  clock = Clock()
  while clock.seconds < theirs.seconds:
    clock.time(ours.iteration)
  return Row(
    what,
    theirs.mean,
    clock.mean,
    _difference(values, expected),
    len(values),
    reached,
    openspiel_nash_conv(model.game, ours.get_policy()),
  )


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
