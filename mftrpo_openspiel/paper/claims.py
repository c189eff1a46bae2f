"""The claims of the paper's section IV, judged by the numbers of the runs."""

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
import itertools
from typing import NamedTuple

import numpy as np

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import run_to_rest

RunName = experiments.RunName
Results = Mapping[RunName, run_to_rest.RunToRest]

ETAS = LOW_ETA, HIGH_ETA = experiments.ETAS
MF_TRPO, WARM = "MF-TRPO", "MF-TRPO warm"
BASELINES = ("FP", "OMD")
# The iteration that counts as early; and the iteration by which the run on the
# two islands must have converged, up to this share of the total decrease.
EARLY, ISLANDS_CONVERGED = 10, 1000
CONVERGED_SHARE = 0.01
# The node of the two islands that should stay sparsely populated.
SPARSE_NODE = 6
# Cells closer than this to the point of interest have a higher reward.
POINT_RADIUS = 3
# Differences below this are rounding errors.
ROUNDING = 1e-12


class Evidence(NamedTuple):
  """Whether a case supports its claim, with the numbers as text."""

  holds: bool
  text: str


def judge(results: Results) -> dict[str, list[Evidence]]:
  """Returns the evidence for each claim from the results of all runs."""
  return {claim: list(cases(results)) for claim, cases in CLAIMS.items()}


def _compare(
  results: Results, setting: str, eta: float, iteration: int
) -> tuple[float, list[float], str]:
  """Returns phi_eta of MF-TRPO and of the baselines, and both as text."""
  values = {
    method: results[RunName(setting, method, eta)]
    .record_at(iteration)
    .regularized_exploitability
    for method in (MF_TRPO, *BASELINES)
  }
  ours, *theirs = values.values()
  text = ", ".join(f"{method} {value:.1e}" for method, value in values.items())
  where = f"{setting}, eta {eta:g}, phi_eta at iteration {iteration}"
  return ours, theirs, f"{where}: {text}"


def _is_superior_in_the_long_run(results: Results) -> Iterator[Evidence]:
  for setting, eta in itertools.product(experiments.PANELS, ETAS):
    last = results[RunName(setting, WARM, eta)].records[-1]
    ours, theirs, text = _compare(results, setting, eta, last.iteration)
    yield Evidence(
      ours <= min(theirs) + ROUNDING,
      f"{text} (MF-TRPO warm {last.regularized_exploitability:.1e})",
    )


def _is_less_aggressive_early(results: Results) -> Iterator[Evidence]:
  for setting, eta in itertools.product(experiments.PANELS, ETAS):
    ours, theirs, text = _compare(results, setting, eta, EARLY)
    yield Evidence(ours > max(theirs), text)


def _converges_on_the_islands(results: Results) -> Iterator[Evidence]:
  for eta in ETAS:
    result = results[RunName("two_islands", MF_TRPO, eta)]
    last = result.records[-1].iteration
    start, middle, end = (
      result.record_at(iteration).regularized_exploitability
      for iteration in (0, ISLANDS_CONVERGED, last)
    )
    yield Evidence(
      middle - end <= CONVERGED_SHARE * (start - end),
      f"eta {eta:g}, phi_eta at 0, {ISLANDS_CONVERGED:,} and {last:,}"
      f" iterations: {start:.1e}, {middle:.1e}, {end:.1e}",
    )


def _node_remains_sparse(results: Results) -> Iterator[Evidence]:
  for eta in ETAS:
    law = results[RunName("two_islands", MF_TRPO, eta)].final_mean_field
    half = law.size // 2
    others = np.delete(law[:half], SPARSE_NODE)
    yield Evidence(
      law[SPARSE_NODE] < others.min(),
      f"eta {eta:g}: node {SPARSE_NODE} has {law[SPARSE_NODE]:.4f}, the other"
      f" nodes of its island {others.min():.4f} to {others.max():.4f}; the two"
      f" islands have {law[:half].sum():.3f} and {law[half:].sum():.3f}",
    )


def _distance_to_uniform(law: np.ndarray) -> float:
  """Returns the total variation distance, in [0, 1]."""
  return np.abs(law - 1 / law.size).sum() / 2


def _spreads(results: Results) -> Iterator[Evidence]:
  for setting in experiments.PANELS:
    laws = results[RunName(setting, MF_TRPO, LOW_ETA)].mean_fields
    distances = [_distance_to_uniform(laws[k]) for k in sorted(laws)]
    yield Evidence(
      bool((np.diff(distances) < ROUNDING).all()),
      f"{setting}, total variation distance to the uniform distribution after"
      f" {', '.join(f'{k:,}' for k in sorted(laws))} iterations:"
      f" {', '.join(f'{distance:.3f}' for distance in distances)}",
    )


def _aversion_evens_out(results: Results) -> Iterator[Evidence]:
  for setting, other in experiments.OTHER_AVERSION.items():
    distance_at = {}
    for name in (setting, other):
      game = game_factory.create_game(setting=name)
      aversion = game.get_parameters()["crowd_aversion"]
      law = results[RunName(name, WARM, LOW_ETA)].final_mean_field
      distance_at[aversion] = _distance_to_uniform(law)
    low, high = sorted(distance_at)
    note = ""
    if max(distance_at.values()) < ROUNDING:
      note = " (both uniform up to rounding)"
    yield Evidence(
      distance_at[high] < distance_at[low] - ROUNDING,
      f"{setting}, distance to the uniform distribution at K {low:g} and"
      f" {high:g}:"
      f" {distance_at[low]:.2e}, {distance_at[high]:.2e}{note}",
    )


def _eta_evens_out(results: Results) -> Iterator[Evidence]:
  for setting in experiments.PANELS:
    low, high = (
      results[RunName(setting, MF_TRPO, eta)].relative_entropy for eta in ETAS
    )
    yield Evidence(
      high > low,
      f"{setting}, entropy of the policy relative to the uniform policy:"
      f" {low:.3f} at eta {LOW_ETA:g}, {high:.3f} at {HIGH_ETA:g}",
    )


def _point_attracts(results: Results) -> Iterator[Evidence]:
  game = game_factory.create_game(setting="four_rooms_poi")
  cells = game.mean_field_mdp().drawing.cells
  near = np.abs(cells - cells[-1]).sum(axis=1) < POINT_RADIUS
  for eta in ETAS:
    with_point, without = (
      results[RunName(setting, MF_TRPO, eta)].final_mean_field[near].sum()
      for setting in ("four_rooms_poi", "four_rooms")
    )
    yield Evidence(
      with_point > without,
      f"eta {eta:g}: the {near.sum()} cells near the point of interest hold"
      f" {with_point:.3f} of the players, and {without:.3f} in the game without"
      " it",
    )


# Each claim with the function that yields the evidence for it.
CLAIMS: dict[str, Callable[[Results], Iterator[Evidence]]] = {
  "MF-TRPO is on par with FP and OMD, and superior in the long run": (
    _is_superior_in_the_long_run
  ),
  "MF-TRPO is less aggressive in the early phases": _is_less_aggressive_early,
  "On the two islands exploitability decreases sharply and has converged after"
  " 10^3 iterations": _converges_on_the_islands,
  "On the two islands node 6 remains sparse, between two clusters": (
    _node_remains_sparse
  ),
  "The crowd starts in one cell and spreads over the state space": _spreads,
  "The higher the crowd aversion K, the closer the mean field is to the"
  " uniform distribution": _aversion_evens_out,
  "The higher eta, the closer the policy is to the uniform policy": (
    _eta_evens_out
  ),
  "The point of interest attracts the crowd": _point_attracts,
}
