"""Running an algorithm and recording how far it is from equilibrium."""

from collections.abc import Iterable
from collections.abc import Iterator
import dataclasses
import os
import time
from typing import Protocol
import zlib

import numpy as np

from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import validation

# What a run may have at most: iterations, and records, which are in memory all
# together and as many as 1 GB takes.
MAX_ITERATIONS = 10**12
MAX_RECORDS = 10**6
MAX_RECORDS_PER_DECADE = 10**4


class Algorithm(Protocol):
  """What can be run: the algorithms of this package.

  An iteration puts new arrays in place of `policy` and `mean_field`; it does
  not write into the old ones.
  """

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
    mean_field_change: sum_s |mu_k(s) - mu_{k-1}(s)| over the last iteration k;
      0 at the beginning.
    policy_change: sum_a |pi_k(a|s) - pi_{k-1}(a|s)| over the last iteration,
      averaged over the states s by their masses mu_k(s); 0 at the beginning.
    entropy: Of the policy in nats, averaged in the same way.
  """

  iteration: int
  seconds: float
  exploitability: float
  regularized_exploitability: float
  mean_field_change: float
  policy_change: float
  entropy: float


_COLUMNS = [field.name for field in dataclasses.fields(Record)]
# The last column is the CRC-32 of a line, up to there, and of the line before
# it, by which changed and missing lines are found.
_HEADER = ",".join([*_COLUMNS, "checksum"])


@dataclasses.dataclass(frozen=True)
class Step:
  """Where a run is.

  Attributes:
    iteration: Number of iterations performed.
    seconds: Spent in them, evaluation not included.
    record: Of this iteration, if one was due.
    evaluation_seconds: What the record took.
  """

  iteration: int
  seconds: float
  record: Record | None = None
  evaluation_seconds: float = 0.0


@dataclasses.dataclass
class Costs:
  """Where the time of a run went, in seconds.

  Attributes:
    solving: Iterations.
    evaluating: Exploitabilities and the rest of the records.
    writing: Files.
  """

  solving: float = 0.0
  evaluating: float = 0.0
  writing: float = 0.0


def log_spaced_iterations(
  num_iterations: int, per_decade: int = 25
) -> list[int]:
  """Returns 0, `num_iterations`, and iterations between, evenly spaced in log.

  Those between are 10^(i / per_decade), rounded: the same ones for every
  `num_iterations`, so that a run can be made longer.
  """
  validation.check_int("num_iterations", num_iterations, 0, MAX_ITERATIONS)
  validation.check_int("per_decade", per_decade, 1, MAX_RECORDS_PER_DECADE)
  decades = np.log10(max(num_iterations, 1))
  exponents = np.arange(int(decades * per_decade) + 1) / per_decade
  rounded = np.minimum(np.round(10**exponents).astype(int), num_iterations)
  return sorted({0, num_iterations, *rounded.tolist()})


def evenly_spaced_iterations(num_iterations: int, every: int) -> list[int]:
  """Returns every `every`-th iteration from 0, and `num_iterations`."""
  validation.check_int("num_iterations", num_iterations, 0, MAX_ITERATIONS)
  check_spacing("every", every, num_iterations)
  return sorted({*range(0, num_iterations, every), num_iterations})


def check_spacing(name: str, every: int, num_iterations: int) -> None:
  """Raises a ValueError if a record at `every` iterations is one too often."""
  validation.check_int(name, every, 1)
  if num_iterations > every * MAX_RECORDS:
    raise ValueError(
      f"{name} must be at least {-(-num_iterations // MAX_RECORDS)} with"
      f" {num_iterations} iterations, for at most {MAX_RECORDS} records, got"
      f" {every}."
    )


def steps(
  algorithm: Algorithm,
  num_iterations: int,
  regularization: float,
  record_at: Iterable[int],
  done: Step | None = None,
) -> Iterator[Step]:
  """Performs iterations and yields after each of them.

  Args:
    algorithm: What to run.
    num_iterations: How long.
    regularization: eta of the regularized exploitability.
    record_at: After how many iterations there are records, 0 for the beginning.
    done: What was performed before. If not given, nothing, and the beginning is
      yielded too.
  """
  record_at = set(record_at)
  if done is None:
    done = Step(0, 0.0)
    yield _recorded(done, algorithm, regularization) if 0 in record_at else done
  seconds = done.seconds
  for iteration in range(done.iteration + 1, num_iterations + 1):
    due = iteration in record_at
    before = _now(algorithm) if due else None
    start = time.perf_counter()
    algorithm.iteration()
    seconds += time.perf_counter() - start
    step = Step(iteration, seconds)
    yield _recorded(step, algorithm, regularization, before) if due else step


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
  for step in steps(algorithm, num_iterations, regularization, record_at):
    if step.record is not None:
      yield step.record


def _now(algorithm: Algorithm) -> tuple[np.ndarray, np.ndarray]:
  return algorithm.policy, algorithm.mean_field


def _recorded(
  step: Step,
  algorithm: Algorithm,
  regularization: float,
  before: tuple[np.ndarray, np.ndarray] | None = None,
) -> Step:
  """Returns the step with its record.

  Args:
    step: Without it.
    algorithm: After the step.
    regularization: eta of the regularized exploitability.
    before: The policy and mean field before the last iteration, if any.
  """
  start = time.perf_counter()
  policy, mean_field = _now(algorithm)
  old_policy, old_mean_field = before or (policy, mean_field)
  shares = mean_field / mean_field.sum()
  record = Record(
    step.iteration,
    step.seconds,
    algorithm.model.exploitability(policy),
    algorithm.model.exploitability(policy, regularization),
    float(np.abs(mean_field - old_mean_field).sum()),
    float(shares @ np.abs(policy - old_policy).sum(axis=1)),
    float(shares @ softmax.entropy(policy)),
  )
  return dataclasses.replace(
    step, record=record, evaluation_seconds=time.perf_counter() - start
  )


def write_csv(path: str | os.PathLike, records: Iterable[Record]) -> None:
  """Writes records as a table, with their field names as the header."""
  with files.replacing(path) as temporary:
    lines = [_HEADER]
    for record in records:
      lines.append(_line(record, lines[-1]))
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_csv(path: str | os.PathLike) -> list[Record]:
  """Returns the records that `write_csv` or a `CsvAppender` wrote.

  Raises:
    ValueError: If the file cannot be read, or is not wholly such a table; the
      message names the line.
  """
  return parse_csv(read_text(path), path)


def read_text(path: str | os.PathLike) -> str:
  """Returns what a text file has.

  Raises:
    ValueError: If it cannot be read.
  """
  try:
    with open(path, encoding="utf-8", newline="") as file:
      return file.read()
  except OSError as error:
    raise ValueError(f"{path} cannot be read ({error.strerror}).") from None
  except UnicodeDecodeError:
    raise ValueError(f"{path} is damaged: it is no text.") from None


def parse_csv(text: str, path: str | os.PathLike) -> list[Record]:
  """Returns the records of the table `text`; as `read_csv`.

  Args:
    text: The table.
    path: Of the file, for messages.
  """
  header, *lines = text.split("\n")
  if header != _HEADER:
    raise ValueError(f"{path}, line 1, must be {_HEADER!r}, got {header!r}.")
  if not lines or lines.pop():
    raise ValueError(f"{path}, line {len(lines) + 2}, is cut.")
  records, before = [], header
  for number, line in enumerate(lines, start=2):
    try:
      iteration, *numbers, _ = line.split(",")
      records.append(Record(int(iteration), *map(float, numbers)))
    except (TypeError, ValueError):
      raise ValueError(
        f"{path}, line {number}, must have a whole number,"
        f" {len(_COLUMNS) - 1} numbers and a checksum, got {line!r}."
      ) from None
    if line != _with_checksum(line.rpartition(",")[0], before):
      raise ValueError(
        f"{path}, line {number}, is damaged: its checksum does not fit this"
        " line and the line before it."
      )
    if len(records) > 1 and records[-1].iteration <= records[-2].iteration:
      raise ValueError(
        f"{path}, line {number}, must have a later iteration than the line"
        f" before it, got {line!r}."
      )
    before = line
  return records


def _line(record: Record, before: str) -> str:
  """Returns the line of a record, which stands below the line `before`."""
  iteration, *numbers = vars(record).values()
  text = ",".join([str(iteration), *(repr(float(x)) for x in numbers)])
  return _with_checksum(text, before)


def _with_checksum(text: str, before: str) -> str:
  """Returns a line that ends in its checksum, below the line `before`."""
  checksum = zlib.crc32("\n".join([before, text]).encode())
  return f"{text},{checksum}"


class CsvAppender:
  """Adds records to a table, each by one write."""

  def __init__(self, path: str | os.PathLike):
    """Initializes the appender.

    Args:
      path: Of a table by `write_csv`.
    """
    self._last = read_text(path).splitlines()[-1]
    self._file = open(path, "ab", buffering=0)

  def append(self, record: Record) -> None:
    """Adds a line.

    Raises:
      OSError: If it cannot be written; the table is then as it was.
    """
    line = _line(record, self._last)
    data = f"{line}\n".encode()
    end = self._file.seek(0, os.SEEK_END)
    try:
      while data:  # All of it in one go, unless the disk is full.
        data = data[self._file.write(data) :]
    except OSError:
      self._file.truncate(end)
      raise
    self._last = line

  def sync(self) -> None:
    """Waits until the table is on disk."""
    os.fsync(self._file.fileno())

  def close(self) -> None:
    """Closes the file."""
    self._file.close()
