import birth_death
import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import banded_chains
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.games import factory as game_factory

SETTINGS = ("four_rooms", "two_islands")


def solver_of(*chains):
  """The solver for the kernel with one action per chain, all of equal size."""
  rows = np.stack(chains, axis=1)
  return banded_chains.BandedChains(
    transition_kernel.TransitionKernel(
      sparse.csr_array(rows.reshape(-1, rows.shape[-1])), len(chains)
    )
  )


def solve(chain, reference):
  """The long-run law of one chain, and whether only band LU was used."""
  solver = solver_of(chain)
  law, report = solver.cesaro_limit(np.ones((len(chain), 1)), reference)
  return law, report.methods == {law_report.Method.BAND_LU}


def game_chain(setting, seed):
  """A solver, a random policy, and its chain as a dense array."""
  mdp = game_factory.create_game(setting=setting).mean_field_mdp()
  rng = np.random.default_rng(seed)
  policy = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  solver = banded_chains.BandedChains(
    transition_kernel.TransitionKernel(mdp.kernel, mdp.num_actions)
  )
  kernel = mdp.kernel.toarray().reshape(mdp.num_states, mdp.num_actions, -1)
  return solver, policy, np.einsum("sa,sat->st", policy, kernel)


def line(up, down):
  """Returns a dense chain on a line, and its invariant law."""
  chain = birth_death.chain(up, down).toarray()
  return chain, birth_death.law(up, down)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_discounted_sum_solves_the_linear_system(setting, seed):
  solver, policy, dense = game_chain(setting, seed)
  stage_values = np.random.default_rng(seed).standard_normal(len(dense))
  lu = solver.discounted_lu(policy, 0.9)
  values = solver.discounted_sum(lu, stage_values)
  np.testing.assert_allclose(
    values - 0.9 * dense @ values, stage_values, rtol=0, atol=1e-13
  )


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("seed", range(3))
def test_long_run_law_is_the_left_eigenvector(setting, seed):
  solver, policy, dense = game_chain(setting, seed)
  size = len(dense)
  law, _ = solver.cesaro_limit(policy, np.full(size, 1 / size))
  system = np.vstack([dense.T - np.eye(size), np.ones(size)])
  expected = np.linalg.lstsq(system, np.eye(size + 1)[-1], rcond=None)[0]
  np.testing.assert_allclose(law, expected, rtol=0, atol=1e-13)


def test_components_keep_their_masses():
  first, first_law = line([0.3, 0.2], [0.4, 0.1])
  second, second_law = line([0.5], [0.25])
  chain = sparse.block_diag([first, second]).toarray()
  law, is_by_band = solve(chain, np.array([0.2, 0.1, 0, 0.6, 0.1]))
  assert is_by_band
  np.testing.assert_allclose(
    law, [*(0.3 * first_law), *(0.7 * second_law)], rtol=1e-14
  )


@pytest.mark.parametrize("rare", [1e-3, 1e-8, 1e-13, 1e-90])
@pytest.mark.parametrize("place", range(4))
def test_rare_transitions(rare, place):
  up, down = [0.3, 0.2, 0.4, 0.1], [0.2, 0.3, 0.1, 0.4]
  up[place] *= rare
  down[place] *= 2 * rare
  chain, expected = line(up, down)
  # Next to a chain that is not nearly reducible.
  fine, fine_law = line([0.3], [0.4])
  both = sparse.block_diag([chain, fine]).toarray()
  law, _ = solve(both, np.full(7, 1 / 7))
  np.testing.assert_allclose(law[:5], 5 / 7 * expected, rtol=1e-11)
  np.testing.assert_allclose(law[5:], 2 / 7 * fine_law, rtol=1e-14)


def test_policies_without_some_transitions():
  stay = np.eye(3)
  go, _ = line([0.5, 0.5], [0.5, 0.5])
  policy = np.array([[1.0, 0], [0, 1], [1, 0]])
  law, _ = solver_of(stay, go).cesaro_limit(policy, np.array([0.1, 0.6, 0.3]))
  np.testing.assert_allclose(law, [0.4, 0.0, 0.6], atol=1e-15)


def test_states_that_no_policy_returns_to():
  chain = np.array([[0.5, 0.5, 0], [0, 0.2, 0.8], [0, 0.4, 0.6]])
  law, _ = solve(chain, np.array([0.5, 0.25, 0.25]))
  np.testing.assert_allclose(law, [0, 1 / 3, 2 / 3], atol=1e-15)


def test_hub_moves_to_the_state_with_most_mass():
  # All mass flows to the last states, but one step from uniform masses does not
  # show this.
  chain, expected = line([0.9] * 20, [0.09] * 20)
  chain = chain[::-1, ::-1].copy()
  reference = np.full(21, 1 / 21)
  law, is_by_band = solve(chain, reference)
  assert is_by_band
  np.testing.assert_allclose(law, expected[::-1], rtol=1e-11, atol=1e-30)


def test_metastable_parts_without_mass_do_not_matter():
  # States 0 and 1 lead to each other, and very rarely to others.
  rare = 1e-9
  chain = np.array(
    [
      [0, 1, 0, 0],
      [1 - rare, 0, rare, 0],
      [0, 0, 0.5, 0.5],
      [0, 0, 0.25, 0.75],
    ]
  )
  reference = np.array([0, 0, 0.4, 0.6])
  law, is_by_band = solve(chain, reference)
  assert is_by_band
  np.testing.assert_allclose(law, [0, 0, 1 / 3, 2 / 3], atol=1e-15)
  # Players who start in them do leave.
  law, is_by_band = solve(chain, np.array([1.0, 0, 0, 0]))
  assert not is_by_band
  np.testing.assert_allclose(law, [0, 0, 1 / 3, 2 / 3], atol=1e-15)


def test_masses_end_where_no_policy_leaves():
  # The gambler's ruin next to a chain without an end.
  gamble = np.zeros((5, 5))
  gamble[0, 0] = gamble[4, 4] = 1
  for state in (1, 2, 3):
    gamble[state, [state - 1, state + 1]] = 0.6, 0.4
  second, second_law = line([0.5], [0.25])
  chain = sparse.block_diag([gamble, second]).toarray()
  law, is_by_band = solve(chain, np.array([0.1, 0, 0.4, 0, 0, 0.2, 0.3]))
  assert is_by_band
  wins = 1 / (1 + 1.5**2)  # From the middle: (1 - r^2) / (1 - r^4), r = 3 / 2.
  expected = [0.1 + 0.4 * (1 - wins), 0, 0, 0, 0.4 * wins, *(0.5 * second_law)]
  np.testing.assert_allclose(law, expected, rtol=0, atol=1e-15)


def test_an_end_next_to_other_states_that_are_never_left():
  chain = np.zeros((4, 4))
  chain[0, 0] = 1
  chain[1, [0, 2]] = 0.25, 0.75
  chain[2, 3] = chain[3, 2] = 1
  law, _ = solve(chain, np.array([0.1, 0.4, 0.3, 0.2]))
  np.testing.assert_allclose(law, [0.2, 0, 0.4, 0.4], rtol=0, atol=1e-15)
