"""Atomic writing of files, and creation of folders."""

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import csv
import os
import pathlib
import tempfile
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields a temporary path in the same folder that replaces `path` at the end.

  If the block raises, `path` is unchanged and the temporary file is removed.

  Raises:
    ValueError: If the folder is missing or cannot be written to.
  """
  path = pathlib.Path(path)
  try:
    handle, name = tempfile.mkstemp(
      dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix
    )
  except OSError as error:
    raise ValueError(
      f"path must lie in a writable folder, got {path} ({error.strerror})."
    ) from None
  os.close(handle)
  temporary = pathlib.Path(name)
  try:
    # mkstemp makes the file readable by its owner only.
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)
    yield temporary
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def write_csv(
  path: str | os.PathLike,
  rows: Iterable[Mapping[str, Any]],
  columns: Sequence[str],
) -> None:
  """Writes a table as a CSV file, atomically; None is an empty cell.

  Raises:
    ValueError: If a row has a column that is not in `columns`, or as
      `replacing`.
  """
  with replacing(path) as temporary, temporary.open("w", newline="") as file:
    writer = csv.DictWriter(file, columns)
    writer.writeheader()
    writer.writerows(rows)


def folder(path: str | os.PathLike, name: str = "logdir") -> pathlib.Path:
  """Returns the folder `path`; creates it if it does not exist.

  Args:
    path: Path of the folder.
    name: Name of the parameter, for messages.

  Raises:
    ValueError: If `path` is empty, or cannot be created or written to.
  """
  if not os.fspath(path):
    raise ValueError(f"{name} must be the name of a folder, got ''.")
  path = pathlib.Path(path)
  try:
    path.mkdir(parents=True, exist_ok=True)
  except OSError as error:
    raise ValueError(
      f"{name} must be a folder that can be created, got {path}"
      f" ({error.strerror})."
    ) from None
  if not os.access(path, os.W_OK):
    raise ValueError(f"{name} must be a writable folder, got {path}.")
  return path


def read_text(path: str | os.PathLike) -> str:
  """Returns the contents of a text file.

  Raises:
    ValueError: If it cannot be read.
  """
  try:
    with open(path, encoding="utf-8", newline="") as file:
      return file.read()
  except OSError as error:
    raise ValueError(f"{path} cannot be read ({error.strerror}).") from None
  except UnicodeDecodeError:
    raise ValueError(f"{path} is damaged: it is not a text file.") from None
