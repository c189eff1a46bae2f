"""Optimal values on problems of all scales, compared with higher precision.

Rewards range from 1e-12 to 1e24, with costs that good policies avoid and states
whose costs all policies pay, discounts up to 0.99999, with and without entropy;
there are ties, decomposable chains and single states.

The independent program is policy iteration in numpy's long double, whose linear
systems are solved by elimination without subtraction: for rewards of one sign,
it only adds numbers of one sign, so nearly all of the 19 digits are correct. It
also computes the bound that the values of the package must satisfy, the
accumulated rounding errors of one backup in each state,

    |V - V*| <= n eps (I - gamma P^pi)^-1 (t + eps S / (1 - gamma) max t),

where t are the terms |V| + |r^pi| + gamma P^pi |V| + eta log A of the state and
n the number of operations. So the error in a state is relative to the rewards
after it, not to the largest reward anywhere. (The last term, about 1e-25 of the
largest value, is the error that LU may propagate to states whose value is
exactly zero.)
"""

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model

LONG = np.longdouble
EPS = np.finfo(np.float64).eps
# Factor for the errors of LAPACK, which are of the order of the bound itself.
FACTOR = 2.0

pytestmark = pytest.mark.skipif(
  np.finfo(LONG).eps > 1e-18, reason="long double has no more digits here"
)
# The problems are small: 150 of them for each solver take two seconds.
many_examples = hypothesis.settings(
  max_examples=10 * hypothesis.settings.default.max_examples
)


def discounted_sums(chain, discount, stage_values):
  """Returns (I - gamma P)^-1 x by elimination without subtraction."""
  moves = discount * chain
  # The probability that a play ends after each state.
  ends = np.full(len(chain), 1 - discount)
  sums = np.array(stage_values, dtype=LONG)
  for k in range(len(chain) - 1, -1, -1):
    leave = moves[k, :k].sum() + ends[k]
    row, end, value = moves[k, :k] / leave, ends[k] / leave, sums[k] / leave
    column = moves[:k, k].copy()
    moves[:k, :k] += np.outer(column, row)
    ends[:k] += column * end
    sums[:k] += column * value
    moves[k, :k], sums[k] = row, value
  for k in range(len(chain)):
    sums[k] += moves[k, :k] @ sums[:k]
  return sums


class Problem:
  """A Markov decision process in long double."""

  def __init__(self, kernel, rewards, discount, eta):
    kernel = kernel.astype(LONG)
    self.kernel = kernel / kernel.sum(axis=2, keepdims=True)
    self.rewards = rewards.astype(LONG)
    self.discount, self.eta = LONG(discount), LONG(eta)
    num_states, num_actions = rewards.shape
    self.bonus = self.eta * np.log(LONG(num_actions))
    self.num_operations = num_states + 2 * num_actions + 8

  def backup(self, values):
    following = np.einsum("sat,t->sa", self.kernel, values)
    return self.rewards + self.discount * following

  def improvement(self, action_values):
    largest = action_values.max(axis=1)
    excess = action_values - largest[:, None]
    if not self.eta:
      policy = np.zeros_like(excess)
      policy[np.arange(len(policy)), excess.argmax(axis=1)] = 1
      return largest, policy
    weights = np.exp(excess / self.eta)
    total = weights.sum(axis=1)
    return largest + self.eta * np.log(total), weights / total[:, None]

  def sums(self, policy, stage_values):
    chain = np.einsum("sa,sat->st", policy, self.kernel)
    return discounted_sums(chain, self.discount, stage_values)

  def policy_values(self, policy):
    logs = np.log(np.where(policy > 0, policy, 1))
    stage_values = (policy * (self.rewards - self.eta * logs)).sum(axis=1)
    return self.sums(policy, stage_values)

  def optimal_values(self):
    """Returns V* and a policy that attains it."""
    values = np.zeros(len(self.rewards), LONG)
    for i in range(300):
      improved, policy = self.improvement(self.backup(values))
      left = improved - values
      # A hundredth of the bound for the package.
      eps = np.finfo(LONG).eps
      rounding = 20 * self.num_operations * eps
      rounding = rounding * self.spread(self.terms(policy, values), eps)
      if (np.abs(left) <= rounding).all():
        return values, policy
      # Because of rounding, the iteration can cycle between policies that tie,
      # unless values only increase.
      if i >= 50 and (left > rounding).any():
        left = np.maximum(left, 0)
      values = values + self.sums(policy, left)
    raise ArithmeticError("The oracle found no optimal values.")

  def terms(self, policy, values):
    following = np.einsum("sat,t->sa", self.kernel, np.abs(values))
    sizes = np.abs(self.rewards) + self.discount * following
    return np.abs(values) + (policy * sizes).sum(axis=1) + self.bonus

  def spread(self, terms, eps):
    """Returns the terms, with the errors that elimination propagates."""
    return terms + eps * len(terms) / (1 - self.discount) * terms.max()

  def rounding(self, policy, values):
    """Returns the bound in the module docstring for one policy."""
    terms = self.spread(self.terms(policy, values), EPS)
    return FACTOR * self.num_operations * EPS * self.sums(policy, terms)


def draw_problem(rng):
  """Returns a kernel, rewards, a discount and eta."""
  num_states, num_actions = rng.integers(1, 9), rng.integers(1, 5)
  shape = num_states, num_actions
  kernel = rng.dirichlet(np.full(num_states, rng.choice([0.05, 0.3, 1])), shape)
  kernel[kernel < 1e-30] = 0.0
  if rng.random() < 0.3:
    kernel = np.eye(num_states)[rng.integers(0, num_states, shape)]
  scale, cost = 10.0 ** rng.integers(-12, 13), 10.0 ** rng.integers(1, 13)
  rewards = rng.normal(size=shape)
  if rng.random() < 0.3:
    rewards = np.round(rewards)
  kind = rng.choice(["plain", "one free", "some costly", "costly states"])
  if kind == "one free":
    rewards = -cost * np.abs(rewards)
    rewards[:, 0] = 0.0
  elif kind == "some costly":
    rewards[rng.random(shape) < 0.3] -= cost
  elif kind == "costly states":
    rewards[rng.random(num_states) < 0.3] -= cost
  discount = rng.choice([0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999])
  eta = rng.choice([0.0, 0.0, 1e-3 * scale, scale, 100 * scale, 1.0])
  return kernel, scale * rewards, float(discount), float(eta)


@pytest.mark.parametrize(
  "solver", ["dense LU", "band LU", "sparse LU", "BiCGSTAB"]
)
@many_examples
@hypothesis.given(seed=st.integers(0, 2**32 - 1))
def test_values_of_all_scales(solver, seed):
  rng = np.random.default_rng(seed)
  kernel, rewards, discount, eta = draw_problem(rng)
  num_states, num_actions = rewards.shape
  concentration = rng.choice([0.1, 1, 1e6])
  policy = rng.dirichlet(np.full(num_actions, concentration), num_states)
  model = stationary_model.StationaryModel(
    mdp_lib.MeanFieldMDP(
      kernel,
      lambda mean_field: rewards,
      discount,
      np.full(num_states, 1 / num_states),
    ),
    solver=solver,
  )
  law = model.mean_field(policy)
  problem = Problem(kernel, rewards, discount, eta)
  expected, best = problem.optimal_values()

  optimum = model.optimal_values(law, eta)
  best_values = optimum.action_values.astype(LONG)
  values, found = problem.improvement(best_values)
  rounding = np.maximum(
    problem.rounding(best, expected), problem.rounding(found, expected)
  )
  error = np.abs(values - expected)
  bound = optimum.error_bound
  assert error.max() <= bound + rounding.max() / problem.num_operations
  if solver != "BiCGSTAB":
    assert (error <= rounding).all()

  own = problem.policy_values(policy.astype(LONG))
  gain = float(law @ (expected - own))
  exploitability = model.exploitability(policy, eta)
  bound = model.optimality_gap(policy, eta).error_bound
  if solver == "BiCGSTAB":
    assert gain - rounding.max() <= exploitability <= gain + 2 * bound
  else:
    sizes = np.abs(own) + np.abs(expected)
    rounding = problem.rounding(policy.astype(LONG), own) + np.maximum(
      problem.rounding(best, sizes), problem.rounding(found, sizes)
    )
    assert abs(exploitability - gain) <= min(law @ rounding, bound)
