"""Records as TensorBoard event files, through tensorboardX."""

from collections.abc import Iterable
import importlib
import os
import pathlib
import shutil
import time

from mftrpo_openspiel.runs import run_loop


def check_available() -> None:
  """Raises a ValueError if tensorboardX is not installed."""
  try:
    importlib.import_module("tensorboardX")
  except ImportError:
    raise ValueError(
      "tensorboard needs the package tensorboardX: pip install"
      " 'mftrpo_openspiel[tensorboard]'."
    ) from None


class EventWriter:
  """Writes one event file, a scalar for each quantity of a record.

  Other than tensorboardX's SummaryWriter it has no thread of its own, in which
  errors of the disk would be lost.
  """

  def __init__(
    self, folder: str | os.PathLike, records: Iterable[run_loop.Record]
  ):
    """Initializes the writer.

    Args:
      folder: For the event file. What is in it is removed.
      records: What there is so far.

    Raises:
      OSError: If the folder cannot be written to.
    """
    writers = importlib.import_module("tensorboardX.event_file_writer")
    folder = pathlib.Path(folder)
    if folder.exists():
      shutil.rmtree(folder)
    folder.mkdir()
    self._writer = writers.EventsWriter(str(folder / "events"))
    for record in records:
      self.write(record)

  def write(self, record: run_loop.Record) -> None:
    """Adds a record."""
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    summary = importlib.import_module("tensorboardX.summary")
    for name, value in vars(record).items():
      if name != "iteration":
        event = event_pb2.Event(
          step=record.iteration,
          wall_time=time.time(),
          summary=summary.scalar(name, value),
        )
        self._writer.write_event(event)

  def flush(self) -> None:
    """Brings what was added to the disk."""
    self._writer.flush()

  def close(self) -> None:
    """Flushes and closes the file."""
    self._writer.close()
