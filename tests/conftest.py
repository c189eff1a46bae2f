"""Settings of all tests."""

import os

# One thread a process: the tests run in several processes already. OpenBLAS
# reads it when numpy is imported, so this must come first.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
