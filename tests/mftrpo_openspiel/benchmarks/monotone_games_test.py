"""Tests of the study of random monotone games."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.benchmarks import monotone_games
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import tabular_policies


@pytest.mark.parametrize("kind", monotone_games.KINDS)
@pytest.mark.parametrize("seed", range(6))
def test_the_games_are_monotone(kind, seed):
  """sum (mu - mu') (r(mu) - r(mu')) <= 0 for the laws of any two policies.

  With a common kernel and rewards that depend on the state, this is the
  definition of monotone. If there are layers, the sum is over layers, too.
  """
  model = monotone_games.random_game(kind, seed)
  rng = np.random.default_rng(seed)
  shape = model.legal_actions_mask.shape
  policies = [rng.dirichlet(np.ones(shape[1]), size=shape[0]) for _ in range(2)]
  if seed % 2:
    assert isinstance(model, compiled_game.CompiledGame)
    gains = 0.0
    for one, other in (policies, policies[::-1]):
      # The gain of `other` over `one` if all players use `one`.
      mu = model.mean_field(one)
      gains += value(model, other, mu) - value(model, one, mu)
    assert gains >= -1e-12
  else:
    assert isinstance(model, stationary_model.StationaryModel)
    laws = [model.mean_field(policy) for policy in policies]
    rewards = [model.mdp.reward_at(law)[:, 0] for law in laws]
    assert (laws[0] - laws[1]) @ (rewards[0] - rewards[1]) <= 1e-12


def value(model, policy, mean_field):
  """Returns the value in the first layer, where all players start."""
  values = (policy * model.action_values(policy, mean_field)).sum(axis=1)
  starts = model.discounts == 1.0
  return mean_field[starts] @ values[starts]


@pytest.mark.parametrize("seed", range(0, 20, 4))
def test_eigenvalues_of_the_interaction(seed):
  """They are real for potentials, and mostly imaginary for rotations."""
  rng = np.random.default_rng(seed)
  potential, rotational = (
    np.linalg.eigvals(monotone_games.interaction_matrix(kind, 5, rng))
    for kind in ("potential", "rotational")
  )
  assert np.abs(potential.imag).max() < 1e-12
  assert (rotational.real >= -0.1 - 1e-12).all()
  assert (rotational.real <= -1e-3 + 1e-12).all()
  assert np.abs(rotational.imag).max() > 1


def test_the_columns_of_a_row():
  first, last = (monotone_games.MEASURED_AFTER[i] for i in (1, -1))
  row = monotone_games._summary(
    np.array([[1, 0.5, 0.1, 5e-4], [1, 0.7, 0.1, 2e-2], [1, 0.6, 0.1, 5e-7]]),
    best=np.array([1e-4, 1e-2, 1e-9]),
  )
  assert row == {
    f"median, {first}": 0.6,
    f"worst, {first}": 0.7,
    f"median, {last}": 5e-4,
    f"worst, {last}": 2e-2,
    "to 1e-03": 2,
    "to 1e-06": 1,
    "behind": 1,
  }


def test_annealing_is_not_behind(monkeypatch):
  methods = {
    "MF-TRPO (annealed)": monotone_games.METHODS["MF-TRPO (annealed)"],
    "FP": monotone_games.METHODS["FP"],
    "OMD": time_to_accuracy.Method("mirror_descent", grid={"lr": (0.1, 1.0)}),
  }
  monkeypatch.setattr(monotone_games, "METHODS", methods)
  monkeypatch.setattr(monotone_games, "KINDS", ("rotational", "mixed"))
  monkeypatch.setattr(monotone_games, "NUM_GAMES", 2)
  monkeypatch.setattr(monotone_games, "MEASURED_AFTER", (50, 200))
  rows = list(monotone_games.table())
  assert [row["method"] for row in rows] == 2 * list(methods)
  for row in rows:
    if row["method"] == "MF-TRPO (annealed)":
      assert row["behind"] == 0


@pytest.mark.parametrize(
  ("kind", "seed"),
  [
    # A restart directly after another one is not a second failure.
    ("potential", 26),
    ("potential", 90),
    # The gain halves between restarts, but restarts become less frequent.
    ("mixed", 28),
    ("mixed", 88),
  ],
)
def test_annealing_converges_where_heavy_ball_is_slow(kind, seed):
  model = monotone_games.random_game(kind, seed)
  uniform = tabular_policies.uniform_policy(model.legal_actions_mask)
  algorithm = annealed_mf_trpo.AnnealedMFTRPO(model)
  for _ in range(500):
    algorithm.iteration()
  reached = model.exploitability(algorithm.policy)
  assert reached < 1e-6 * model.exploitability(uniform)
