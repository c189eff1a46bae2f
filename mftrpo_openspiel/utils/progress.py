"""Progress bars that Ctrl-C and a full standard output cannot break."""

import importlib
import sys
from typing import Any
import warnings

import tqdm

from mftrpo_openspiel.utils import interrupts


def progress_bar(**options: Any) -> tqdm.tqdm:
  """Returns a progress bar with `options` of tqdm.

  Raises:
    OSError: If standard output, which tqdm flushes, cannot be written.
  """
  # Some versions of tqdm cannot close a bar that is only half made. So errors
  # and Ctrl-C come before the bar is made or after.
  sys.stdout.flush()
  with interrupts.deferred():
    return tqdm.tqdm(**options)


def live_bar(num_iterations: int, is_wanted: bool = True) -> tqdm.tqdm:
  """Returns the progress bar of a call from Python, a context manager.

  In a notebook it is one of a notebook. It is gone at the end. Where standard
  error is no terminal, as in a batch job, nothing is shown.
  """
  if not (is_wanted and (sys.stderr.isatty() or _is_notebook())):
    return tqdm.tqdm(total=num_iterations, disable=True)
  with warnings.catch_warnings():
    # Without the package ipywidgets it is a line of text in a notebook.
    warnings.simplefilter("ignore", tqdm.TqdmWarning)
    auto = importlib.import_module("tqdm.auto")
  return auto.tqdm(
    total=num_iterations, unit="iteration", leave=False, disable=False
  )


def _is_notebook() -> bool:
  """Returns whether this program is the kernel of a notebook."""
  ipython = sys.modules.get("IPython")
  shell = ipython.get_ipython() if ipython else None
  return shell is not None and "IPKernelApp" in shell.config
