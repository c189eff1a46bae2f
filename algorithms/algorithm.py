"""Base classes of the algorithms.

`MeanFieldAlgorithm` is the interface that users and the programs see.
`ArrayAlgorithm` is the base class of the algorithms of this package: the state
of each is one record, and an iteration is a function from one record to the
next.
"""

import abc
from collections.abc import Mapping
import dataclasses
from typing import Any
from typing import Generic
from typing import TypeVar

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.algorithms import history as history_lib
from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import whole_state
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import noted_options
from mftrpo_openspiel.utils import progress as progress_lib
from mftrpo_openspiel.utils import validation


class MeanFieldAlgorithm(noted_options.NotedOptions, abc.ABC):
  """An algorithm that improves a policy and a mean field step by step.

  It is used in the same way as OpenSpiel's algorithms:

      algorithm = SomeAlgorithm(game)
      for _ in range(num_iterations):
        algorithm.iteration()
      policy = algorithm.get_policy()

  or by `run`, which measures exploitability on the way.

  Attributes:
    model: The mean-field game on which it runs.
    regularization: eta, the weight of the entropy bonus, from the option of
      this name; 0 if there is none. `run` measures phi_eta with it.
  """

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    root_state: pyspiel.State | None = None,
  ):
    """Initializes the algorithm.

    Args:
      game: The game to solve; see `from_game.as_model`.
      root_state: The state of the game in which plays start.

    Raises:
      ValueError: As `from_game.as_model`.
    """
    self.model = from_game.as_model(game, root_state)
    self.regularization = float(self.options.get("regularization") or 0.0)
    # Measured by `run`.
    self._records: list[iteration_loop.Record] = []
    # OpenSpiel traverses the whole game to compute it.
    self._distribution_of = memo.Memo(self._find_distribution)

  @property
  @abc.abstractmethod
  def policy(self) -> np.ndarray:
    """(N, A), the current policy; uniform before the first iteration."""

  @property
  @abc.abstractmethod
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field that belongs to `policy`."""

  @property
  @abc.abstractmethod
  def num_iterations(self) -> int:
    """Number of iterations performed."""

  @abc.abstractmethod
  def iteration(self) -> None:
    """Performs one iteration."""

  @abc.abstractmethod
  def state(self) -> dict[str, np.ndarray]:
    """Returns everything that later iterations depend on; read-only.

    After `restore`, an algorithm that was constructed in the same way continues
    exactly as this one would. (On a model that draws random numbers, the state
    of the model has to be restored as well; see `whole_state`.)
    """

  @abc.abstractmethod
  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned.

    Raises:
      ValueError: If it is not the state of this algorithm on this model.
    """

  @property
  def history(self) -> history_lib.History:
    """All measurements of `run`, up to the current iteration."""
    return self._history_from(0)

  def run(
    self,
    num_iterations: int,
    progress: bool = True,
    callback: iteration_loop.Report | None = None,
    stop_below: float | None = None,
    *,
    num_records: int = iteration_loop.DEFAULT_NUM_RECORDS,
    record_every: int | None = None,
    max_environment_steps: int | None = None,
  ) -> history_lib.History:
    """Performs iterations and measures exploitability on the way.

    Exploitability is measured at the beginning, at the end, and in between at
    the same iteration numbers as in the run directories of `mftrpo-solve`: by
    default ten times per factor of ten, so that measuring takes a small part of
    the time.

    After Ctrl-C the algorithm is in the state after its last complete
    iteration, and `history` has all measurements up to then.

    Args:
      num_iterations: Largest number of iterations of this call.
      progress: Whether to show a progress bar in a terminal or a notebook. None
        is shown elsewhere.
      callback: Called at the beginning and after each iteration; its argument
        has a `record` where exploitability was measured.
      stop_below: Stop once a measured exploitability (phi_0) is below this.
      num_records: Number of measurements per factor of ten iterations.
      record_every: Measure every `record_every` iterations instead.
      max_environment_steps: Stop after the iteration in which the total number
        of simulated steps reaches this; for a model that counts them.

    Returns:
      The measurements of this call.

    Raises:
      ValueError: If an argument is out of range, or `state` does not support
        the algorithm.
    """
    validation.check_int(
      "num_iterations", num_iterations, 1, iteration_loop.MAX_ITERATIONS
    )
    validation.check_type("progress", progress, bool)
    if stop_below is not None:
      validation.check_real("stop_below", stop_below, 0, low_open=True)
    iteration_loop.check_budget(self.model, max_environment_steps)
    first = self.num_iterations
    record_at = iteration_loop.iterations_to_record(
      first + num_iterations, num_records, record_every
    )
    # Later records belong to a state that `restore` has replaced.
    self._records = list(self.history.records)
    last = self._records[-1] if self._records else None
    is_resumed = last is not None and last.iteration == first
    if is_resumed and (
      iteration_loop.is_below(last, stop_below)
      or iteration_loop.are_spent(
        self.model.num_environment_steps, max_environment_steps
      )
    ):
      return self._history_from(first)
    state = whole_state.of(self)
    try:
      with progress_lib.live_bar(num_iterations, progress) as bar:
        for finished in iteration_loop.iterations(
          self,
          first + num_iterations,
          self.regularization,
          {first, *record_at},
          seconds=last.seconds if last else 0.0,
          is_resumed=is_resumed,
          stop_below=stop_below,
          max_environment_steps=max_environment_steps,
        ):
          state = finished.state
          if finished.record is not None:
            self._records.append(finished.record)
            phi = f"{finished.record.exploitability:.3g}"
            bar.set_postfix_str(f"phi_0 = {phi}", refresh=False)
          bar.update(finished.iteration - first - bar.n)
          if callback is not None:
            callback(finished)
    except KeyboardInterrupt:
      # The interrupt may have come in the middle of an iteration.
      whole_state.restore(self, state)
      raise
    return self._history_from(first)

  def _history_from(self, first: int) -> history_lib.History:
    """Returns the records from iteration `first` to the current one."""
    last = self.num_iterations
    records = (x for x in self._records if first <= x.iteration <= last)
    return history_lib.History(
      self.title(),
      type(self),
      self.shown_options(),
      self.model,
      self.regularization,
      tuple(records),
    )

  def __repr__(self) -> str:
    """Returns one line: the algorithm, its model, and the iteration."""
    return (
      f"<{self.title()} on {self.model!r}, iteration {self.num_iterations}>"
    )

  def get_policy(self) -> policy_lib.Policy:
    """Returns the current policy for `model.game`, as a frozen policy."""
    return self.model.to_openspiel(self.policy)

  @property
  def distribution(self) -> distribution_lib.DistributionPolicy:
    """OpenSpiel's distribution of the current policy in `model.game`."""
    return self._distribution_of(self.policy)

  @property
  def _distribution(self) -> distribution_lib.DistributionPolicy:
    """The attribute that OpenSpiel's example programs read."""
    return self.distribution

  def _find_distribution(
    self, policy: np.ndarray
  ) -> distribution_lib.DistributionPolicy:
    """Computes OpenSpiel's distribution of an (N, A) policy."""
    return distribution_lib.DistributionPolicy(
      self.model.game, self.model.to_openspiel(policy), self.model.root_state
    )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class State:
  """Everything that later iterations of an algorithm depend on.

  Fields are read-only arrays, numbers, and records of these. (Fields of other
  types are options from the constructor; `restore` does not change them.)

  Attributes:
    policy: (N, A).
    mean_field: (N,).
    iteration: Number of iterations performed.
  """

  policy: np.ndarray
  mean_field: np.ndarray
  iteration: int = 0


StateT = TypeVar("StateT", bound=State)


class ArrayAlgorithm(MeanFieldAlgorithm, Generic[StateT]):
  """An algorithm whose iteration is a function of a `State` record.

  The constructor of a subclass checks its options, calls the constructor of
  this class, and sets `_state`.
  """

  _state: StateT

  @abc.abstractmethod
  def _next_state(self, state: StateT) -> StateT:
    """Returns the state after one more iteration."""

  def iteration(self) -> None:
    """Performs one iteration."""
    self._state = self._next_state(self._state)

  @property
  def num_iterations(self) -> int:
    """Number of iterations performed."""
    return self._state.iteration

  @property
  def policy(self) -> np.ndarray:
    """(N, A), the current policy; uniform before the first iteration."""
    return self._state.policy

  @property
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field that belongs to `policy`."""
    return self._state.mean_field

  def state(self) -> dict[str, np.ndarray]:
    """Returns the arrays and numbers of the state by name.

    Those of the model are included as "model.<name>".
    """
    return _arrays(self._state) | whole_state.of_model(self.model)

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned."""
    check_state(state, self.state())
    whole_state.restore_model(self.model, state)
    self._state = _with_arrays(self._state, state)


def _arrays(record: Any, start: str = "") -> dict[str, np.ndarray]:
  """Returns the fields of a record by name, "outer.inner" if nested."""
  arrays = {}
  for field in dataclasses.fields(record):
    name, value = start + field.name, getattr(record, field.name)
    if isinstance(value, np.ndarray | int | float):
      arrays[name] = np.asarray(value)
    elif dataclasses.is_dataclass(value):
      arrays.update(_arrays(value, f"{name}."))
  return arrays


def _with_arrays(
  record: Any, arrays: Mapping[str, np.ndarray], start: str = ""
) -> Any:
  """Returns a copy of `record` for which `_arrays` returns these arrays."""
  changes: dict[str, Any] = {}
  for field in dataclasses.fields(record):
    name, value = start + field.name, getattr(record, field.name)
    if name in arrays:
      array = arrays[name]
      changes[field.name] = array if array.ndim else array.item()
    elif dataclasses.is_dataclass(value):
      changes[field.name] = _with_arrays(value, arrays, f"{name}.")
  return dataclasses.replace(record, **changes)


def check_state(
  state: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]
) -> None:
  """Raises a ValueError unless `state` has arrays as `like` has.

  Names, types and shapes have to be equal.
  """

  def kinds(arrays):
    return {name: (x.dtype.str, x.shape) for name, x in arrays.items()}

  given, wanted = kinds(state), kinds(like)
  for name in sorted(given.keys() | wanted.keys()):
    if given.get(name) != wanted.get(name):
      raise ValueError(
        f"state must belong to this algorithm and model: {name!r} must be"
        f" {wanted.get(name, 'absent')}, got {given.get(name, 'nothing')}."
      )
