"""The run directory: configuration, records, checkpoint and solution of a run.

    config.json      all that is needed to repeat the run
    metrics.csv      the records
    checkpoint.npz   the state from which the run can be resumed
    mean_fields/     optional, <iteration>.npy at each record, with a CRC-32
                     after the array
    policies/        optional, the same for policies
    solution.npz     the policy and the mean field at the end
    tensorboard/     optional, an event file
    lock             locked by the program that writes into this folder

At any time the other files are consistent with checkpoint.npz up to its
iteration. Later data are discarded when the run is resumed. All files have
checksums, which are verified whenever a file is read. `RunWriter` writes these
files, `load_run` and `read_progress` read them. The format of each file is
defined in `run_config`, `metrics_table`, `checkpoints`, `record_arrays`,
`solutions` and `event_files`.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
import pathlib
import time
from typing import Any
from typing import Self

import filelock
import numpy as np

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.openspiel import games
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import event_files
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import record_arrays
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_loop
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import interrupts
from mftrpo_openspiel.utils import plugins

_CONFIG, _METRICS, _LOCK = "config.json", "metrics.csv", "lock"
_CHECKPOINT, _SOLUTION = "checkpoint.npz", "solution.npz"
_MEAN_FIELDS, _POLICIES = "mean_fields", "policies"
_EVENTS = "tensorboard"


@dataclasses.dataclass(frozen=True, eq=False)
class RunResult:
  """The configuration and the results of a run.

  Attributes:
    config: The contents of config.json: "format", "experiment" (a dictionary),
      "game", "model", "versions", "commit".
    records: The records in the order of their iterations.
    solution: The policy and mean field at the end, or at the last interruption;
      None if there is none yet.
    mean_fields: (N,) arrays by the iterations of the records; empty if they
      were not stored.
    policies: (N, A) arrays by iterations in the same way.
    costs: Time spent by this program; None if the run was read from disk.
    accuracy: Sentences on how, and how accurately, values and mean fields were
      computed; None if the run was read from disk.
  """

  config: dict[str, Any]
  records: list[iteration_loop.Record]
  solution: solutions.Solution | None
  mean_fields: dict[int, np.ndarray]
  costs: run_loop.Costs | None = None
  accuracy: str | None = None
  policies: dict[int, np.ndarray] = dataclasses.field(default_factory=dict)

  @property
  def columns(self) -> dict[str, np.ndarray]:
    """The fields of the n records by name, each an (n,) array.

    `pandas.DataFrame(result.columns)` is a table of them.
    """
    return iteration_loop.columns(self.records)

  @property
  def policy(self) -> np.ndarray | None:
    """The (N, A) policy of the solution; None if there is none yet."""
    return None if self.solution is None else self.solution.policy

  @property
  def mean_field(self) -> np.ndarray | None:
    """The (N,) mean field of the solution; None if there is none yet."""
    return None if self.solution is None else self.solution.mean_field

  def __repr__(self) -> str:
    """Returns one line: the algorithm, the game and a summary of records."""
    experiment = self.config["experiment"]
    game = games.shortened(self.config["game"])
    summary = iteration_loop.summary(self.records, experiment["regularization"])
    return f"RunResult({experiment['algorithm']} on {game}: {summary})"


def has_run(path: str | os.PathLike) -> bool:
  """Whether the folder `path` contains a run, finished or not.

  Raises:
    ValueError: If the folder cannot be read.
  """
  return _exists(pathlib.Path(path) / _CONFIG)


def load_run(path: str | os.PathLike) -> RunResult:
  """Returns the run in the folder `path`, which may still be in progress.

  Raises:
    ValueError: If there is no run, or one of its files is damaged.
  """
  path = pathlib.Path(path)
  if not has_run(path):
    raise ValueError(f"path must be a run directory, got {path}.")
  config = run_config.read(path / _CONFIG)
  records = metrics_table.read_csv(path / _METRICS)
  solution = num_states = mask = None
  if _exists(path / _SOLUTION):
    solution = solutions.load_solution(path / _SOLUTION)
    num_states, mask = len(solution.mean_field), solution.legal_actions_mask
    last = config["experiment"]["num_iterations"]
    if solution.iteration == last and (
      not records or records[-1].iteration != last
    ):
      raise ValueError(
        f"{path / _METRICS} has no record of iteration {last}, which is the"
        f" iteration of {_SOLUTION}."
      )
  mean_fields, policies = {}, {}
  for iteration in [record.iteration for record in records]:
    if config["experiment"]["log_distribution"]:
      mean_fields[iteration] = record_arrays.read_mean_field(
        path / _MEAN_FIELDS, iteration, num_states
      )
    if config["experiment"]["log_policy"]:
      policies[iteration] = record_arrays.read_policy(
        path / _POLICIES, iteration, mask
      )
  return RunResult(config, records, solution, mean_fields, policies=policies)


def import_plugins(path: str | os.PathLike) -> list[str]:
  """Imports the modules that registered the game and the algorithm of a run.

  Args:
    path: The folder of the run.

  Returns:
    The modules in the field `imports` of its experiment.

  Raises:
    ValueError: If one cannot be imported; the message names the run and the
      module. Or as by `run_config.read`.
  """
  experiment = run_config.read(pathlib.Path(path) / _CONFIG)["experiment"]
  try:
    plugins.import_modules(experiment["imports"])
    if ":" in experiment["algorithm"]:
      plugins.find(experiment["algorithm"], "algorithm")
  except ValueError as error:
    raise ValueError(f"{path} needs its modules: {error}") from error.__cause__
  return experiment["imports"]


def is_finished(path: str | os.PathLike, config: Mapping[str, Any]) -> bool:
  """Whether `path` contains a finished run of this experiment.

  Raises:
    ValueError: If a file of the run is damaged.
  """
  path = pathlib.Path(path)
  if not has_run(path) or not _exists(path / _SOLUTION):
    return False
  there = run_config.read(path / _CONFIG)
  if run_config.run_id(there) != run_config.run_id(config):
    return False
  if any(
    config["experiment"][name] != there["experiment"][name]
    for name in ("num_iterations", "stop_below", "max_environment_steps")
  ):
    return False
  iteration = solutions.load_solution(path / _SOLUTION).iteration
  return iteration == config["experiment"]["num_iterations"] or is_stopped(
    iteration, metrics_table.read_csv(path / _METRICS), config
  )


def is_stopped(
  iteration: int,
  records: Sequence[iteration_loop.Record],
  config: Mapping[str, Any],
) -> bool:
  """Whether a stopping rule ends a run at the iteration of its last record."""
  if not records or records[-1].iteration != iteration:
    return False
  experiment, last = config["experiment"], records[-1]
  return iteration_loop.is_below(
    last, experiment["stop_below"]
  ) or iteration_loop.are_spent(
    last.environment_steps, experiment["max_environment_steps"]
  )


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Creates a folder if necessary and locks it for this program.

  The lock is one of the operating system. It is released when the program ends
  in any way; it does not work on network drives without locks.

  Raises:
    ValueError: If the folder cannot be created, is locked by another program,
      or contains files of a run, but not its configuration.
  """
  folder = files.folder(path)
  if not has_run(folder):
    for name in (
      _METRICS,
      _CHECKPOINT,
      _SOLUTION,
      _MEAN_FIELDS,
      _POLICIES,
      _EVENTS,
    ):
      if (folder / name).exists():
        raise ValueError(
          f"logdir must be new or contain a run, got {folder}, which contains"
          f" {name} but no {_CONFIG}."
        )
  try:
    # A soft lock, which is a file, would outlive a program that is killed.
    lock = filelock.FileLock(
      folder / _LOCK, timeout=0, thread_local=False, fallback_to_soft=False
    ).acquire()
  except filelock.Timeout:
    raise ValueError(
      f"logdir must not be in use by another program, got {folder}."
    ) from None
  except OSError as error:
    if error.filename is not None:  # The file cannot be opened.
      raise _not_written(error, folder) from None
    raise ValueError(
      "logdir must be a folder in which files can be locked, got"
      f" {folder} ({error.strerror})."
    ) from None
  with lock:
    yield folder


def read_progress(
  path: pathlib.Path,
  config: Mapping[str, Any],
  record_at: Collection[int],
  resume: bool,
  legal_actions_mask: np.ndarray | None = None,
) -> tuple[iteration_loop.Checkpoint | None, list[iteration_loop.Record]]:
  """Returns the progress of the run in a folder; writes nothing.

  Args:
    path: The folder, locked.
    config: The configuration of the run.
    record_at: The iterations at which it has records.
    resume: Whether an existing run may be resumed.
    legal_actions_mask: (N, A), with which stored mean fields and policies must
      be consistent; None if it is not known.

  Returns:
    The latest checkpoint, None for the beginning, and the records up to it.

  Raises:
    ValueError: If there is a run and `resume` is not set, or if it is a run of
      another experiment, or damaged.
  """
  if not has_run(path):
    return None, []
  if not resume:
    raise ValueError(
      f"logdir already contains a run, got {path}; add --resume to resume it."
    )
  begun = run_config.read(path / _CONFIG)
  run_config.check_same_run(begun, config, path)
  if not (path / _CHECKPOINT).exists():
    return None, []
  checkpoint = checkpoints.load(path / _CHECKPOINT, run_config.run_id(config))
  last = begun["experiment"]["num_iterations"]
  if checkpoint.iteration > last:
    raise ValueError(
      f"{path / _CHECKPOINT} is of iteration {checkpoint.iteration}, but the"
      f" run has {last} iterations."
    )
  # The last line may be incomplete, for example after a power failure.
  whole, newline, _ = files.read_text(path / _METRICS).rpartition("\n")
  records = metrics_table.parse_csv(whole + newline, path / _METRICS)
  due = {k for k in record_at if k <= checkpoint.iteration}
  budget = config["experiment"]["max_environment_steps"]
  due |= {
    record.iteration
    for record in records
    if record.iteration == checkpoint.iteration
    and iteration_loop.are_spent(record.environment_steps, budget)
  }
  mask = legal_actions_mask
  for iteration in sorted(due):
    if config["experiment"]["log_distribution"]:
      record_arrays.read_mean_field(
        path / _MEAN_FIELDS, iteration, None if mask is None else len(mask)
      )
    if config["experiment"]["log_policy"]:
      record_arrays.read_policy(path / _POLICIES, iteration, mask)
  kept = [record for record in records if record.iteration in due]
  missing = due - {record.iteration for record in kept}
  if missing:
    raise ValueError(
      f"{path / _METRICS} has no record of iteration {min(missing)}, although"
      f" {_CHECKPOINT} is at iteration {checkpoint.iteration}."
    )
  return checkpoint, kept


class RunWriter:
  """Writes a run into its folder; implements `run_loop.Sink`."""

  def __init__(
    self,
    path: pathlib.Path,
    config: Mapping[str, Any],
    records: list[iteration_loop.Record],
    has_steps: bool = False,
  ):
    """Writes the progress so far, removes later data, and opens the files.

    If a run is resumed, the versions with which it was started are kept.

    Args:
      path: The folder, locked.
      config: The configuration of the run.
      records: The records so far.
      has_steps: Whether the records have environment steps.

    Raises:
      ValueError: If a file cannot be written.
    """
    self._path = path
    self._run_id = run_config.run_id(config)
    experiment = config["experiment"]
    self._keeps_mean_fields = experiment["log_distribution"]
    self._keeps_policies = experiment["log_policy"]
    self._events: event_files.EventWriter | None = None
    with _writing(path):
      # Temporary files that `files.replacing` leaves if the program is killed.
      for name in (_CONFIG, _METRICS, _CHECKPOINT, _SOLUTION):
        stem, dot, ending = name.partition(".")
        for file in path.glob(f".{stem}.*{dot}{ending}"):
          file.unlink()
      run_config.write(path / _CONFIG, config)
      self._metrics = metrics_table.CsvAppender(
        path / _METRICS, records, has_steps
      )
      kept = {record.iteration for record in records}
      for folder in (_MEAN_FIELDS, _POLICIES):
        record_arrays.remove_others(path / folder, kept)
      if experiment["tensorboard"]:
        self._events = event_files.EventWriter(path / _EVENTS, records)
    self._timer = checkpoints.Timer(experiment["checkpoint_seconds"])

  def __enter__(self) -> Self:
    return self

  def __exit__(self, *_) -> None:
    for file in (self._metrics, self._events):
      if file is not None:
        with _writing(self._path):
          file.close()

  def take(self, finished: iteration_loop.FinishedIteration) -> None:
    """Writes the record, if there is one, and a checkpoint if it is due.

    Raises:
      ValueError: If a file cannot be written; existing files are unchanged.
    """
    record = finished.record
    if record is not None:
      with _writing(self._path):
        if self._keeps_mean_fields and finished.mean_field is not None:
          record_arrays.write(
            self._path / _MEAN_FIELDS, record.iteration, finished.mean_field
          )
        if self._keeps_policies and finished.policy is not None:
          record_arrays.write(
            self._path / _POLICIES, record.iteration, finished.policy
          )
        self._metrics.append(record)
        if self._events is not None:
          self._events.write(record)
    if self._timer.is_due():
      self._save(finished)

  def finish(
    self, last: iteration_loop.Checkpoint, solution: solutions.Solution
  ) -> None:
    """Writes the last checkpoint and the solution, replacing earlier ones.

    Raises:
      ValueError: If one cannot be written; the earlier file is unchanged.
    """
    self._save(last)
    with _writing(self._path):
      solutions.save_solution(self._path / _SOLUTION, solution)

  def _save(self, checkpoint: iteration_loop.Checkpoint) -> None:
    """Saves a checkpoint, once all records up to it are on disk."""
    start = time.perf_counter()
    with _writing(self._path):
      self._metrics.sync()
      if self._events is not None:
        self._events.flush()
      checkpoints.save(self._path / _CHECKPOINT, checkpoint, self._run_id)
    self._timer.restart(time.perf_counter() - start)


@contextlib.contextmanager
def _writing(path: pathlib.Path) -> Iterator[None]:
  """Turns errors of the disk into a ValueError; defers Ctrl-C to the end."""
  try:
    with interrupts.deferred():
      yield
  except OSError as error:
    raise _not_written(error, path) from None


def _not_written(error: OSError, path: pathlib.Path) -> ValueError:
  return ValueError(
    f"{error.filename or path} cannot be written ({error.strerror or error})."
  )


def _exists(path: pathlib.Path) -> bool:
  try:
    return path.exists()
  except OSError as error:
    raise ValueError(f"{path} cannot be read ({error.strerror}).") from None
