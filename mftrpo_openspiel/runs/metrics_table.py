"""metrics.csv: the records of a run as a table that finds its own damage.

There is a column of environment steps where the model counts them. The last
column is the CRC-32 of a line, up to there, and of the line before it, by which
changed and missing lines are found.
"""

from collections.abc import Iterable
from collections.abc import Sequence
import os
from typing import Any
import zlib

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.utils import files

_WHOLE_NUMBERS = ("iteration", iteration_loop.STEPS)
_HEADER = ",".join([*iteration_loop.NUMBERS, "checksum"])
_HEADER_WITH_STEPS = ",".join(
  [*iteration_loop.NUMBERS, iteration_loop.STEPS, "checksum"]
)


def write_csv(
  path: str | os.PathLike,
  records: Iterable[iteration_loop.Record],
  has_steps: bool = False,
) -> str:
  """Writes records as a table, whole or not at all; returns its last line.

  Args:
    path: Of the file.
    records: The lines.
    has_steps: Whether the records have environment steps.
  """
  lines = [_HEADER_WITH_STEPS if has_steps else _HEADER]
  for record in records:
    lines.append(_line(record, lines[-1]))
  with files.replacing(path) as temporary:
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
  return lines[-1]


def read_csv(path: str | os.PathLike) -> list[iteration_loop.Record]:
  """Returns the records that `write_csv` or a `CsvAppender` wrote.

  Raises:
    ValueError: If the file cannot be read, or is not wholly such a table; the
      message names the line.
  """
  return parse_csv(files.read_text(path), path)


def parse_csv(
  text: str, path: str | os.PathLike
) -> list[iteration_loop.Record]:
  """Returns the records of a table; as `read_csv`, which has it from `path`."""
  header, *lines = text.split("\n")
  *names, _ = header.split(",")
  if header not in (_HEADER, _HEADER_WITH_STEPS):
    raise ValueError(
      f"{path}, line 1, must be {_HEADER!r} or {_HEADER_WITH_STEPS!r}, got"
      f" {header!r}."
    )
  if not lines or lines.pop():
    raise ValueError(f"{path}, line {len(lines) + 2}, is cut.")
  records: list[iteration_loop.Record] = []
  before = header
  for number, line in enumerate(lines, start=2):
    try:
      records.append(_record(line, names))
    except ValueError:
      steps = ", a whole number" if iteration_loop.STEPS in names else ""
      raise ValueError(
        f"{path}, line {number}, must have a whole number,"
        f" {len(iteration_loop.NUMBERS) - 1} numbers{steps} and a checksum, got"
        f" {line!r}."
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


def _record(line: str, names: Sequence[str]) -> iteration_loop.Record:
  """Returns the record of a line, whose checksum is not looked at.

  Raises:
    ValueError: If it has not a number for each of the names.
  """
  *texts, _ = line.split(",")
  values: dict[str, Any] = {
    name: int(text) if name in _WHOLE_NUMBERS else float(text)
    for name, text in zip(names, texts, strict=True)
  }
  return iteration_loop.Record(**values)


def _line(record: iteration_loop.Record, before: str) -> str:
  """Returns the line of a record, which stands below the line `before`."""
  texts = [
    str(value) if name in _WHOLE_NUMBERS else repr(float(value))
    for name, value in vars(record).items()
    if value is not None
  ]
  return _with_checksum(",".join(texts), before)


def _with_checksum(text: str, before: str) -> str:
  """Returns a line that ends in its checksum, below the line `before`."""
  checksum = zlib.crc32("\n".join([before, text]).encode())
  return f"{text},{checksum}"


class CsvAppender:
  """Adds records to a table, each by one write."""

  def __init__(
    self,
    path: str | os.PathLike,
    records: Iterable[iteration_loop.Record],
    has_steps: bool = False,
  ):
    """Writes a table, instead of what is there, and opens it for more.

    The arguments are those of `write_csv`.
    """
    self._last = write_csv(path, records, has_steps)
    self._file = open(path, "ab", buffering=0)

  def append(self, record: iteration_loop.Record) -> None:
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
