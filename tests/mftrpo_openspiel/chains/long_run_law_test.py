"""Long-run laws compared with closed forms, rational arithmetic and powers."""

import fractions

import birth_death
import hypothesis
from hypothesis import strategies
import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import long_run_law

# The module never divides by zero nor causes other warnings.
pytestmark = pytest.mark.filterwarnings("error")

Fraction = fractions.Fraction


def cesaro_limit(matrix, reference, dense=True):
  max_dense_states = 500 if dense else 0
  law, _ = long_run_law.LongRunLaws(max_dense_states).cesaro_limit(
    sparse.csr_array(matrix), np.asarray(reference, dtype=np.float64)
  )
  return law


def chain_of(moves):
  """Returns the matrix whose entries off the diagonal are those of `moves`."""
  matrix = np.array(moves, dtype=np.float64)
  np.fill_diagonal(matrix, 0.0)
  np.fill_diagonal(matrix, 1.0 - matrix.sum(axis=1))
  return matrix


def solve(matrix, right_side):
  """Returns x with matrix x = right_side, in rational arithmetic."""
  rows = [[*row, value] for row, value in zip(matrix, right_side)]
  size = len(rows)
  for k in range(size):
    pivot = next(i for i in range(k, size) if rows[i][k])
    rows[k], rows[pivot] = rows[pivot], rows[k]
    rows[k] = [entry / rows[k][k] for entry in rows[k]]
    for i in range(size):
      if i != k and rows[i][k]:
        factor = rows[i][k]
        rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k])]
  return [row[-1] for row in rows]


def rational_limit(matrix, reference):
  """Returns the Cesaro limit in rational arithmetic.

  The off-diagonal entries are used as they are; the diagonal is computed from
  them so that rows sum to one.
  """
  size = len(matrix)
  chain = [[Fraction(float(entry)) for entry in row] for row in matrix]
  for i in range(size):
    chain[i][i] = 1 - sum(chain[i][:i] + chain[i][i + 1 :])
  reach = np.eye(size, dtype=bool) | (np.asarray(matrix) > 0)
  for _ in range(size):
    reach = (reach.astype(int) @ reach.astype(int)) > 0
  mass = [Fraction(float(entry)) for entry in reference]
  recurrent = [i for i in range(size) if (reach[i] <= reach[:, i]).all()]
  moving = [i for i in range(size) if i not in recurrent]
  visits = solve(
    [[(i == j) - chain[j][i] for j in moving] for i in moving],
    [mass[i] for i in moving],
  )
  law = [Fraction(0)] * size
  for first in recurrent:
    states = [j for j in recurrent if reach[first, j]]
    if first != states[0]:
      continue
    total = sum(mass[j] for j in states) + sum(
      visit * chain[i][j] for visit, i in zip(visits, moving) for j in states
    )
    # The balance equations of all states but the first, and the sum of all.
    equations = [[(i == j) - chain[j][i] for j in states] for i in states]
    equations[0] = [Fraction(1)] * len(states)
    right_side = [total] + [Fraction(0)] * (len(states) - 1)
    for state, value in zip(states, solve(equations, right_side)):
      law[state] = value
  return np.array([float(value) for value in law])


def average_of_powers(matrix, reference, doublings=45):
  """Returns the mean of reference . P^n over n < 2^doublings."""
  power = np.array(matrix)
  average = np.eye(len(power))
  for _ in range(doublings):
    average = (average + power @ average) / 2
    power = power @ power
    power /= power.sum(axis=1, keepdims=True)
  return reference @ average


@pytest.mark.parametrize(
  ("a", "b"),
  [(0.3, 0.1), (1.0, 0.25), (1e-3, 1e-9), (1e-30, 2e-30), (1e-99, 0.5)],
)
def test_two_states(a, b):
  law = cesaro_limit(chain_of([[0, a], [b, 0]]), [0.5, 0.5])
  np.testing.assert_allclose(law, [b / (a + b), a / (a + b)], rtol=1e-14)


@pytest.mark.parametrize("size", [2, 3, 7])
def test_cycles_are_averaged(size):
  cycle = np.roll(np.eye(size), 1, axis=1)
  law = cesaro_limit(cycle, np.eye(size)[0])
  np.testing.assert_allclose(law, 1 / size, rtol=1e-14)


def test_cycles_of_different_lengths():
  chain = np.zeros((7, 7))
  chain[0, 1] = chain[1, 0] = 1  # A cycle of two ...
  chain[2, 3] = chain[3, 4] = chain[4, 2] = 1  # ... one of three ...
  chain[5, 6] = 0.5  # ... and states that lead into both.
  chain[5, 0] = chain[5, 3] = 0.25
  chain[6, 5] = 0.5
  chain[6, 2] = 0.5
  # From 5 the share a goes to the first cycle: a = 1/4 + (1/2) (1/2) a.
  expected = [1 / 6, 1 / 6, 2 / 9, 2 / 9, 2 / 9, 0, 0]
  law = cesaro_limit(chain, np.eye(7)[5])
  np.testing.assert_allclose(law, expected, rtol=1e-14)


def test_identity_keeps_every_law():
  reference = np.array([0.125, 0.0, 0.5, 0.375])
  np.testing.assert_array_equal(cesaro_limit(np.eye(4), reference), reference)


def test_one_state():
  np.testing.assert_array_equal(cesaro_limit([[1.0]], [1.0]), [1.0])


@pytest.mark.parametrize("seed", range(3))
def test_birth_death_chain(seed):
  rng = np.random.default_rng(seed)
  up, down = 0.5 * rng.random((2, 30))
  law = cesaro_limit(birth_death.chain(up, down), np.eye(31)[0])
  np.testing.assert_allclose(law, birth_death.law(up, down), rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-20])
@pytest.mark.parametrize("p", [0.5, 0.4, 0.75])
def test_gamblers_ruin(p, scale):
  size = 12
  up, down = np.full(size, p * scale), np.full(size, (1 - p) * scale)
  up[0] = down[-1] = 0.0
  chain = birth_death.chain(up, down)
  ratio = (1 - p) / p
  for start in range(size + 1):
    wins = start / size
    if p != 0.5:
      wins = (1 - ratio**start) / (1 - ratio**size)
    law = cesaro_limit(chain, np.eye(size + 1)[start])
    np.testing.assert_allclose(law[[0, size]], [1 - wins, wins], atol=1e-14)
    assert not law[1:size].any()


def two_rooms(coupling, other_coupling):
  rng = np.random.default_rng(0)
  moves = np.zeros((7, 7))
  moves[:4, :4] = rng.dirichlet(np.ones(5), 4)[:, 1:]
  moves[4:, 4:] = rng.dirichlet(np.ones(4), 3)[:, 1:]
  moves[1, 5], moves[6, 2] = coupling, other_coupling
  return chain_of(moves)


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize(
  ("coupling", "other_coupling"),
  [(1e-3, 1e-3), (1e-9, 3e-9), (1e-14, 1e-13), (1e-30, 1e-30), (1e-30, 7e-31),
   (1e-99, 2e-98)],
)  # fmt: skip
def test_nearly_reducible_chain(coupling, other_coupling, dense):
  chain = two_rooms(coupling, other_coupling)
  expected = rational_limit(chain, np.eye(7)[0])
  law = cesaro_limit(chain, np.eye(7)[0], dense)
  np.testing.assert_allclose(law, expected, rtol=1e-12)
  assert min(law[:4].sum(), law[4:].sum()) > 1e-3


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("exit_probability", [1e-3, 1e-12, 1e-17, 1e-60])
def test_room_that_is_hard_to_leave(exit_probability, dense):
  moves = np.zeros((6, 6))
  moves[:4, :4] = two_rooms(0, 0)[:4, :4]
  moves[0, 4], moves[1, 5] = exit_probability, 2 * exit_probability
  chain = chain_of(moves)
  expected = rational_limit(chain, np.eye(6)[3])
  law = cesaro_limit(chain, np.eye(6)[3], dense)
  np.testing.assert_allclose(law, expected, rtol=1e-12)
  assert law[4:].sum() == pytest.approx(1.0, abs=1e-12)


def test_a_coupling_that_is_treated_as_zero_leaves_two_classes():
  chain = two_rooms(1e-101, 1e-101)
  reference = np.array([0.125, 0.125, 0, 0, 0.75, 0, 0])
  law = cesaro_limit(chain, reference)
  assert law[:4].sum() == pytest.approx(0.25, abs=1e-15)
  assert law[4:].sum() == pytest.approx(0.75, abs=1e-15)


@pytest.mark.parametrize("dense", [True, False])
def test_products_of_small_probabilities(dense):
  # From 1 back to 0 with 1e-90^4, which underflows.
  moves = np.zeros((5, 5))
  moves[0, 1] = 1.0
  for state in range(1, 5):
    moves[state, (state + 1) % 5] = 1e-90
  for state in range(2, 5):
    moves[state, state - 1] = 1.0
  law = cesaro_limit(chain_of(moves), np.eye(5)[0], dense)
  expected = rational_limit(moves, np.eye(5)[0])
  np.testing.assert_allclose(law, expected, rtol=1e-12, atol=1e-300)


def far_apart(distance):
  """From 0 to the other end and back with probability 1e-90^distance."""
  moves = np.zeros((2 * distance + 1, 2 * distance + 1))
  for state in range(distance):
    moves[state, state + 1] = moves[-1 - state, -2 - state] = 1e-90
  for state in range(1, distance):
    moves[state, state - 1] = moves[-1 - state, -state] = 0.5
  moves[distance, [distance - 1, distance + 1]] = 0.5
  return moves


@pytest.mark.skipif(np.finfo(np.longdouble).maxexp < 16384, reason="underflows")
@pytest.mark.parametrize("dense", [True, False])
def test_exits_beyond_the_range_of_double_precision(dense):
  moves = far_apart(4)
  moves[0] *= 3
  law = cesaro_limit(chain_of(moves), np.eye(9)[0], dense)
  np.testing.assert_allclose(law[[0, 8]], [0.25, 0.75], rtol=1e-12)
  moves[8] = 0
  law = cesaro_limit(chain_of(moves), np.eye(9)[0], dense)
  np.testing.assert_allclose(law, np.eye(9)[8], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dense", [True, False])
def test_exits_beyond_the_range_of_numbers(dense):
  moves = far_apart(60)
  with pytest.raises(ArithmeticError, match="leaves some of its states"):
    cesaro_limit(chain_of(moves), np.eye(121)[0], dense)
  moves[120] = 0
  with pytest.raises(ArithmeticError, match="leaves its transient states"):
    cesaro_limit(chain_of(moves), np.eye(121)[0], dense)


@strategies.composite
def chains(draw, exponents=(0,)):
  """Draws a chain with small integers times powers of ten, and a law."""
  size = draw(strategies.integers(1, 6))
  entry = strategies.tuples(
    strategies.sampled_from([0, 0, 1, 2, 3]), strategies.sampled_from(exponents)
  )
  row = strategies.lists(entry, min_size=size, max_size=size).filter(
    lambda row: any(weight for weight, _ in row)
  )
  rows = draw(strategies.lists(row, min_size=size, max_size=size))
  weights = np.array([[w * 10.0**e for w, e in row] for row in rows])
  masses = draw(
    strategies.lists(
      strategies.integers(0, 4), min_size=size, max_size=size
    ).filter(any)
  )
  reference = np.array(masses) / sum(masses)
  return weights / weights.sum(axis=1, keepdims=True), reference


@hypothesis.given(chains())
@hypothesis.settings(max_examples=150, deadline=None, derandomize=True)
def test_random_chains(drawn):
  chain, reference = drawn
  law = cesaro_limit(chain, reference)
  assert law.min() >= 0
  assert law.sum() == pytest.approx(1.0, abs=1e-13)
  np.testing.assert_allclose(law @ chain, law, atol=1e-14)
  np.testing.assert_allclose(
    law, average_of_powers(chain, reference), atol=1e-8
  )


@hypothesis.given(chains(exponents=(0, 0, 0, -3, -12, -30)))
@hypothesis.settings(max_examples=150, deadline=None, derandomize=True)
def test_random_chains_of_many_scales(drawn):
  chain, reference = drawn
  expected = rational_limit(chain, reference)
  law = cesaro_limit(chain, reference)
  np.testing.assert_allclose(law, expected, rtol=1e-12, atol=1e-300)
  law = cesaro_limit(chain, reference, dense=False)
  np.testing.assert_allclose(law, expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("p", [0.5, 0.51, 0.3, 0.7, 0.96])
def test_large_birth_death_chain(p):
  size = 2000
  up, down = np.full(size - 1, p), np.full(size - 1, 1 - p)
  law = cesaro_limit(birth_death.chain(up, down), np.eye(size)[size // 2])
  expected = birth_death.law(up, down)
  assert law.sum() == pytest.approx(1.0, abs=1e-12)
  # The logarithms of the expected law have rounding errors of their own.
  np.testing.assert_allclose(law, expected, rtol=1e-10, atol=1e-300)


def test_large_gamblers_ruin():
  size = 1500
  steps = np.full(size, 0.5)
  up, down = steps.copy(), steps.copy()
  up[0] = down[-1] = 0.0
  law = cesaro_limit(birth_death.chain(up, down), np.eye(size + 1)[600])
  np.testing.assert_allclose(law[[0, -1]], [0.6, 0.4], rtol=1e-11)
  assert not law[1:-1].any()


@pytest.mark.parametrize("seed", range(4))
def test_sparse_and_dense_branches_agree(seed):
  rng = np.random.default_rng(seed)
  moves = rng.random((60, 60)) * (rng.random((60, 60)) < 0.05)
  moves *= 10.0 ** rng.choice([0, -2, -15], size=moves.shape)
  moves[np.arange(20), np.arange(1, 21)] += 0.1
  chain = chain_of(moves / (1 + moves.sum(axis=1, keepdims=True)))
  reference = rng.dirichlet(np.ones(60))
  dense = cesaro_limit(chain, reference)
  np.testing.assert_allclose(
    cesaro_limit(chain, reference, dense=False), dense, rtol=1e-11, atol=1e-300
  )


def test_large_grid():
  mdp = pyspiel.load_game(
    "python_mfg_four_rooms(room_size=16)"
  ).mean_field_mdp()
  rng = np.random.default_rng(0)
  policy = rng.dirichlet(np.full(5, 0.3), mdp.num_states)
  size = mdp.num_states
  weights = sparse.csr_array(
    (policy.ravel(), (np.arange(size).repeat(5), np.arange(5 * size))),
    shape=(size, 5 * size),
  )
  chain = weights @ mdp.kernel
  law = cesaro_limit(chain, mdp.initial_distribution)
  assert size > long_run_law.LongRunLaws().max_dense_states
  assert law.min() > 0
  np.testing.assert_allclose(law @ chain, law, rtol=1e-10)


def test_arguments_are_not_changed():
  chain = sparse.csr_array(two_rooms(1e-200, 0.1))
  reference = np.full(7, 1 / 7)
  before = chain.copy()
  long_run_law.LongRunLaws().cesaro_limit(chain, reference)
  np.testing.assert_array_equal(chain.data, before.data)
  np.testing.assert_array_equal(chain.indices, before.indices)
  np.testing.assert_array_equal(reference, 1 / 7)


def test_duplicate_and_unsorted_entries():
  chain = sparse.csr_array(
    (
      np.array([0.25, 0.5, 0.25, 0.0, 0.5, 0.5]),
      np.array([1, 0, 1, 1, 1, 0]),
      np.array([0, 4, 6]),
    ),
    shape=(2, 2),
  )
  law, _ = long_run_law.LongRunLaws().cesaro_limit(chain, np.array([1.0, 0.0]))
  np.testing.assert_allclose(law, [0.5, 0.5], rtol=1e-14)
