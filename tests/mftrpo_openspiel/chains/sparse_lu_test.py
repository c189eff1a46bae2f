"""Laws of large chains by sparse LU, elimination and closed forms."""

import dataclasses

import birth_death
import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.chains import sparse_lu
from mftrpo_openspiel.chains import transition_kernel

Method = law_report.Method

pytestmark = pytest.mark.filterwarnings("error")

# With these thresholds, every chain is large.
LARGE = long_run_law.LongRunLaws(max_dense_states=0, max_elimination_states=1)


def eliminated(chain, reference):
  """Returns the long-run law by elimination."""
  law, report = long_run_law.LongRunLaws(0, 10**9).cesaro_limit(
    chain, reference
  )
  assert report.methods == {Method.ELIMINATION}
  assert report.consistency_residual is None
  return law


def valleys(num_valleys, slope=0.9, half_width=40):
  """Returns a birth-death chain with a drift into valleys, and its law."""
  into = np.full(half_width, slope), np.full(half_width, 1 - slope)
  rights = np.concatenate([*into] * num_valleys)
  return birth_death.chain(
    rights[:-1] / 2, (1 - rights[:-1]) / 2
  ), birth_death.law(rights[:-1], 1 - rights[:-1])


def grid_chain(seed, concentration=0.3, room_size=12):
  """Returns the chain of a random policy on a grid."""
  mdp = pyspiel.load_game(
    "python_mfg_four_rooms", {"room_size": room_size}
  ).mean_field_mdp()
  rng = np.random.default_rng(seed)
  policy = rng.dirichlet(np.full(5, concentration), mdp.num_states)
  kernel = transition_kernel.TransitionKernel(mdp.kernel, 5)
  return kernel.chain(policy)


@pytest.mark.parametrize("concentration", [0.02, 0.3, 5.0])
def test_factors_give_the_law_of_elimination(concentration):
  chain = grid_chain(0, concentration)
  start = np.eye(chain.shape[0])[0]
  law, report = LARGE.cesaro_limit(chain, start)
  assert report.methods == {Method.SPARSE_LU}
  assert report.consistency_residual == np.abs(law @ chain - law).sum() < 1e-14
  np.testing.assert_allclose(law, eliminated(chain, start), rtol=1e-8)


@pytest.mark.parametrize("num_valleys", [1, 2, 5])
def test_valleys_that_are_never_left(num_valleys):
  """It takes about 9^40 steps to get from one to the next."""
  chain, expected = valleys(num_valleys)
  law, report = LARGE.cesaro_limit(chain, expected)
  assert report.methods == {Method.SPARSE_LU}
  np.testing.assert_allclose(law, expected, rtol=1e-9)


def test_a_coupling_that_gets_weaker():
  for coupling, ratio in ((1e-3, 1), (1e-6, 1), (1e-9, 2), (1e-15, 3)):
    up, down = np.full(60, 0.25), np.full(60, 0.25)
    up[30], down[30] = coupling, ratio * coupling
    expected = birth_death.law(up, down)
    law, report = LARGE.cesaro_limit(birth_death.chain(up, down), expected)
    np.testing.assert_allclose(law, expected, rtol=1e-9)
    assert report.methods == {Method.SPARSE_LU}


def test_too_many_valleys():
  chain, expected = valleys(sparse_lu.MAX_CUTS + 1)
  law, report = LARGE.cesaro_limit(chain, expected)
  assert report.methods == {Method.ELIMINATION}
  assert report.consistency_residual is None
  np.testing.assert_allclose(law, expected, rtol=1e-9)
  no_elimination = dataclasses.replace(LARGE, max_elimination_cost=0.0)
  with pytest.raises(ArithmeticError, match="cannot resolve") as error:
    no_elimination.cesaro_limit(chain, expected)
  assert "\n" not in str(error.value)


def test_states_that_are_rarely_left():
  rng = np.random.default_rng(0)
  up, down = 10.0 ** -rng.uniform(0.5, 30, size=(2, 100))
  law = birth_death.law(up, down)
  found, _ = LARGE.cesaro_limit(birth_death.chain(up, down), law)
  np.testing.assert_allclose(found, law, rtol=1e-8)


def test_exits_that_are_too_rare_for_factors():
  # A valley in the middle, and 9^20 steps to the ends.
  into = np.full(20, 0.9)
  up = np.concatenate([into, 1 - into])
  down = 1 - up
  up[0] = down[-1] = 0.0
  up[1:], down[:-1] = up[1:] / 2, down[:-1] / 2
  chain = birth_death.chain(up, down)
  start = np.eye(41)[3]
  law, report = LARGE.cesaro_limit(chain, start)
  assert report.methods == {Method.ELIMINATION}
  np.testing.assert_allclose(law, eliminated(chain, start), rtol=1e-12)


def test_several_classes():
  chains = [grid_chain(seed, room_size=6) for seed in (0, 1)]
  whole = sparse.block_diag(chains, format="csr")
  # A state that leads to both.
  size = whole.shape[0]
  to_both = sparse.coo_array(([0.25], ([0], [3])), shape=(1, size))
  to_both = to_both + sparse.coo_array(([0.5], ([0], [size - 1])), (1, size))
  chain = sparse.block_array(
    [[whole, None], [to_both, sparse.coo_array([[0.25]])]], format="csr"
  )
  reference = np.append(np.zeros(size), 1.0)
  law, _ = LARGE.cesaro_limit(chain, reference)
  np.testing.assert_allclose(law, eliminated(chain, reference), rtol=1e-8)
  assert law[: size // 2].sum() == pytest.approx(1 / 3, abs=1e-12)


def ring(size, forth=0.75, coupling=0.0):
  """Returns the jumps on a ring with an additional pair of states."""
  jumps = np.roll(forth * np.eye(size), 1, axis=1)
  jumps += np.roll((1 - forth) * np.eye(size), -1, axis=1)
  if coupling:
    # From state 0 to a pair of states that are rarely left.
    jumps = np.pad(jumps, (0, 2))
    jumps[0] *= 1 - coupling
    jumps[0, size] = coupling
    jumps[size, size + 1] = 1 - coupling
    jumps[size, 0] = coupling
    jumps[size + 1, size] = 1
  return sparse.csr_array(jumps)


@pytest.mark.parametrize("cuts", [[0], [3, 8], [1, 2, 5]])
def test_the_law_of_a_ring_is_uniform(cuts):
  factors = sparse_lu.Factors(ring(9), cuts)
  law, bound = factors.law()
  np.testing.assert_allclose(law / law.sum(), 1 / 9, rtol=1e-13)
  assert bound < 1e-12


@pytest.mark.parametrize("coupling", [1e-12, 1e-15, 1e-18])
def test_metastable_parts_are_found(coupling):
  jumps = ring(9, coupling=coupling)
  factors = sparse_lu.Factors(jumps, [4])
  assert factors.law()[1] > 1e-6
  state = factors.metastable_state()
  assert state in (9, 10)
  # Flows between the two parts are equal, and so is the law of their ends.
  law, bound = sparse_lu.Factors(jumps, [4, state]).law()
  assert bound < 1e-12
  np.testing.assert_allclose(law[9], law[0], rtol=1e-9)
  np.testing.assert_allclose(law[10], law[9], rtol=1e-9)
  np.testing.assert_allclose(law[:9], law[4], rtol=1e-9)
