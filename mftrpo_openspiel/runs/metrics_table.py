"""metrics.csv: the records of a run as a table with checksums.

There is a column of environment steps if the model counts them. The last column
is the CRC-32 of the previous line and of the rest of this line, so that changed
and missing lines are detected.
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
  """Writes records as a table atomically; returns its last line.

  Args:
    path: Path of the file.
    records: The records, one per line.
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
    ValueError: If the file cannot be read, or is not a complete and undamaged
      table; the message names the line.
  """
  return parse_csv(files.read_text(path), path)


def parse_csv(
  text: str, path: str | os.PathLike
) -> list[iteration_loop.Record]:
  """Returns the records of a table, as `read_csv`; messages name `path`."""
  header, *lines = text.split("\n")
  *names, _ = header.split(",")
  if header not in (_HEADER, _HEADER_WITH_STEPS):
    raise ValueError(
      f"{path}, line 1, must be {_HEADER!r} or {_HEADER_WITH_STEPS!r}, got"
      f" {header!r}."
    )
  if not lines or lines.pop():
    raise ValueError(f"{path}, line {len(lines) + 2}, is incomplete.")
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
        f"{path}, line {number}, is damaged: the checksum does not match this"
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
  """Returns the record of a line, without verifying the checksum.

  Raises:
    ValueError: If it does not have exactly one number per name.
  """
  *texts, _ = line.split(",")
  values: dict[str, Any] = {
    name: int(text) if name in _WHOLE_NUMBERS else float(text)
    for name, text in zip(names, texts, strict=True)
  }
  return iteration_loop.Record(**values)


def _line(record: iteration_loop.Record, before: str) -> str:
  """Returns the line of a record that follows the line `before`."""
  texts = [
    str(value) if name in _WHOLE_NUMBERS else repr(float(value))
    for name, value in vars(record).items()
    if value is not None
  ]
  return _with_checksum(",".join(texts), before)


def _with_checksum(text: str, before: str) -> str:
  """Returns a line with its checksum, given the line `before` it."""
  checksum = zlib.crc32("\n".join([before, text]).encode())
  return f"{text},{checksum}"


class CsvAppender:
  """Appends records to a table, each by a single write."""

  def __init__(
    self,
    path: str | os.PathLike,
    records: Iterable[iteration_loop.Record],
    has_steps: bool = False,
  ):
    """Writes a table, replacing an existing file, and opens it for appending.

    The arguments are those of `write_csv`.
    """
    self._last = write_csv(path, records, has_steps)
    self._file = open(path, "ab", buffering=0)

  def append(self, record: iteration_loop.Record) -> None:
    """Appends a record.

    Raises:
      OSError: If it cannot be written; the table is then unchanged.
    """
    line = _line(record, self._last)
    data = f"{line}\n".encode()
    end = self._file.seek(0, os.SEEK_END)
    try:
      while data:  # The first write takes everything unless the disk is full.
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
