"""Writes records as TensorBoard event files, with tensorboardX."""

from collections.abc import Iterable
import importlib
import pathlib
import shutil
import time

from mftrpo_openspiel.algorithms import iteration_loop


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
  """Writes one event file, with a scalar for each quantity of a record.

  Unlike tensorboardX's SummaryWriter it does not write from a separate thread,
  in which disk errors would be lost.
  """

  def __init__(
    self, folder: pathlib.Path, records: Iterable[iteration_loop.Record]
  ):
    """Writes the records so far into a folder, replacing its contents.

    Raises:
      OSError: If the folder cannot be written to.
    """
    self._event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    self._summary = importlib.import_module("tensorboardX.summary")
    writers = importlib.import_module("tensorboardX.event_file_writer")
    if folder.exists():
      shutil.rmtree(folder)
    folder.mkdir()
    self._writer = writers.EventsWriter(str(folder / "events"))
    self.flush, self.close = self._writer.flush, self._writer.close
    for record in records:
      self.write(record)

  def write(self, record: iteration_loop.Record) -> None:
    """Adds a record."""
    for name, value in vars(record).items():
      if name != "iteration" and value is not None:
        event = self._event_pb2.Event(
          step=record.iteration,
          wall_time=time.time(),
          summary=self._summary.scalar(name, value),
        )
        self._writer.write_event(event)
