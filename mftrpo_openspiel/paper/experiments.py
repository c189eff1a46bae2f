"""The experiments behind the figures of the paper."""

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.runs import experiment as experiment_lib

PAPER = game_factory.PAPER_HYPERPARAMETERS
ETAS: tuple[float, float] = PAPER["regularization"]
LOW_ETA, HIGH_ETA = ETAS

# Figure 2 (a), (b) and (c).
PANELS = {
  "four_rooms": "(a) Four rooms",
  "two_islands": "(b) Two islands",
  "four_rooms_poi": "(c) Four rooms, point of interest",
}
# Figures 3, 4 and 5: the game and the iterations at which the mean field is
# drawn. The paper shows no iteration between 0 and 1,000, in which the crowd
# spreads over the rooms.
MEAN_FIELD_FIGURES = {
  3: ("four_rooms", (0, 30, 1000, 5000)),
  4: ("two_islands", (0, 100, 5000)),
  5: ("four_rooms_poi", (0, 30, 1000, 5000)),
}
# The same games with the other crowd aversion of the paper.
OTHER_AVERSION = {
  "four_rooms": "four_rooms_high_aversion",
  "four_rooms_poi": "four_rooms_poi_low_aversion",
}

# The paper does not give the learning rate of OMD. OMD converges with this one
# on all three games.
OMD_LEARNING_RATE = 0.1
# Records per factor of ten iterations, evenly spaced in the logarithm.
NUM_RECORDS = 25


class RunName(NamedTuple):
  """What distinguishes the runs of the paper.

  Attributes:
    setting: The setting of the game, see `games/factory.py`.
    method: Name of the method in legends and tables.
    eta: Regularization of the run; None for an unregularized method.
  """

  setting: str
  method: str
  eta: float | None

  @property
  def file_name(self) -> str:
    """File name of the run without a suffix."""
    method = self.method.lower().replace(" ", "_").replace("-", "_")
    eta = "plain" if self.eta is None else f"eta_{self.eta:g}"
    return f"{self.setting}_{method}_{eta}"


def create_experiments(
  num_iterations: int = PAPER["num_iterations"],
) -> dict[RunName, experiment_lib.Experiment]:
  """Returns the experiments by their names, the longest first.

  All have the same number of iterations. The regularized exploitability of
  unregularized methods is evaluated with the lower eta.
  """
  others = ("regularization", "num_iterations")
  printed = {key: PAPER[key] for key in PAPER if key not in others}
  warm = {**printed, "num_policy_updates": 1, "warm_start": True}
  omd = {"lr": OMD_LEARNING_RATE}
  runs: list[tuple[RunName, str, Mapping[str, Any]]] = []
  for setting in PANELS:
    for eta in ETAS:
      regularized = {"regularization": eta}
      runs += [
        (RunName(setting, method, eta), algorithm, options)
        for method, algorithm, options in (
          ("MF-TRPO", "mf_trpo", {**printed, **regularized}),
          ("MF-TRPO warm", "mf_trpo", {**warm, **regularized}),
          ("FP", "fictitious_play", {"temperature": eta}),
          ("FP regularized", "fictitious_play", regularized),
          ("OMD", "mirror_descent", {**omd, **regularized}),
        )
      ]
    runs += [
      (RunName(setting, "FP", None), "fictitious_play", {}),
      (RunName(setting, "OMD", None), "mirror_descent", omd),
    ]
  for setting in OTHER_AVERSION.values():
    name = RunName(setting, "MF-TRPO warm", LOW_ETA)
    runs.append((name, "mf_trpo", {**warm, "regularization": LOW_ETA}))
  runs.sort(key=lambda run: run[0].method != "MF-TRPO")
  return {
    name: experiment_lib.Experiment(
      setting=name.setting,
      model="stationary",
      algorithm=algorithm,
      options=options,
      num_iterations=num_iterations,
      regularization=name.eta or LOW_ETA,
      num_records=NUM_RECORDS,
    )
    for name, algorithm, options in runs
  }


def mean_field_iterations(setting: str, num_iterations: int) -> list[int]:
  """Returns the iterations at which the mean field of a game is stored."""
  drawn = dict(MEAN_FIELD_FIGURES.values()).get(setting, ())
  return sorted({0, num_iterations, *(k for k in drawn if k <= num_iterations)})
