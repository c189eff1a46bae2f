"""The runs behind the figures of the paper."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.runs import run_loop

PAPER = game_factory.PAPER_HYPERPARAMETERS
LOW_ETA, HIGH_ETA = PAPER["regularization"]

# Figure 2 (a), (b) and (c).
PANELS = {
  "four_rooms": "(a) Four rooms",
  "two_islands": "(b) Two islands",
  "four_rooms_poi": "(c) Four rooms, point of interest",
}
# Figures 3, 4 and 5: the game and the iterations at which it is drawn.
MOMENTS = {
  3: ("four_rooms", (0, 1000, 5000)),
  4: ("two_islands", (0, 100, 5000)),
  5: ("four_rooms_poi", (0, 1000, 5000)),
}
# The same games with the paper's other crowd aversion.
OTHER_AVERSION = {
  "four_rooms": "four_rooms_high_aversion",
  "four_rooms_poi": "four_rooms_poi_low_aversion",
}

# The paper gives no learning rate of OMD: this one serves all three games.
OMD_LEARNING_RATE = 0.1

# A regularized run is at rest when an iteration moves less than this share of
# the players, and as little of what they do: 5,000 such moves are 1e-10.
LEAST_CHANGE = 2e-14


@dataclasses.dataclass(frozen=True)
class Experiment:
  """One run.

  Attributes:
    setting: Of the game, see `games/factory.py`.
    method: Name of the method in legends and tables.
    eta: The run's regularization, None for an unregularized method.
    algorithm: Name in `algorithms/factory.py`.
    options: Of the algorithm.
  """

  setting: str
  method: str
  eta: float | None
  algorithm: str
  options: Mapping[str, Any]

  @property
  def name(self) -> str:
    """File name of the run without its ending."""
    method = self.method.lower().replace(" ", "_").replace("-", "_")
    eta = "plain" if self.eta is None else f"eta_{self.eta:g}"
    return f"{self.setting}_{method}_{eta}"


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
  """What a run gave.

  Attributes:
    records: In the order of their iterations.
    mean_fields: The algorithm's mean field, (S,), after the iterations that
      the figures show and at the end.
    entropy: Mean over the final mean field of the final policy's entropy,
      divided by that of the uniform policy.
    num_performed: Iterations up to where the run was at rest, or all: records
      of later ones repeat that one.
  """

  records: list[run_loop.Record]
  mean_fields: dict[int, np.ndarray]
  entropy: float
  num_performed: int


def experiments() -> list[Experiment]:
  """Returns all runs, the longest first."""
  printed = {
    name: PAPER[name]
    for name in (
      "num_policy_updates",
      "num_population_steps",
      "population_update_rate",
    )
  }
  warm = {**printed, "num_policy_updates": 1, "warm_start": True}
  omd = {"lr": OMD_LEARNING_RATE}
  printed_runs, other_runs = [], []
  for setting in PANELS:
    for eta in (LOW_ETA, HIGH_ETA):
      regularized = {"regularization": eta}
      printed_runs.append(
        Experiment(
          setting, "MF-TRPO", eta, "mf_trpo", {**printed, **regularized}
        )
      )
      other_runs += [
        Experiment(
          setting, "MF-TRPO warm", eta, "mf_trpo", {**warm, **regularized}
        ),
        Experiment(setting, "FP", eta, "fictitious_play", {"temperature": eta}),
        Experiment(
          setting, "FP regularized", eta, "fictitious_play", regularized
        ),
        Experiment(
          setting, "OMD", eta, "mirror_descent", {**omd, **regularized}
        ),
      ]
    other_runs += [
      Experiment(setting, "FP", None, "fictitious_play", {}),
      Experiment(setting, "OMD", None, "mirror_descent", omd),
    ]
  for setting in OTHER_AVERSION.values():
    options = {**warm, "regularization": LOW_ETA}
    other_runs.append(
      Experiment(setting, "MF-TRPO warm", LOW_ETA, "mf_trpo", options)
    )
  return printed_runs + other_runs


def moments_of(setting: str, num_iterations: int) -> list[int]:
  """Returns the iterations at which the mean field of a game is kept."""
  moments = {0, num_iterations}
  for game, iterations in MOMENTS.values():
    if game == setting:
      moments.update(k for k in iterations if k <= num_iterations)
  return sorted(moments)
