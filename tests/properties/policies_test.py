"""Properties of policies: softmax, mirror descent steps, and algorithms."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hypothesis_numpy
import numpy as np
import problem_strategies as strategies
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import mirror_steps
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies

EPS = np.finfo(np.float64).eps
NUM_ITERATIONS = 5


@st.composite
def logits(draw, largest=1e6):
  """Draws (N, A) numbers, -inf where an action is not legal."""
  shape = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
  numbers = st.floats(-largest, largest)
  values = draw(hypothesis_numpy.arrays(np.float64, shape, elements=numbers))
  legal = draw(hypothesis_numpy.arrays(bool, shape))
  legal[:, draw(st.integers(0, shape[1] - 1))] = True
  return np.where(legal, values, -np.inf)


def temperatures():
  return st.floats(-300, 6).map(lambda exponent: 10.0**exponent)


def check_policy(policy, legal):
  assert np.isfinite(policy).all()
  assert policy.min() >= 0
  assert not policy[~legal].any()
  rounding = policy.shape[1] * EPS
  np.testing.assert_allclose(policy.sum(axis=1), 1, rtol=0, atol=rounding)


@given(logits(), temperatures())
def test_softmax_is_a_policy_in_the_order_of_the_logits(logits, temperature):
  policy = softmax.softmax(logits, temperature)
  check_policy(policy, np.isfinite(logits))
  order = np.argsort(logits, axis=1)
  assert (np.diff(np.take_along_axis(policy, order, axis=1)) >= 0).all()


@given(logits(), temperatures())
def test_the_soft_maximum_is_attained_by_the_softmax(values, temperature):
  """max Q <= soft maximum <= max Q + T log n, and it is p . Q + T H(p)."""
  found = softmax.soft_maximum(values, temperature)
  best = values.max(axis=1)
  legal = np.isfinite(values)
  bonus = temperature * np.log(legal.sum(axis=1))
  finite = np.where(legal, values, 0.0)
  tolerance = 8 * EPS * (np.abs(finite).max(axis=1) + bonus)
  assert (found >= best).all()
  assert (found <= best + bonus + tolerance).all()
  policy = softmax.softmax(values, temperature)
  attained = objective(policy, finite, temperature)
  assert (np.abs(found - attained) <= tolerance).all()
  # No other policy has a larger value, for example the uniform one.
  uniform = tabular_policies.uniform_policy(legal)
  assert (objective(uniform, finite, temperature) <= found + tolerance).all()


def objective(policy, values, eta):
  """Returns p . Q + eta H(p) in each state."""
  return (policy * values).sum(axis=1) + eta * softmax.entropy(policy)


@given(st.data())
def test_mirror_steps_stay_in_the_simplex_and_increase_the_objective(data):
  """With a fixed Q each step increases p . Q + eta H(p), as eta <= 1 / lr."""
  values = data.draw(logits(largest=100.0))
  legal = np.isfinite(values)
  finite = np.where(legal, values, 0.0)
  rate = 10 ** data.draw(st.floats(-3, 3))
  eta = data.draw(st.floats(0, 0.99)) / rate
  tolerance = 16 * EPS * (np.abs(finite).max() + eta * np.log(legal.shape[1]))
  logits_ = mirror_steps.uniform_logits(legal)
  policy = softmax.softmax(logits_)
  for _ in range(NUM_ITERATIONS):
    logits_ = mirror_steps.mirror_step(logits_, values, rate, eta)
    np.testing.assert_array_equal(logits_.max(axis=1), 0)
    old, policy = policy, softmax.softmax(logits_)
    check_policy(policy, legal)
    gain = objective(policy, finite, eta) - objective(old, finite, eta)
    assert gain.min() >= -tolerance


def _mf_trpo(draw, model, eta):
  warm_start = draw(st.booleans())
  return mf_trpo.MFTRPO(
    model,
    regularization=eta,
    num_policy_updates=draw(st.integers(1, 10)),
    num_population_steps=draw(st.none() | st.integers(1, 20)),
    population_update_rate=draw(st.floats(0, 1, exclude_min=True)),
    warm_start=warm_start,
    max_step_count=draw(st.integers(0, 3)) if warm_start else None,
  )


def _mirror_descent(draw, model, eta):
  share = draw(st.floats(1e-6, 0.999))
  return mirror_descent.MirrorDescent(model, lr=share / eta, regularization=eta)


def _fictitious_play(draw, model, eta):
  rate = draw(st.none() | st.floats(0, 1, exclude_min=True))
  return fictitious_play.FictitiousPlay(model, rate, regularization=eta)


@pytest.mark.parametrize("kind", ["stationary", "compiled"])
@pytest.mark.parametrize(
  "create", [_mf_trpo, _mirror_descent, _fictitious_play]
)
@given(st.data())
def test_regularized_algorithms_stay_in_the_simplex(create, kind, data):
  """With random parameters from their whole range."""
  if kind == "stationary":
    mdp = data.draw(strategies.mdps()).make()
    model = stationary_model.StationaryModel(mdp)
  else:
    games = strategies.mdp_games() | strategies.openspiel_games()
    model = strategies.compiled(data.draw(games).make())
  eta = data.draw(strategies.positive_regularizations())
  algorithm = create(data.draw, model, eta)
  mass = model.initial_mean_field().sum()
  for _ in range(NUM_ITERATIONS):
    algorithm.iteration()
    check_policy(algorithm.policy, model.legal_actions_mask)
    assert algorithm.mean_field.min() >= 0
    assert algorithm.mean_field.sum() == pytest.approx(mass, rel=1e-9)
  assert np.isfinite(model.exploitability(algorithm.policy, eta))
