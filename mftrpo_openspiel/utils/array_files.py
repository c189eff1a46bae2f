"""Arrays in files, which are checked before they take memory.

What is wrong with a file is a ValueError of one line without the name of the
file. Objects, which numpy would unpickle, are refused.
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
# Of the CRC-32 behind an array.
_CHECKSUM_BYTES = 4


@dataclasses.dataclass(frozen=True)
class Header:
  """What a file in numpy's format says of its array.

  Attributes:
    shape: Of the array.
    dtype: Of the array; no objects.
    num_bytes: Of header and array together.
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
    path: Of the archive.
    check: Raises a ValueError if arrays are missing, or their types and shapes
      do not go together; called before any array is read, so that none takes
      more memory than the others say.
    may_be_compressed: Whether its arrays may be. If not, they take no more
      memory than the file has bytes.

  Raises:
    ValueError: If the file cannot be read, or is damaged or something else.
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
            f"{name} has {member.file_size} bytes, its header says"
            f" {headers[name].num_bytes}"
          )
      check(headers)
      return {name: _array(archive, member) for name, member in members.items()}
  # There is no end to what numpy and zipfile raise on a damaged file.
  except Exception as error:
    raise ValueError(_reason(error)) from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
  members = {}
  for member in archive.infolist():
    name = member.filename.removesuffix(_ENDING)
    if name == member.filename:
      raise ValueError(f"its member {name!r} is no array")
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
  # They may lie on top of each other.
  size = sum(member.file_size for member in members.values())
  if size > file_size:
    raise ValueError(f"it has {file_size} bytes, its members {size}")


def _header(content: IO[bytes]) -> Header:
  """Returns the header of an array, and leaves `content` behind it."""
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
    content.read()  # At its end zipfile compares the checksum.
  return array


def write_array(path: str | os.PathLike, array: np.ndarray) -> None:
  """Writes an array that `numpy.load` reads, with a checksum behind it.

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
    ValueError: If the file cannot be read, or is damaged or something else.
  """
  try:
    with interrupts.deferred():
      data = pathlib.Path(path).read_bytes()
    if _checksum(data[:-_CHECKSUM_BYTES]) != data[-_CHECKSUM_BYTES:]:
      raise ValueError("its checksum does not fit")
    content = io.BytesIO(data)
    if _header(content).num_bytes != len(data) - _CHECKSUM_BYTES:
      raise ValueError("its size is not what its header says")
    content.seek(0)
    return np.lib.format.read_array(content, allow_pickle=False)
  except Exception as error:
    raise ValueError(_reason(error)) from None


def _checksum(data: bytes) -> bytes:
  return zlib.crc32(data).to_bytes(_CHECKSUM_BYTES, "little")


def _reason(error: Exception) -> str:
  """Returns an error in one line; its kind where it has no message."""
  text = getattr(error, "strerror", None) or str(error) or type(error).__name__
  return " ".join(text.split()).rstrip(".")
