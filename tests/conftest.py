"""Settings of all tests."""

import contextlib
import os
import resource

import pytest

# One thread a process: the tests run in several processes already. OpenBLAS
# reads it when numpy is imported, so this must come first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture
def file_size_limit():
  """Gives a context in which no file can be made larger: as a full disk."""

  @contextlib.contextmanager
  def limit(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
      yield
    finally:
      resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

  return limit
