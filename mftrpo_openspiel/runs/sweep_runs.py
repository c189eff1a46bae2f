"""The runs of a sweep."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from mftrpo_openspiel.runs import experiment as experiment_lib


@dataclasses.dataclass(frozen=True)
class SweepRun:
  """A point of the grid.

  Attributes:
    name: Of its folder: what was varied, with the values.
    varied: Values by the names of the axes; None where left out.
    experiment: What is run.
  """

  name: str
  varied: Mapping[str, Any]
  experiment: experiment_lib.Experiment
