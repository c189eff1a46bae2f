"""How far something is: a bar on a terminal, and lines where there is none.

Ctrl-C, a full standard output and a standard error that nobody reads cannot
break either.
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

# Between two lines.
LINE_SECONDS = 10.0

_is_quiet = False


class Progress(Protocol):
  """What is told how far something is; a context that closes itself.

  Attributes:
    n: How far it is.
  """

  n: float

  def update(self, n: float = 1) -> object:
    """Adds `n`."""

  def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
    """Sets what is shown beside how far it is."""

  def close(self) -> None:
    """Ends it."""

  def __enter__(self) -> Self: ...

  def __exit__(
    self,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: types.TracebackType | None,
    /,
  ) -> None: ...


def be_quiet() -> None:
  """Makes all progress of this process that is begun from now on invisible."""
  global _is_quiet
  _is_quiet = True


def progress_bar(
  total: int, unit: str, initial: int = 0, title: str = "", keep: bool = True
) -> Progress:
  """Returns a progress bar, or what prints lines if there is no terminal.

  Both are on standard error. Lines come every `LINE_SECONDS` and at the end.

  Args:
    total: What `n` is at the end.
    unit: Of which there are so many.
    initial: What `n` is at the beginning.
    title: What stands before it.
    keep: Whether the bar stays at the end, or a line is printed there.

  Raises:
    OSError: If standard output, which tqdm flushes, cannot be written.
  """
  is_quiet = _is_quiet or sys.stderr is None
  if not is_quiet and not sys.stderr.isatty():
    return _Lines(total, unit, initial, title, keep)
  # Some versions of tqdm cannot close a bar that is only half made. So errors
  # and Ctrl-C come before the bar is made or after.
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

  In a notebook it is one of a notebook. It is gone at the end. Where standard
  error is no terminal, as in a batch job, nothing is shown.
  """
  is_terminal = sys.stderr is not None and sys.stderr.isatty()
  if not is_wanted or not (is_terminal or _is_notebook()):
    return tqdm.tqdm(total=total, disable=True)
  with warnings.catch_warnings():
    # Without the package ipywidgets it is a line of text in a notebook.
    warnings.simplefilter("ignore", tqdm.TqdmWarning)
    auto = importlib.import_module("tqdm.auto")
  return auto.tqdm(total=total, unit=unit, leave=False, disable=False)


def _is_notebook() -> bool:
  """Returns whether this program is the kernel of a notebook."""
  ipython = sys.modules.get("IPython")
  shell = ipython.get_ipython() if ipython else None
  return shell is not None and "IPKernelApp" in shell.config


class _Lines:
  """Prints now and then how far something is."""

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
    """Adds `n`; prints a line if the last one is long ago."""
    self.n += n
    if time.monotonic() - self._last >= LINE_SECONDS:
      self._print()

  def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
    """Sets what is shown beside how far it is."""
    del refresh  # A line that is printed stays as it is.
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
    # Who does not read it does without.
    with contextlib.suppress(OSError):
      print(line, file=sys.stderr, flush=True)

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *exception: object) -> None:
    self.close()
