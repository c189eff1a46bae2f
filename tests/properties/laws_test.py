"""Long-run laws of many chains, compared with elimination in high precision.

By default a few thousand laws are tested. With the profile "nightly" there are
more than 10^5, and

    pytest tests/properties/laws_test.py --hypothesis-profile=nightly -s

prints how many were computed by each method, and the largest errors.
"""

import collections
import itertools

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.chains import banded_chains
from mftrpo_openspiel.chains import law_report
from mftrpo_openspiel.chains import long_run_law
from mftrpo_openspiel.chains import transition_kernel
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model

Method = law_report.Method

# Masses below this are not compared.
LEAST_MASS = 1e-150
# At each step of the oracle's chains, this share of the players restarts from
# the reference law. Their invariant law is the long-run law from the reference
# law, up to about this share times the longest time scale of the chain.
RESTART = "1e-2400"

wide_range = pytest.mark.skipif(
  np.finfo(np.longdouble).maxexp < 16384,
  reason="needs numbers that do not underflow at 1e-2400",
)


def true_laws(chains, reference):
  """The long-run laws of (B, S, S) chains from the (S,) reference law.

  They are computed by elimination without subtraction (Grassmann, Taksar and
  Heyman, 1985) in numbers with 64-bit mantissas and 15-bit exponents.
  """
  rest = chains.astype(np.longdouble)
  rest += np.longdouble(RESTART) * reference.astype(np.longdouble)
  size = len(reference)
  leave = np.empty(chains.shape[:2], np.longdouble)
  for k in range(size - 1, 0, -1):
    leave[:, k] = rest[:, k, :k].sum(axis=1)
    onward = rest[:, k, :k] / leave[:, k, None]
    rest[:, :k, :k] += rest[:, :k, k, None] * onward[:, None, :]
  laws = np.zeros_like(leave)
  laws[:, 0] = 1
  for k in range(1, size):
    laws[:, k] = (laws[:, :k] * rest[:, :k, k]).sum(axis=1) / leave[:, k]
  # The reference law is normalised in double precision only.
  total = reference.astype(np.longdouble).sum()
  return total * laws / laws.sum(axis=1, keepdims=True)


def lattice(neighbors):
  """The kernel of (S, A) moves to states, as (S, A, S)."""
  return np.eye(len(neighbors))[neighbors]


def ring(rng, moves=(0, 1, -2, 4), size=50):
  return lattice((np.arange(size)[:, None] + moves) % size)


def random_ring(rng):
  moves = rng.integers(-6, 7, rng.integers(2, 6))
  return ring(rng, moves, rng.integers(20, 60))


def grid(rng):
  """Rooms of walls, with actions that slip to another neighbour."""
  height, width = rng.integers(3, 8, 2)
  y, x = np.divmod(np.arange(height * width), width)
  neighbors = np.stack(
    [
      np.clip(y + dy, 0, height - 1) * width + np.clip(x + dx, 0, width - 1)
      for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
    ],
    axis=1,
  )
  kernel = lattice(neighbors)
  slip = rng.choice([0.0, 0.1, 1e-9])
  return (1 - slip) * kernel + slip * kernel.mean(axis=1, keepdims=True)


def garnet(rng):
  """Each action leads to some states at random."""
  size, num_actions = rng.integers(20, 60), rng.integers(2, 5)
  kernel = np.zeros((size, num_actions, size))
  for row in kernel.reshape(-1, size):
    targets = rng.integers(0, size, rng.integers(1, 4))
    np.add.at(row, targets, rng.dirichlet(np.ones(len(targets))))
  return kernel


def blocks(rng):
  """Rooms connected by doors of very small probability."""
  size, num_blocks = rng.integers(5, 12), rng.integers(2, 6)
  kernel = np.zeros((size * num_blocks, 3, size * num_blocks))
  for block in range(num_blocks):
    inside = slice(block * size, (block + 1) * size)
    weights = rng.random((size, 3, size)) * (rng.random((size, 3, size)) < 0.4)
    weights += np.roll(np.eye(size), 1, axis=1)[:, None] / 10
    kernel[inside, :, inside] = weights / weights.sum(axis=-1, keepdims=True)
    for other in (block - 1, block + 1):
      door = 10.0 ** -rng.uniform(0, 18)
      state, to = rng.integers(0, size, 2)
      row = kernel[block * size + state, rng.integers(3)]
      row *= 1 - door
      row[other % num_blocks * size + to] += door
  return kernel


def line(rng):
  """Birth and death with a drift."""
  size = rng.integers(20, 60)
  states = np.arange(size)
  steps = states[:, None] + [-1, 0, 1]
  return lattice(np.clip(steps, 0, size - 1))


def apart(rng):
  """Two separate kernels, and states that lead into both."""
  parts = [kind(rng)[:25, :2, :25] for kind in (line, ring)]
  ends = np.cumsum([len(part) for part in parts])
  kernel = np.zeros((ends[-1] + 3, 2, ends[-1] + 3))
  for end, part in zip(ends, parts):
    inside = slice(end - len(part), end)
    kernel[inside, :, inside] = part
  kernel[:, :, 0] += 1 - kernel.sum(axis=-1)
  for state, action in itertools.product(range(ends[-1], ends[-1] + 3), (0, 1)):
    kernel[state, action] = 0
    kernel[state, action, rng.integers(0, len(kernel), 2)] += 0.5
  return kernel


def softmax_policies(rng, kernel, number, steepness):
  scores = steepness * rng.normal(size=(number, *kernel.shape[:2]))
  favorite = rng.integers(kernel.shape[1])
  often = rng.random((number, len(kernel))) < rng.choice([0, 0.3, 0.7])
  scores[..., favorite] += 2 * steepness * often
  scores -= scores.max(axis=-1, keepdims=True)
  policies = np.exp(np.maximum(scores, -100))
  return policies / policies.sum(axis=-1, keepdims=True)


def deterministic_policies(rng, kernel, number):
  num_actions = kernel.shape[1]
  return np.eye(num_actions)[
    rng.integers(0, num_actions, (number, len(kernel)))
  ]


def policies_for(rng, kernel, number):
  """Policies of all kinds, (B, S, A)."""
  return np.concatenate(
    [
      *(softmax_policies(rng, kernel, number, s) for s in (1, 5, 40)),
      deterministic_policies(rng, kernel, number),
      rng.dirichlet(np.full(kernel.shape[1], 0.1), (number, len(kernel))),
    ]
  )


class Tally:
  """Statistics of the laws by each set of methods."""

  def __init__(self):
    self.number = collections.Counter()
    self.largest = collections.defaultdict(lambda: np.zeros(3))

  def add(self, law, report, truth):
    seen = truth > LEAST_MASS
    error = np.abs(law[seen] - truth[seen])
    true_error, bound = (error / truth[seen]).max(), report.relative_error_bound
    if Method.GMRES in report.methods:
      true_error, bound = error.sum(), report.error_bound
    ratio = true_error / bound if bound else 0.0
    key = " and ".join(sorted(method.value for method in report.methods))
    self.number[key] += 1
    self.largest[key] = np.maximum(
      self.largest[key], [true_error, bound, ratio]
    )
    assert true_error <= bound
    assert true_error <= 1e-9 or report.methods & {
      Method.SPARSE_LU,
      Method.GMRES,
    }
    assert law[~seen].max(initial=0) <= 2 * LEAST_MASS

  def __str__(self):
    lines = [f"{sum(self.number.values())} laws"]
    for key, number in self.number.items():
      relative, bound, ratio = self.largest[key]
      lines.append(
        f"{number:8} by {key}: errors to {relative:.1e}, bounds to {bound:.1e},"
        f" quotients to {ratio:.2g}"
      )
    return "\n".join(lines)


def drawn_chains(rng, kind, number):
  """A solver, policies, their chains, (B, S, S), and a reference law."""
  kernel = kind(rng)
  size, num_actions = kernel.shape[:2]
  policies = policies_for(rng, kernel, number)
  transitions = transition_kernel.TransitionKernel(
    sparse.csr_array(kernel.reshape(-1, size)), num_actions
  )
  dense = np.stack([transitions.chain(policy).toarray() for policy in policies])
  solver = banded_chains.BandedChains(transitions)
  return solver, policies, dense, rng.dirichlet(np.ones(size))


@wide_range
def test_a_nearly_deterministic_policy_on_a_ring():
  """All but 1e-9 of the mass is in state 19; pivots of a band LU tie."""
  rng = np.random.default_rng(18575)
  scores = rng.normal(size=(50, 4)) * 40
  scores[:, 1] += 80 * (rng.random(50) < 0.7)
  scores -= scores.max(axis=1, keepdims=True)
  policy = np.exp(np.maximum(scores, -100))
  policy /= policy.sum(axis=1, keepdims=True)
  kernel = ring(rng)
  mdp = mdp_lib.MeanFieldMDP(
    kernel=sparse.csr_array(kernel.reshape(200, 50)),
    reward=lambda law: np.repeat(-np.log(law + 1e-25)[:, None], 4, axis=1),
    discount=0.9,
    initial_distribution=np.full(50, 1 / 50),
  )
  model = stationary_model.StationaryModel(mdp)
  law = model.mean_field(policy)
  assert law[19] == pytest.approx(1, abs=1e-9)
  chain = np.einsum("sa,sat->st", policy, kernel)
  tally = Tally()
  truth = true_laws(chain[None], mdp.initial_distribution)[0]
  tally.add(*model.invariant_law(policy), truth)
  dense = stationary_model.StationaryModel(mdp, solver="dense LU")
  tally.add(*dense.invariant_law(policy), truth)
  assert model.exploitability(policy) == pytest.approx(
    dense.exploitability(policy), rel=1e-9
  )


@pytest.fixture(params=[ring, random_ring, grid, garnet, blocks, line, apart])
def draw(request, is_nightly):
  """Returns batches of chains of one kind: 80 chains or, nightly, 15,000."""
  seed = np.random.SeedSequence().entropy if is_nightly else 0
  print(f"\nseed {seed}")
  rng = np.random.default_rng(seed)

  def batches():
    for _ in range(300 if is_nightly else 4):
      yield drawn_chains(rng, request.param, 10 if is_nightly else 4)

  return batches


@wide_range
def test_errors_of_laws_are_within_their_bounds(draw, request):
  tally = Tally()
  laws = long_run_law.LongRunLaws()
  for solver, policies, dense, reference in draw():
    truths = true_laws(dense, reference)
    for policy, matrix, truth in zip(policies, dense, truths):
      tally.add(*solver.cesaro_limit(policy, reference), truth)
      tally.add(*laws.cesaro_limit(sparse.csr_array(matrix), reference), truth)
  print(f"\n{request.node.name}: {tally}")


@wide_range
@pytest.mark.parametrize(
  ("max_bandwidth", "num_batches"), [(0, 1), (1000, 100)]
)
def test_errors_of_large_laws_are_within_their_bounds(
  draw, max_bandwidth, num_batches, request
):
  """Sparse LU and GMRES are used, or raise an error."""
  laws = long_run_law.LongRunLaws(
    max_dense_states=0,
    max_elimination_states=1,
    max_bandwidth=max_bandwidth,
    max_gmres_passes=5,
  )
  tally, num_refused = Tally(), 0
  for _, _, dense, reference in itertools.islice(draw(), num_batches):
    for matrix, truth in zip(dense, true_laws(dense, reference)):
      try:
        found = laws.cesaro_limit(sparse.csr_array(matrix), reference)
      except ArithmeticError:
        num_refused += 1
      else:
        tally.add(*found, truth)
  print(f"\n{request.node.name}: {tally}\n{num_refused:8} refused")
  assert max_bandwidth == 0 or not num_refused
