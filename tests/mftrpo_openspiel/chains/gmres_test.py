"""Laws of large chains by GMRES, compared with closed forms."""

import dataclasses

import birth_death
import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import gmres
from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law

Method = law_report.Method

pytestmark = pytest.mark.filterwarnings("error")

# With these thresholds, every chain is large and too wide for LU factors.
WIDE = long_run_law.LongRunLaws(
  max_dense_states=0, max_elimination_states=1, max_bandwidth=0
)


def random_graph(size, seed=0):
  """Returns a reversible chain on a random graph, and its law."""
  rng = np.random.default_rng(seed)
  ends = rng.integers(0, size, (2, 5 * size))
  ends = np.hstack([ends, [np.arange(size), (np.arange(size) + 1) % size]])
  weights = sparse.coo_array((rng.random(ends.shape[1]), ends), (size, size))
  weights = (weights + weights.T).tocsr()
  totals = weights.sum(axis=1)
  return (
    sparse.csr_array(sparse.diags_array(1 / totals) @ weights),
    totals / totals.sum(),
  )


def test_random_graphs_are_too_wide_for_factors():
  chain, expected = random_graph(12_000)
  laws = long_run_law.LongRunLaws()
  assert jump_chain.bandwidth(chain) > laws.max_bandwidth
  law, report = laws.cesaro_limit(chain, np.eye(1, 12_000)[0])
  assert report.methods == {Method.GMRES}
  assert report.consistency_residual == np.abs(law @ chain - law).sum() < 1e-10
  assert np.abs(law - expected).sum() < gmres.LAW_TOLERANCE
  np.testing.assert_allclose(law, expected, rtol=1e-6)


def test_a_start_at_the_law_needs_no_passes():
  chain, expected = random_graph(1000)
  law, report = gmres.invariant_law(chain, expected, max_passes=1)
  assert report.methods == {Method.GMRES}
  np.testing.assert_allclose(law, expected, rtol=1e-10)
  with pytest.raises(ArithmeticError, match="mixes too slowly"):
    gmres.invariant_law(chain, np.eye(1000)[0], max_passes=1)


def test_a_wide_chain_that_mixes_slowly_is_refused():
  laws = dataclasses.replace(WIDE, max_gmres_passes=3)
  half = np.full(1999, 0.5)
  with pytest.raises(ArithmeticError, match="mixes too slowly") as error:
    laws.cesaro_limit(birth_death.chain(half, half[::-1] / 2), np.eye(2000)[0])
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("coupling", [1.0, 1e-15])
def test_gmres_does_not_keep_the_masses_of_the_start(coupling):
  """Two graphs are connected by transitions of small probability."""
  (first, first_law), (second, second_law) = (
    random_graph(150, seed) for seed in (0, 1)
  )
  chain = (sparse.block_diag([first, second]) + sparse.eye_array(300)) / 2
  chain = sparse.lil_array(chain)
  for origin, target, forth in (
    (0, 150, coupling * second_law[0]),
    (150, 0, 2 * coupling * first_law[0]),
  ):
    chain[origin, target] = forth
    chain[origin, origin] -= forth
  # Flows between states 0 and 150 are equal.
  expected = np.append(2 / 3 * first_law, second_law / 3)
  start = np.append(first_law, second_law) / 2
  law, report = WIDE.cesaro_limit(chain.tocsr(), start)
  assert np.abs(law - expected).sum() <= report.error_bound < 1e-8
  is_certain = coupling == 1
  assert report.methods == {Method.GMRES if is_certain else Method.ELIMINATION}
  if not is_certain:
    no_elimination = dataclasses.replace(WIDE, max_elimination_cost=0.0)
    with pytest.raises(ArithmeticError, match="GMRES cannot resolve"):
      no_elimination.cesaro_limit(chain.tocsr(), start)


@pytest.mark.parametrize("max_bandwidth", [0, 5000])
def test_gamblers_ruin(max_bandwidth):
  laws = dataclasses.replace(WIDE, max_bandwidth=max_bandwidth)
  size = 60
  up, down = np.full(size, 0.3), np.full(size, 0.3)
  up[0] = down[-1] = 0.0
  law, report = laws.cesaro_limit(
    birth_death.chain(up, down), np.eye(size + 1)[20]
  )
  np.testing.assert_allclose(law[[0, -1]], [2 / 3, 1 / 3], rtol=1e-9)
  assert not law[1:-1].any()
  assert report.methods == {Method.SPARSE_LU if max_bandwidth else Method.GMRES}
