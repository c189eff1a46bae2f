"""Tests of the loop of iterations and records."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import stationary_model


def omd():
  game = factory.create_game(setting="two_islands")
  model = stationary_model.StationaryModel(game.mean_field_mdp(), game)
  return mirror_descent.MirrorDescent(model, lr=0.1)


def records_of(algorithm, num_iterations, regularization, record_at, **options):
  found = iteration_loop.iterations(
    algorithm, num_iterations, regularization, record_at, **options
  )
  return [finished.record for finished in found if finished.record]


def test_records_agree_with_the_model():
  algorithm = omd()
  records = records_of(algorithm, 5, 0.3, [0, 2, 5])
  assert [record.iteration for record in records] == [0, 2, 5]
  again = omd()
  assert records[0].exploitability == again.model.exploitability(again.policy)
  for _ in range(5):
    again.iteration()
  last = records[-1]
  assert last.exploitability == again.model.exploitability(again.policy)
  assert last.regularized_exploitability == again.model.exploitability(
    again.policy, 0.3
  )
  assert 0 == records[0].seconds < records[1].seconds < last.seconds


class Careless(mirror_descent.MirrorDescent):
  """An algorithm that performs and counts two iterations per call."""

  def iteration(self, learning_rate=None):
    super().iteration(learning_rate)
    super().iteration(learning_rate)


def test_an_algorithm_that_does_not_count_its_iterations_is_refused():
  """It could not be resumed from a checkpoint."""
  with pytest.raises(ValueError) as error:
    records_of(Careless(omd().model, lr=0.1), 5, 0.3, [0, 5])
  assert str(error.value) == (
    "num_iterations of Careless must be the number of calls of iteration(), got"
    " 2 after 1."
  )


def test_log_spaced_iterations():
  assert iteration_loop.log_spaced_iterations(100, 1) == [0, 1, 10, 100]
  assert iteration_loop.log_spaced_iterations(0) == [0]
  for last in (1, 7, 5000):
    spaced = iteration_loop.log_spaced_iterations(last)
    assert spaced[0] == 0
    assert spaced[-1] == last
    assert spaced == sorted(set(spaced))
  with pytest.raises(ValueError, match="num_iterations must"):
    iteration_loop.log_spaced_iterations(-1)


def test_a_list_of_log_spaced_iterations_can_be_made_longer():
  longer = iteration_loop.log_spaced_iterations(1000, 7)
  assert set(iteration_loop.log_spaced_iterations(150, 7)) - {150} <= set(
    longer
  )


def test_evenly_spaced_iterations():
  assert iteration_loop.evenly_spaced_iterations(7, 3) == [0, 3, 6, 7]
  assert iteration_loop.evenly_spaced_iterations(6, 3) == [0, 3, 6]
  with pytest.raises(ValueError, match="every must"):
    iteration_loop.evenly_spaced_iterations(6, 0)


class Scripted:
  """An algorithm whose policies and mean fields are given."""

  def __init__(self, policies, mean_fields):
    self.model = omd().model
    self._rest = iter(zip(policies, mean_fields))
    self.num_iterations = -1
    self.iteration()

  def state(self):
    return {}

  def iteration(self):
    policy, mean_field = next(self._rest)
    self.num_iterations += 1
    size = self.model.legal_actions_mask.shape
    # Actions and masses of two states; the others have no mass.
    self.policy = np.full(size, 1 / size[1])
    self.policy[:2] = policy
    self.mean_field = np.zeros(size[0])
    self.mean_field[:2] = mean_field


def test_changes_and_entropy_of_a_record():
  up, down, mixed = [1, 0], [0, 1], [0.5, 0.5]
  algorithm = Scripted(
    [[up, up], [up, up], [down, mixed]], [[1, 0], [1, 0], [0.25, 0.75]]
  )
  first, last = records_of(algorithm, 2, 0.1, [0, 2])
  assert (first.mean_field_change, first.policy_change, first.entropy) == (
    0,
    0,
    0,
  )
  assert last.mean_field_change == pytest.approx(1.5)
  assert last.policy_change == pytest.approx(0.25 * 2 + 0.75 * 1)
  assert last.entropy == pytest.approx(0.75 * np.log(2))


def test_iterations_continue_from_a_checkpoint():
  whole = list(iteration_loop.iterations(omd(), 6, 0.1, [0, 3, 6]))
  assert [finished.iteration for finished in whole] == list(range(7))
  recorded = [finished.iteration for finished in whole if finished.record]
  assert recorded == [0, 3, 6]
  algorithm = omd()
  for _ in range(4):
    algorithm.iteration()
  rest = list(
    iteration_loop.iterations(
      algorithm, 6, 0.1, [0, 3, 6], seconds=100.0, is_resumed=True
    )
  )
  assert [finished.iteration for finished in rest] == [5, 6]
  assert rest[-1].seconds > 100
  assert rest[-1].record.exploitability == whole[-1].record.exploitability


def test_iterations_stop_below_an_exploitability():
  whole = records_of(omd(), 60, 0.1, range(61))
  values = np.array([record.exploitability for record in whole])
  bound = values[20] * (1 + 1e-9)
  assert (values[:20] > bound).all()
  stopped = records_of(omd(), 60, 0.1, range(61), stop_below=bound)
  assert [record.iteration for record in stopped] == list(range(21))
  # It is checked at the records, and has to be strictly less.
  seldom = records_of(omd(), 60, 0.1, [0, 15, 30, 60], stop_below=bound)
  assert [record.iteration for record in seldom] == [0, 15, 30]
  equal = records_of(omd(), 60, 0.1, range(61), stop_below=values[20])
  assert equal[-1].iteration == 21


def test_without_regularization_both_exploitabilities_agree():
  (first,) = records_of(omd(), 0, 0.0, [0])
  assert first.regularized_exploitability == first.exploitability > 0


def test_columns_are_arrays_of_the_fields():
  records = records_of(omd(), 4, 0.1, [0, 2, 4])
  columns = iteration_loop.columns(records)
  assert columns["iteration"].tolist() == [0, 2, 4]
  assert columns["entropy"].tolist() == [record.entropy for record in records]
  assert all(len(column) == 3 for column in columns.values())


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    ((10, 0, None), "num_records must be"),
    ((10, 10, 0), "record_every must be"),
    ((10**9, 10, 1), "record_every must be at least 1000 with"),
    ((-1, 10, None), "num_iterations must be"),
  ],
)
def test_invalid_records_are_refused(arguments, message):
  with pytest.raises(ValueError, match=message):
    iteration_loop.iterations_to_record(*arguments)
