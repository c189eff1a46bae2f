"""Progress bars on terminals, and lines of progress elsewhere.

Both tolerate Ctrl-C, a full disk under standard output, and a closed standard
error.
"""

import contextlib
import importlib
import sys
import time
import types
from typing import Protocol
from typing import Self
import warnings

import tqdm

from mftrpo_openspiel.utils import interrupts

# Time between two lines, in seconds.
LINE_SECONDS = 10.0

_is_quiet = False


class Progress(Protocol):
  """A display of progress, and a context manager that closes it.

  Attributes:
    n: The progress so far.
  """

  n: float

  def update(self, n: float = 1) -> object:
    """Adds `n` to the progress."""

  def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
    """Sets a text that is shown after the progress."""

  def close(self) -> None:
    """Closes the display."""

  def __enter__(self) -> Self: ...

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: types.TracebackType | None,
    /,
  ) -> None: ...


def be_quiet() -> None:
  """Hides all displays of progress that this process creates from now on."""
  global _is_quiet
  _is_quiet = True


def progress_bar(
  total: int, unit: str, initial: int = 0, title: str = "", keep: bool = True
) -> Progress:
  """Returns a progress bar, or an object that prints lines of progress.

  Lines are printed if standard error is not a terminal: every `LINE_SECONDS`
  and at the end. Both displays write to standard error.

  Args:
    total: Progress at the end.
    unit: Unit of the progress, in the singular.
    initial: Progress at the beginning.
    title: Text in front of the bar or the line.
    keep: Whether the bar remains, or a line is printed, at the end.

  Raises:
    OSError: If standard output, which tqdm flushes, cannot be written.
  """
  is_quiet = _is_quiet or sys.stderr is None
  if not is_quiet and not sys.stderr.isatty():
    return _Lines(total, unit, initial, title, keep)
  # Some versions of tqdm cannot close a partly constructed bar. Therefore
  # errors of standard output are raised before, and Ctrl-C is deferred.
  if sys.stdout is not None:
    sys.stdout.flush()
  with interrupts.deferred():
    return tqdm.tqdm(
      total=total,
      unit=unit,
      initial=initial,
      desc=title or None,
      leave=keep,
      unit_scale=total >= 10_000,
      disable=is_quiet,
    )


def live_bar(
  total: int, is_wanted: bool = True, unit: str = "iteration"
) -> tqdm.tqdm:
  """Returns the progress bar of a call from Python, a context manager.

  In a notebook it is a notebook widget. The bar disappears at the end. Nothing
  is shown if standard error is not a terminal, for example in a batch job.
  """
  is_terminal = sys.stderr is not None and sys.stderr.isatty()
  if not is_wanted or not (is_terminal or _is_notebook()):
    return tqdm.tqdm(total=total, disable=True)
  with warnings.catch_warnings():
    # Without the package ipywidgets tqdm warns, and shows a line of text.
    warnings.simplefilter("ignore", tqdm.TqdmWarning)
    auto = importlib.import_module("tqdm.auto")
  return auto.tqdm(total=total, unit=unit, leave=False, disable=False)


def _is_notebook() -> bool:
  """Returns whether this program is the kernel of a notebook."""
  ipython = sys.modules.get("IPython")
  shell = ipython.get_ipython() if ipython else None
  return shell is not None and "IPKernelApp" in shell.config


class _Lines:
  """Prints lines of progress at intervals."""

  def __init__(
    self, total: int, unit: str, initial: int, title: str, keep: bool
  ):
    self.n: float = initial
    self._total = total
    self._unit = unit
    self._title = f"{title}: " if title else ""
    self._keep = keep
    self._beside = ""
    self._begin = self._last = time.monotonic()

  def update(self, n: float = 1) -> None:
    """Adds `n` to the progress; prints a line if it is time for one."""
    self.n += n
    if time.monotonic() - self._last >= LINE_SECONDS:
      self._print()

  def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
    """Sets a text that is shown after the progress."""
    del refresh  # Printed lines cannot be changed.
    self._beside = f", {s}" if s else ""

  def close(self) -> None:
    """Prints the last line."""
    if self._keep:
      self._print()

  def _print(self) -> None:
    self._last = time.monotonic()
    line = (
      f"{self._title}{self.n:.0f} of {self._total} {self._unit}s"
      f"{self._beside} after {self._last - self._begin:.0f} s"
    )
    # A closed standard error is ignored.
    with contextlib.suppress(OSError):
      print(line, file=sys.stderr, flush=True)

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()
