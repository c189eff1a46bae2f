"""The measurements of an algorithm during `run`, kept in memory."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.models import mean_field_model as model_lib


@dataclasses.dataclass(frozen=True, eq=False)
class History:
  """The exploitability of an algorithm after some of its iterations.

  `pandas.DataFrame(history.columns)` is a table of all measurements.

  Attributes:
    title: The algorithm and its options.
    algorithm: Its class.
    options: Options that differ from their defaults, by name.
    model: The model on which it ran.
    regularization: eta of the algorithm; 0 if it has none.
    records: Sorted by iteration.
  """

  title: str
  algorithm: type
  options: Mapping[str, Any]
  model: model_lib.MeanFieldModel
  regularization: float
  records: tuple[iteration_loop.Record, ...]

  @property
  def columns(self) -> dict[str, np.ndarray]:
    """The fields of the n records by name, each an (n,) array."""
    return iteration_loop.columns(self.records)

  @property
  def iterations(self) -> np.ndarray:
    """(n,), the iteration of the algorithm at each record."""
    return self.columns["iteration"]

  @property
  def seconds(self) -> np.ndarray:
    """(n,), seconds spent in the iterations, without evaluation."""
    return self.columns["seconds"]

  @property
  def environment_steps(self) -> np.ndarray | None:
    """(n,), simulated steps so far; None if the model does not simulate."""
    return self.columns.get(iteration_loop.STEPS)

  @property
  def exploitability(self) -> np.ndarray:
    """(n,), phi_0 of the policies."""
    return self.columns["exploitability"]

  @property
  def regularized_exploitability(self) -> np.ndarray | None:
    """(n,), phi_eta of the policies; None if the algorithm has no eta."""
    if not self.regularization:
      return None
    return self.columns["regularized_exploitability"]

  def __repr__(self) -> str:
    """Returns one line: exploitability at the first and the last record."""
    summary = iteration_loop.summary(self.records, self.regularization)
    return f"History({self.title}: {summary})"
