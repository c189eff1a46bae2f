"""Policy iteration from where the last one ended, against value iteration."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel import banded_chains
from mftrpo_openspiel import decision_problem
from mftrpo_openspiel import discounted_values
from mftrpo_openspiel import entropy
from mftrpo_openspiel import greedy_iteration
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import policy_kernel
from mftrpo_openspiel import stationary_model

NUM_SWEEPS = 600


@pytest.fixture(scope="module", name="mdp")
def _mdp():
  """Four rooms with rewards full of ties, which the mean field breaks."""
  rooms = pyspiel.load_game("python_mfg_four_rooms").mean_field_mdp()
  shape = rooms.num_states, rooms.num_actions
  base = np.random.default_rng(5).integers(0, 3, shape) / 2
  return mdp_lib.MeanFieldMDP(
    rooms.kernel,
    lambda mean_field: base + mean_field[:, None],
    rooms.discount,
    rooms.initial_distribution,
  )


def mean_fields(num_states):
  """Uniform laws, moved by rounding and by more."""
  rng = np.random.default_rng(0)
  uniform = np.full(num_states, 1 / num_states)
  for size in (0.0, 1e-16, 1e-14, 1e-13, 1e-12, 1e-11, 1e-9, 1e-6, 1e-3):
    for _ in range(8):
      move = rng.uniform(-size, size, num_states)
      yield uniform + move - move.mean()


@pytest.mark.parametrize("is_ever_clear", [True, False])
def test_the_bits_do_not_depend_on_what_was_asked_before(
  mdp, is_ever_clear, monkeypatch
):
  if not is_ever_clear:
    monkeypatch.setattr(
      greedy_iteration._Found, "best_actions", lambda self, margin: None
    )

  def model():
    return stationary_model.StationaryModel(mdp, solver="band LU")

  num_factorized = 0
  discounted_lu = banded_chains.BandedChains.discounted_lu

  def counting(self, chain, discount):
    nonlocal num_factorized
    num_factorized += 1
    return discounted_lu(self, chain, discount)

  monkeypatch.setattr(banded_chains.BandedChains, "discounted_lu", counting)
  laws = list(mean_fields(mdp.num_states))
  fresh = [model().optimal_action_values(law) for law in laws]
  num_fresh, num_factorized = num_factorized, 0
  used = model()
  for order in (1, -1):
    for law, expected in list(zip(laws, fresh))[::order]:
      np.testing.assert_array_equal(used.optimal_action_values(law), expected)
  if is_ever_clear:  # In both directions together.
    assert num_factorized < num_fresh


def almost_optimal(mdp, rng):
  """Rewards, and a policy that is short of the best by 1e-6 and less."""
  law = rng.dirichlet(np.ones(mdp.num_states))
  model = stationary_model.StationaryModel(mdp, solver="band LU")
  greedy = entropy.greedy_policy(model.optimal_action_values(law))
  share = 10 ** rng.uniform(-12, -6, (mdp.num_states, 1))
  other = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return mdp.reward_at(law), (1 - share) * greedy + share * other


def almost_tied(mdp, rng):
  """Rewards that hardly depend on what is done, and any policy."""
  shape = mdp.num_states, mdp.num_actions
  policy = rng.dirichlet(np.ones(mdp.num_actions), mdp.num_states)
  return 1 + 1e-11 * rng.normal(size=shape), policy


@pytest.mark.parametrize("seed", (9, 11, 12))
@pytest.mark.parametrize("make", [almost_optimal, almost_tied])
def test_tiny_gaps_are_exact(mdp, make, seed):
  rewards, policy = make(mdp, np.random.default_rng(seed))
  solver = discounted_values.create_solver(mdp, "band LU")
  by_action = np.arange(mdp.kernel.shape[0]).reshape(policy.shape).T.ravel()
  problem = decision_problem.Problem(
    kernel=mdp.kernel[by_action],
    mixer=policy_kernel.PolicyKernel(mdp.kernel, mdp.num_actions),
    rewards=np.asfortranarray(rewards),
    discount=mdp.discount,
    order="F",
  )
  values = solver.policy_values(problem, np.asfortranarray(policy))
  gaps = solver.optimality_gaps(values)

  # Value iteration on what is missing, in more digits than there are.
  kernel = mdp.kernel.toarray().astype(np.longdouble)
  start = values.values.astype(np.longdouble)
  following = (kernel @ start).reshape(policy.shape)
  advantages = rewards + mdp.discount * following - start[:, None]
  expected = np.zeros_like(start)
  for _ in range(NUM_SWEEPS):
    following = (kernel @ expected).reshape(policy.shape)
    expected = (advantages + mdp.discount * following).max(axis=1)
  assert 0 < expected.min() < expected.max() < 1e-5
  np.testing.assert_allclose(
    gaps, expected.astype(np.float64), rtol=0, atol=1e-13
  )


def test_an_iteration_that_does_not_end_is_an_error(mdp, monkeypatch):
  monkeypatch.setattr(greedy_iteration, "MAX_ITERATIONS", 2)
  law = np.random.default_rng(2).dirichlet(np.ones(mdp.num_states))
  model = stationary_model.StationaryModel(mdp, solver="band LU")
  with pytest.raises(ArithmeticError, match="left a residual of") as error:
    model.optimal_action_values(law)
  assert "\n" not in str(error.value)
