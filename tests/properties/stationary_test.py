"""Properties of the stationary model, on random mean-field MDPs.

The tolerances are bounds on rounding errors:

* S^3 eps for the relative error of the entries of a long-run law. This is the
  order of the bound for the elimination of Grassmann, Taksar and Heyman
  (O'Cinneide 1993), which also holds for nearly decomposable chains.
* S eps |V| / (1 - gamma) for values: a backward stable solution with the matrix
  I - gamma P, whose inverse has the norm 1 / (1 - gamma). |V| is at most
  (max |r| + eta log A) / (1 - gamma).
"""

import itertools

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import problem_strategies as strategies

from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import softmax

EPS = np.finfo(np.float64).eps
# Well-conditioned chains may be solved by LAPACK, which can lose four digits.
LAPACK_LOSS = 1e4


def law_rounding(num_states):
  """Returns the relative rounding error of a long-run law."""
  return 8 * num_states**3 * EPS + num_states * EPS * LAPACK_LOSS


def value_rounding(mdp, mean_field, eta=0.0):
  """Returns the absolute rounding error of values."""
  largest = np.abs(mdp.reward_at(mean_field)).max()
  largest += eta * np.log(mdp.num_actions)
  return 16 * mdp.num_states * EPS * largest / (1 - mdp.discount) ** 2


def dense_kernel(mdp, mean_field):
  kernel = mdp.kernel_at(mean_field).toarray()
  return kernel.reshape(mdp.num_states, mdp.num_actions, mdp.num_states)


def dense_chain(mdp, policy, mean_field):
  return np.einsum("sa,sat->st", policy, dense_kernel(mdp, mean_field))


def long_run(chain):
  """Returns the limit of the averages of P^n, and its relative error.

  The powers of (I + P) / 2 have the same limit, and converge. Squaring them and
  scaling the rows needs no subtraction: each relative rounding error changes
  the limit by at most a few times S as much.
  """
  size = len(chain)
  power = (np.eye(size) + chain) / 2
  for num_squarings in itertools.count(1):
    squared = power @ power
    squared /= squared.sum(axis=1, keepdims=True)
    if (np.abs(squared - power) <= 4 * size * EPS * power).all():
      return squared, 4 * num_squarings * size**3 * EPS
    power = squared


def make(spec):
  return stationary_model.StationaryModel(spec.make())


@given(st.data())
def test_mass_is_conserved(data):
  model = make(data.draw(strategies.mdps()))
  policy = data.draw(strategies.laws()).policy(model)
  size = model.mdp.num_states
  mean_field = data.draw(strategies.laws()).make(size)
  num_steps = data.draw(st.integers(0, 100))
  moved = model.propagate(policy, mean_field, num_steps)
  assert moved.min() >= 0
  # Each step is a sum of S * A products.
  rounding = (num_steps + 1) * model.legal_actions_mask.size * EPS
  assert abs(moved.sum() - 1) <= 2 * rounding
  for law in (
    model.propagate(policy, mean_field, None),
    model.mean_field(policy),
  ):
    assert law.min() >= 0
    assert abs(law.sum() - 1) <= law_rounding(size)


@given(st.data())
def test_the_mean_field_is_invariant(data):
  model = make(data.draw(strategies.mdps()))
  policy = data.draw(strategies.laws()).policy(model)
  law = model.mean_field(policy)
  change = law @ dense_chain(model.mdp, policy, law) - law
  tolerance = 2 * law_rounding(model.mdp.num_states)
  if not model.mdp.has_fixed_kernel:
    # The last step of the iteration; mu P_mu - mu is at most twice as large.
    tolerance += 2 * stationary_model.MEAN_FIELD_TOLERANCE
  assert np.abs(change).sum() <= tolerance


@given(st.data())
def test_the_mean_field_is_the_long_run_average(data):
  model = make(data.draw(strategies.mdps(moving=False)))
  policy = data.draw(strategies.laws()).policy(model)
  start = model.mdp.initial_distribution
  limit, error = long_run(dense_chain(model.mdp, policy, start))
  np.testing.assert_allclose(
    model.mean_field(policy),
    start @ limit,
    rtol=error + law_rounding(len(start)),
    # Transient states have no mass; repeated squaring leaves a small rest.
    atol=1e-100,
  )


@given(st.data())
def test_propagation_is_linear_in_the_mean_field(data):
  model = make(data.draw(strategies.mdps(moving=False)))
  policy = data.draw(strategies.laws()).policy(model)
  size = model.mdp.num_states
  first = data.draw(strategies.laws()).make(size)
  second = data.draw(strategies.laws()).make(size)
  weight = data.draw(st.floats(0, 1))
  num_steps = data.draw(st.none() | st.integers(0, 100))
  moved = [
    model.propagate(policy, law, num_steps)
    for law in (first, second, weight * first + (1 - weight) * second)
  ]
  rounding = law_rounding(size)
  if num_steps is not None:
    rounding = (num_steps + 1) * model.legal_actions_mask.size * EPS
  np.testing.assert_allclose(
    moved[2],
    weight * moved[0] + (1 - weight) * moved[1],
    rtol=4 * rounding,
    atol=1e-300,  # For underflow.
  )


@given(st.data())
def test_optimal_values_satisfy_bellmans_equation(data):
  model = make(data.draw(strategies.mdps()))
  mdp = model.mdp
  mean_field = data.draw(strategies.laws()).make(mdp.num_states)
  eta = data.draw(strategies.regularizations())
  best = model.optimal_action_values(mean_field, eta)
  kernel, rewards = dense_kernel(mdp, mean_field), mdp.reward_at(mean_field)
  again = rewards + mdp.discount * kernel @ best_values(best, eta)
  tolerance = value_rounding(mdp, mean_field, eta)
  np.testing.assert_allclose(best, again, rtol=0, atol=tolerance)


def best_values(action_values, eta):
  """Returns V* from Q*."""
  largest = action_values.max(axis=1)
  if not eta:
    return largest
  weights = np.exp((action_values - largest[:, None]) / eta)
  return largest + eta * np.log(weights.sum(axis=1))


@given(st.data())
def test_regularization_adds_at_most_its_bound_to_values(data):
  """0 <= V_eta - V <= eta log A / (1 - gamma), for V^pi and for V*."""
  model = make(data.draw(strategies.mdps()))
  mdp = model.mdp
  policy = data.draw(strategies.laws()).policy(model)
  mean_field = data.draw(strategies.laws()).make(mdp.num_states)
  eta = data.draw(strategies.positive_regularizations())
  bound = eta * np.log(mdp.num_actions) / (1 - mdp.discount)
  tolerance = 2 * value_rounding(mdp, mean_field, eta)

  def check(difference, bound):
    assert difference.min() >= -tolerance
    assert difference.max() <= bound + tolerance

  best, regularized_best = (
    model.optimal_action_values(mean_field, weight) for weight in (0.0, eta)
  )
  check(regularized_best - best, mdp.discount * bound)
  check(best_values(regularized_best, eta) - best_values(best, 0), bound)
  own, regularized_own = (
    model.action_values(policy, mean_field, weight) for weight in (0.0, eta)
  )
  check(regularized_own - own, mdp.discount * bound)
  bonus = eta * softmax.entropy(policy)
  check((policy * (regularized_own - own)).sum(axis=1) + bonus, bound)
  # Optimal values are at least those of the policy.
  assert (best - own).min() >= -tolerance
  assert (regularized_best - regularized_own).min() >= -tolerance


@given(st.data())
def test_exploitability_is_not_negative(data):
  model = make(data.draw(strategies.mdps()))
  policy = data.draw(strategies.laws()).policy(model)
  eta = data.draw(strategies.regularizations())
  tolerance = value_rounding(model.mdp, model.mean_field(policy), eta)
  assert model.exploitability(policy, eta) >= -tolerance


@given(st.data())
def test_exploitability_with_one_action_is_zero(data):
  sizes = st.tuples(st.integers(1, 6), st.just(1))
  model = make(data.draw(strategies.mdps(sizes=sizes)))
  policy = np.ones((model.mdp.num_states, 1))
  eta = data.draw(strategies.regularizations())
  tolerance = value_rounding(model.mdp, model.mean_field(policy), eta)
  assert abs(model.exploitability(policy, eta)) <= tolerance


@given(st.data())
def test_exploitability_in_one_state_is_that_of_one_choice(data):
  """The choice is repeated at all times: (max r - pi . r) / (1 - gamma)."""
  sizes = st.tuples(st.just(1), st.integers(1, 4))
  model = make(data.draw(strategies.mdps(sizes=sizes)))
  mdp = model.mdp
  policy = data.draw(strategies.laws()).policy(model)
  eta = data.draw(strategies.regularizations())
  rewards = mdp.reward_at(np.ones(1))
  own = (policy * rewards).sum() + eta * softmax.entropy(policy)[0]
  gap = (best_values(rewards, eta)[0] - own) / (1 - mdp.discount)
  tolerance = value_rounding(mdp, np.ones(1), eta)
  assert abs(model.exploitability(policy, eta) - gap) <= tolerance


@given(st.data())
def test_exploitability_is_that_over_all_deterministic_policies(data):
  sizes = st.tuples(st.integers(1, 4), st.integers(1, 3))
  model = make(data.draw(strategies.mdps(sizes=sizes)))
  mdp = model.mdp
  policy = data.draw(strategies.laws()).policy(model)
  law = model.mean_field(policy)
  kernel, rewards = dense_kernel(mdp, law), mdp.reward_at(law)

  def total(plays):
    """Returns J of policies, (..., S, A)."""
    chain = np.einsum("...sa,sat->...st", plays, kernel)
    stage = (plays * rewards).sum(axis=-1)[..., None]
    system = np.eye(mdp.num_states) - mdp.discount * chain
    return np.linalg.solve(system, stage)[..., 0] @ law

  choices = itertools.product(range(mdp.num_actions), repeat=mdp.num_states)
  deterministic = np.eye(mdp.num_actions)[list(choices)]
  gap = total(deterministic).max() - total(policy)
  tolerance = 4 * value_rounding(mdp, law)
  assert abs(model.exploitability(policy) - gap) <= tolerance
