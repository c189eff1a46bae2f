"""Tests of files of arrays: damaged or inconsistent files are refused."""

import io
import itertools
import warnings
import zipfile
import zlib

import numpy as np
import pytest

from mftrpo_openspiel.utils import array_files

ARRAYS = {
  "policy": np.arange(6.0).reshape(2, 3) / 7,
  "columns": np.asfortranarray(np.arange(6).reshape(2, 3)),
  "names": np.array(["(0, 1)", "ü\n"]),
  "step": np.array(3),
  "none": np.zeros((0, 4)),
  "mask": np.array([True, False]),
}


def accept(headers):
  del headers


def assert_same(arrays):
  assert arrays.keys() == ARRAYS.keys()
  for name, array in ARRAYS.items():
    np.testing.assert_array_equal(arrays[name], array, strict=True)
    assert arrays[name].flags.fnc == array.flags.fnc
    assert arrays[name].flags.writeable


@pytest.fixture(params=[False, True], ids=["stored", "compressed"])
def compressed(request):
  return request.param


def save(path, compressed, **arrays):
  (np.savez_compressed if compressed else np.savez)(path, **arrays)


def test_an_archive_is_read(tmp_path, compressed):
  path = tmp_path / "arrays.npz"
  save(path, compressed, **ARRAYS)
  seen = {}
  assert_same(array_files.read_archive(path, seen.update, compressed))
  for name, array in ARRAYS.items():
    assert seen[name].shape == array.shape
    assert seen[name].dtype == array.dtype
  if compressed:
    with pytest.raises(ValueError, match="policy is compressed"):
      array_files.read_archive(path, accept, may_be_compressed=False)


def npy(array, shape=None):
  """Returns an array in NumPy's format, with another shape in its header."""
  content = io.BytesIO()
  if shape is None:
    np.save(content, array)
  else:
    header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    content.write(array.tobytes())
  return content.getvalue()


ONES = np.ones(3)
PICKLE = io.BytesIO()
np.save(PICKLE, np.array([{}], dtype=object), allow_pickle=True)


# fmt: off
ODD_MEMBERS = [
  ([("policy.npy", npy(ONES, (2,)))],
   "policy has 152 bytes, but its header says 144"),
  # 160 TB.
  ([("policy.npy", npy(ONES, (2 * 10**13,)))],
   "policy has 152 bytes, but its header says 160000000000128"),
  ([("policy.npy", npy(ONES, (10**30, 10**30)))],
   "policy has 216 bytes, but its header says 80+192"),
  ([("policy.npy", npy(ONES, (-3,)))], r"its shape is \(-3,\)"),
  ([("policy.npy", npy(ONES, (-1, -3)))], r"its shape is \(-1, -3\)"),
  ([("policy.npy", npy(ONES, ("a",)))], "shape is not valid"),
  ([("policy.npy", npy(ONES)[:-1])],
   "policy has 151 bytes, but its header says 152"),
  ([("policy.npy", npy(ONES) + b"x")],
   "policy has 153 bytes, but its header says 152"),
  ([("policy.npy", b"")], "."),
  ([("policy.npy", b"policy")], "magic string"),
  ([("policy.npy", npy(ONES).replace(b"{", b"("))], "."),
  ([("policy.npy", b"\x93NUMPY\x02\x00" + npy(ONES)[8:])],
   r"its format \(2, 0\) is not \(1, 0\)"),
  ([("policy.npy", b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 65535)], "."),
  ([("policy", npy(ONES))], "its member 'policy' is not an array"),
  ([("policy.txt", b"1 2 3")], "its member 'policy.txt' is not an array"),
  ([("policy.npy", npy(ONES)), ("policy.npy", npy(2 * ONES))],
   "it has policy twice"),
  ([("policy.npy", PICKLE.getvalue())], "objects are not loaded"),
]
# fmt: on


@pytest.mark.parametrize(("members", "message"), ODD_MEMBERS)
def test_odd_members_are_refused(tmp_path, compressed, members, message):
  path = tmp_path / "arrays.npz"
  kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
  with warnings.catch_warnings(), zipfile.ZipFile(path, "w", kind) as archive:
    warnings.simplefilter("ignore")  # zipfile warns of duplicate names.
    for name, data in members:
      archive.writestr(name, data)
  with pytest.raises(ValueError, match=message) as error:
    array_files.read_archive(path, accept, compressed)
  assert "\n" not in str(error.value)


def test_pickles_are_never_run(tmp_path, compressed, monkeypatch):
  class Trap:
    def __reduce__(self):
      return pytest.fail, ("It was unpickled.",)

  path = tmp_path / "arrays.npz"
  save(path, compressed, a=np.array([Trap()]), b=np.ones(2))
  np.save(tmp_path / "array.npy", np.array([Trap()]))
  monkeypatch.setattr(np.lib.format, "pickle", None, raising=False)
  with pytest.raises(ValueError, match="objects are not loaded"):
    array_files.read_archive(path, accept, compressed)
  with pytest.raises(ValueError, match="checksum does not match"):
    array_files.read_array(tmp_path / "array.npy")
  data = (tmp_path / "array.npy").read_bytes()
  (tmp_path / "array.npy").write_bytes(
    data + zlib.crc32(data).to_bytes(4, "little")
  )
  with pytest.raises(ValueError, match="objects are not loaded"):
    array_files.read_array(tmp_path / "array.npy")


def flips(data):
  """Yields `data` with one bit changed, for each of its bits."""
  for place, bit in itertools.product(range(len(data)), range(8)):
    yield data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]


def test_no_bit_of_an_archive_changes_an_array(tmp_path, compressed):
  path = tmp_path / "arrays.npz"
  arrays = {name: ARRAYS[name] for name in ("policy", "names")}
  save(path, compressed, **arrays)
  for data in itertools.islice(flips(path.read_bytes()), 0, None, 13):
    path.write_bytes(data)
    try:
      read = array_files.read_archive(path, accept, compressed)
    except ValueError as error:
      assert "\n" not in str(error)
    else:  # The check of headers detects missing arrays.
      for name in read:
        np.testing.assert_array_equal(read[name], arrays[name], strict=True)


def test_an_array_is_read_by_numpy_too(tmp_path):
  path = tmp_path / "array.npy"
  for array in ARRAYS.values():
    array_files.write_array(path, array)
    for read in (np.load(path), array_files.read_array(path)):
      np.testing.assert_array_equal(read, array, strict=True)
    data = path.read_bytes()
    assert zlib.crc32(data[:-4]) == int.from_bytes(data[-4:], "little")
  assert list(tmp_path.iterdir()) == [path]


def test_no_bit_of_an_array_changes_unnoticed(tmp_path):
  path = tmp_path / "array.npy"
  array_files.write_array(path, ONES)
  for data in itertools.islice(flips(path.read_bytes()), 0, None, 3):
    path.write_bytes(data)
    with pytest.raises(ValueError, match="checksum does not match"):
      array_files.read_array(path)


def test_arrays_with_a_wrong_header_are_refused(tmp_path):
  path = tmp_path / "array.npy"
  for shape in ((2,), (2 * 10**13,), (10**30, 10**30)):
    data = npy(ONES, shape)
    path.write_bytes(data + zlib.crc32(data).to_bytes(4, "little"))
    with pytest.raises(ValueError, match="its size does not match its header"):
      array_files.read_array(path)
