"""Running an algorithm and recording how far it is from equilibrium."""

from collections.abc import Iterable
from collections.abc import Iterator
import csv
import dataclasses
import os
import time
from typing import Protocol

import numpy as np

from mftrpo_openspiel import files
from mftrpo_openspiel import model as model_lib
from mftrpo_openspiel import validation


class Algorithm(Protocol):
  """What can be run: the algorithms of this package."""

  model: model_lib.MeanFieldModel
  policy: np.ndarray
  mean_field: np.ndarray

  def iteration(self) -> None:
    """Performs one iteration."""


@dataclasses.dataclass(frozen=True)
class Record:
  """How far an algorithm is after some iterations.

  Attributes:
    iteration: Number of iterations performed.
    seconds: Spent in them, evaluation not included.
    exploitability: phi_0 of the policy, unregularized.
    regularized_exploitability: phi_eta of the policy.
  """

  iteration: int
  seconds: float
  exploitability: float
  regularized_exploitability: float


def log_spaced_iterations(
  num_iterations: int, per_decade: int = 25
) -> list[int]:
  """Returns iterations from 0 to `num_iterations`, evenly spaced in log."""
  validation.check_int("num_iterations", num_iterations, 0)
  decades = np.log10(max(num_iterations, 1))
  points = 10 ** np.linspace(0, decades, round(decades * per_decade) + 1)
  rounded = np.minimum(np.round(points).astype(int), num_iterations)
  return sorted({0, num_iterations, *rounded.tolist()})


def run(
  algorithm: Algorithm,
  num_iterations: int,
  regularization: float,
  record_at: Iterable[int],
) -> Iterator[Record]:
  """Performs `num_iterations` iterations and yields records on the way.

  Args:
    algorithm: What to run.
    num_iterations: How long.
    regularization: eta of the regularized exploitability.
    record_at: After how many iterations, 0 for the beginning.
  """
  record_at = set(record_at)
  seconds = 0.0
  for iteration in range(num_iterations + 1):
    if iteration:
      start = time.perf_counter()
      algorithm.iteration()
      seconds += time.perf_counter() - start
    if iteration in record_at:
      policy = algorithm.policy
      yield Record(
        iteration,
        seconds,
        algorithm.model.exploitability(policy),
        algorithm.model.exploitability(policy, regularization),
      )


def write_csv(path: str | os.PathLike, records: Iterable[Record]) -> None:
  """Writes records as a table with their field names as the header."""
  names = [field.name for field in dataclasses.fields(Record)]
  with (
    files.replacing(path) as temporary,
    temporary.open("w", newline="") as file,
  ):
    writer = csv.writer(file)
    writer.writerow(names)
    for record in records:
      writer.writerow(dataclasses.astuple(record))
