"""Files of arrays, whose headers are checked before memory is allocated.

Errors in a file raise a ValueError with a message of one line, without the name
of the file. Arrays of objects, which NumPy would unpickle, are refused.
"""

from collections.abc import Callable
from collections.abc import Mapping
import dataclasses
import io
import math
import os
import pathlib
from typing import IO
import zipfile
import zlib

import numpy as np

from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts

_ENDING = ".npy"
# Size of the CRC-32 after an array.
_CHECKSUM_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Header:
  """The header of an array in NumPy's file format.

  Attributes:
    shape: Shape of the array.
    dtype: Type of the array; never objects.
    num_bytes: Size of header and array together.
  """

  shape: tuple[int, ...]
  dtype: np.dtype
  num_bytes: int


CheckHeaders = Callable[[Mapping[str, Header]], None]


def read_archive(
  path: str | os.PathLike,
  check: CheckHeaders,
  may_be_compressed: bool,
) -> dict[str, np.ndarray]:
  """Returns the arrays of an npz archive by name.

  Args:
    path: Path of the archive.
    check: Raises a ValueError if arrays are missing, or their types and shapes
      are not consistent. Called before any array is read, so that a damaged
      header cannot allocate too much memory.
    may_be_compressed: Whether its arrays may be compressed. If not, they need
      at most as much memory as the size of the file.

  Raises:
    ValueError: If the file cannot be read, is damaged, or is not such an
      archive.
  """
  try:
    with (
      interrupts.deferred(),
      open(path, "rb") as file,
      zipfile.ZipFile(file) as archive,
    ):
      members = _members(archive)
      if not may_be_compressed:
        _check_stored(members, os.fstat(file.fileno()).st_size)
      headers = {}
      for name, member in members.items():
        with archive.open(member) as content:
          headers[name] = _header(content)
        if headers[name].num_bytes != member.file_size:
          raise ValueError(
            f"{name} has {member.file_size} bytes, but its header says"
            f" {headers[name].num_bytes}"
          )
      check(headers)
      return {name: _array(archive, member) for name, member in members.items()}
  # NumPy and zipfile raise many kinds of errors on damaged files.
  except Exception as error:
    raise ValueError(_reason(error)) from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
  members = {}
  for member in archive.infolist():
    name = member.filename.removesuffix(_ENDING)
    if name == member.filename:
      raise ValueError(f"its member {name!r} is not an array")
    if name in members:
      raise ValueError(f"it has {name} twice")
    members[name] = member
  return members


def _check_stored(
  members: Mapping[str, zipfile.ZipInfo], file_size: int
) -> None:
  for name, member in members.items():
    if member.compress_type != zipfile.ZIP_STORED:
      raise ValueError(f"{name} is compressed")
  # In a damaged archive, members may overlap.
  size = sum(member.file_size for member in members.values())
  if size > file_size:
    raise ValueError(f"it has {file_size} bytes, but its members have {size}")


def _header(content: IO[bytes]) -> Header:
  """Returns the header of an array; `content` is then at the array."""
  version = np.lib.format.read_magic(content)
  if version != (1, 0):
    raise ValueError(f"its format {version} is not (1, 0)")
  shape, _, dtype = np.lib.format.read_array_header_1_0(content)
  if dtype.hasobject:
    raise ValueError("objects are not loaded")
  if min(shape, default=0) < 0:
    raise ValueError(f"its shape is {shape}")
  size = math.prod(shape) * dtype.itemsize
  return Header(shape, dtype, content.tell() + size)


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
  with archive.open(member) as content:
    array = np.lib.format.read_array(content, allow_pickle=False)
    content.read()  # zipfile verifies the checksum at the end.
  return array


def write_array(path: str | os.PathLike, array: np.ndarray) -> None:
  """Writes an array that `numpy.load` can read, followed by a checksum.

  Raises:
    ValueError: If the folder of `path` is missing or cannot be written to.
    OSError: If the disk is full.
  """
  content = io.BytesIO()
  np.save(content, array, allow_pickle=False)
  data = content.getvalue()
  with files.replacing(path) as temporary:
    temporary.write_bytes(data + _checksum(data))


def read_array(path: str | os.PathLike) -> np.ndarray:
  """Returns the array that `write_array` wrote.

  Raises:
    ValueError: If the file cannot be read, is damaged, or is not such a file.
  """
  try:
    with interrupts.deferred():
      data = pathlib.Path(path).read_bytes()
    if _checksum(data[:-_CHECKSUM_BYTES]) != data[-_CHECKSUM_BYTES:]:
      raise ValueError("its checksum does not match")
    content = io.BytesIO(data)
    if _header(content).num_bytes != len(data) - _CHECKSUM_BYTES:
      raise ValueError("its size does not match its header")
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)
  except Exception as error:
    raise ValueError(_reason(error)) from None


def _checksum(data: bytes) -> bytes:
  return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")


def _reason(error: Exception) -> str:
  """Returns the message of an error in one line, or its type."""
  text = getattr(error, "strerror", None) or str(error) or type(error).__name__
  return " ".join(text.split()).rstrip(".")
