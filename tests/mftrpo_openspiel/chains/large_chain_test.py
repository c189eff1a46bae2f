"""Large chains against elimination and closed forms."""

import birth_death
import numpy as np
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import jump_chain
from mftrpo_openspiel.chains import large_chain
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import markov_chain
from mftrpo_openspiel.models import stationary_model

Method = law_report.Method

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch):
  monkeypatch.setattr(markov_chain, "MAX_DENSE_STATES", 0)
  monkeypatch.setattr(markov_chain, "MAX_ELIMINATION_STATES", 1)


def eliminated(chain, reference):
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(markov_chain, "MAX_ELIMINATION_STATES", 10**9)
    law, report = markov_chain.cesaro_limit(chain, reference)
  assert report.methods == {Method.ELIMINATION}
  assert report.consistency_residual is None
  return law


def valleys(num_valleys, slope=0.9, half_width=40):
  """Returns a birth-death chain that is driven into valleys, and its law."""
  into = np.full(half_width, slope), np.full(half_width, 1 - slope)
  rights = np.concatenate([*into] * num_valleys)
  return birth_death.chain(
    rights[:-1] / 2, (1 - rights[:-1]) / 2
  ), birth_death.law(rights[:-1], 1 - rights[:-1])


def grid_chain(seed, concentration=0.3, room_size=12):
  mdp = pyspiel.load_game(
    "python_mfg_four_rooms", {"room_size": room_size}
  ).mean_field_mdp()
  model = stationary_model.StationaryModel(mdp, solver="sparse LU")
  rng = np.random.default_rng(seed)
  policy = rng.dirichlet(np.full(5, concentration), mdp.num_states)
  return model, policy


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


@pytest.mark.parametrize("concentration", [0.02, 0.3, 5.0])
def test_factors_give_the_law_of_elimination(concentration):
  model, policy = grid_chain(0, concentration)
  start = model.initial_mean_field()
  law = model.propagate(policy, start, None)
  report = model.law_report
  assert report.methods == {Method.LU}
  chain = model._chain(policy, start)
  assert report.consistency_residual == np.abs(law @ chain - law).sum() < 1e-14
  np.testing.assert_allclose(law, eliminated(chain, start), rtol=1e-8)


@pytest.mark.parametrize("num_valleys", [1, 2, 5])
def test_valleys_that_are_never_left(num_valleys):
  """It takes about 9^40 steps to get from one to the next."""
  chain, expected = valleys(num_valleys)
  law, report = markov_chain.cesaro_limit(chain, expected)
  assert report.methods == {Method.LU}
  np.testing.assert_allclose(law, expected, rtol=1e-9)


def test_a_coupling_that_gets_weaker():
  for coupling, ratio in ((1e-3, 1), (1e-6, 1), (1e-9, 2), (1e-15, 3)):
    up, down = np.full(60, 0.25), np.full(60, 0.25)
    up[30], down[30] = coupling, ratio * coupling
    expected = birth_death.law(up, down)
    law, report = markov_chain.cesaro_limit(
      birth_death.chain(up, down), expected
    )
    np.testing.assert_allclose(law, expected, rtol=1e-9)
    assert report.methods == {Method.LU}


def test_too_many_valleys(monkeypatch):
  chain, expected = valleys(large_chain.MAX_PINNED + 1)
  law, report = markov_chain.cesaro_limit(chain, expected)
  assert report.methods == {Method.ELIMINATION}
  assert report.consistency_residual is None
  np.testing.assert_allclose(law, expected, rtol=1e-9)
  monkeypatch.setattr(markov_chain, "MAX_ELIMINATION_COST", 0.0)
  with pytest.raises(ArithmeticError, match="cannot resolve") as error:
    markov_chain.cesaro_limit(chain, expected)
  assert "\n" not in str(error.value)


def test_states_that_are_hardly_ever_left():
  rng = np.random.default_rng(0)
  up, down = 10.0 ** -rng.uniform(0.5, 30, size=(2, 100))
  law = birth_death.law(up, down)
  found, _ = markov_chain.cesaro_limit(birth_death.chain(up, down), law)
  np.testing.assert_allclose(found, law, rtol=1e-8)


def test_random_graphs_are_too_wide_for_factors(monkeypatch):
  monkeypatch.setattr(jump_chain.linalg, "splu", None)
  chain, expected = random_graph(12_000)
  assert jump_chain.bandwidth(chain) > large_chain.MAX_BANDWIDTH
  law, report = markov_chain.cesaro_limit(chain, np.eye(1, 12_000)[0])
  assert report.methods == {Method.GMRES}
  assert report.consistency_residual == np.abs(law @ chain - law).sum() < 1e-10
  assert np.abs(law - expected).sum() < large_chain.LAW_TOLERANCE
  np.testing.assert_allclose(law, expected, rtol=1e-6)


def test_gmres_starts_from_the_law_that_is_given(monkeypatch):
  monkeypatch.setattr(large_chain, "MAX_BANDWIDTH", 0)
  chain, expected = random_graph(1000)
  law, report = large_chain.invariant_law(chain, expected)
  assert report.methods == {Method.GMRES}
  np.testing.assert_allclose(law, expected, rtol=1e-10)
  # Not for the law, for the bound of its error alone.
  monkeypatch.setattr(large_chain, "_error_of", lambda *_: 0.0)
  monkeypatch.setattr(large_chain.linalg, "gmres", None)
  large_chain.invariant_law(chain, expected)
  with pytest.raises(TypeError):
    large_chain.invariant_law(chain, np.eye(1000)[0])


def test_a_wide_chain_that_mixes_slowly_is_refused(monkeypatch):
  monkeypatch.setattr(large_chain, "MAX_BANDWIDTH", 0)
  monkeypatch.setattr(large_chain, "MAX_GMRES_PASSES", 3)
  half = np.full(1999, 0.5)
  with pytest.raises(ArithmeticError, match="mixes too slowly") as error:
    markov_chain.cesaro_limit(
      birth_death.chain(half, half[::-1] / 2), np.eye(2000)[0]
    )
  assert "\n" not in str(error.value)


@pytest.mark.parametrize("coupling", [1.0, 1e-15])
def test_gmres_does_not_take_the_shares_of_the_start(coupling, monkeypatch):
  """Where there is hardly a way between two graphs."""
  monkeypatch.setattr(large_chain, "MAX_BANDWIDTH", 0)
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
  law, report = markov_chain.cesaro_limit(chain.tocsr(), start)
  assert np.abs(law - expected).sum() <= report.error_bound < 1e-8
  is_certain = coupling == 1
  assert report.methods == {Method.GMRES if is_certain else Method.ELIMINATION}
  if not is_certain:
    monkeypatch.setattr(markov_chain, "MAX_ELIMINATION_COST", 0.0)
    with pytest.raises(ArithmeticError, match="GMRES cannot resolve"):
      markov_chain.cesaro_limit(chain.tocsr(), start)


@pytest.mark.parametrize("max_bandwidth", [0, 5000])
def test_gamblers_ruin(max_bandwidth, monkeypatch):
  monkeypatch.setattr(large_chain, "MAX_BANDWIDTH", max_bandwidth)
  size = 60
  up, down = np.full(size, 0.3), np.full(size, 0.3)
  up[0] = down[-1] = 0.0
  law, report = markov_chain.cesaro_limit(
    birth_death.chain(up, down), np.eye(size + 1)[20]
  )
  np.testing.assert_allclose(law[[0, -1]], [2 / 3, 1 / 3], rtol=1e-9)
  assert not law[1:-1].any()
  assert report.methods == {Method.LU if max_bandwidth else Method.GMRES}


def test_exits_that_are_too_rare_for_factors():
  # A valley in the middle, and 9^20 steps to the ends.
  into = np.full(20, 0.9)
  up = np.concatenate([into, 1 - into])
  down = 1 - up
  up[0] = down[-1] = 0.0
  up[1:], down[:-1] = up[1:] / 2, down[:-1] / 2
  chain = birth_death.chain(up, down)
  start = np.eye(41)[3]
  law, report = markov_chain.cesaro_limit(chain, start)
  assert report.methods == {Method.ELIMINATION}
  np.testing.assert_allclose(law, eliminated(chain, start), rtol=1e-12)


def test_several_classes():
  blocks = [grid_chain(seed, room_size=6)[1] for seed in (0, 1)]
  model, _ = grid_chain(0, room_size=6)
  chains = [model._chain(block, model.initial_mean_field()) for block in blocks]
  whole = sparse.block_diag(chains, format="csr")
  # A state that leads to both.
  size = whole.shape[0]
  to_both = sparse.coo_array(([0.25], ([0], [3])), shape=(1, size))
  to_both = to_both + sparse.coo_array(([0.5], ([0], [size - 1])), (1, size))
  chain = sparse.block_array(
    [[whole, None], [to_both, sparse.coo_array([[0.25]])]], format="csr"
  )
  reference = np.append(np.zeros(size), 1.0)
  law, _ = markov_chain.cesaro_limit(chain, reference)
  np.testing.assert_allclose(law, eliminated(chain, reference), rtol=1e-8)
  assert law[: size // 2].sum() == pytest.approx(1 / 3, abs=1e-12)
