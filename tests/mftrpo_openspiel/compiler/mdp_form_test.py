"""Compares games compiled from their MDP with OpenSpiel's utilities."""

import draws
import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
import pytest

from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game


def small_mdp(moving):
  """An MDP of 4 states and 3 actions; if `moving`, with congestion."""
  rng = np.random.default_rng(0)
  fixed = rng.dirichlet(np.full(4, 0.5), size=12)
  base = rng.normal(size=(4, 3))

  def kernel(mean_field):
    rows = fixed * (1.1 - mean_field)
    return rows / rows.sum(axis=1, keepdims=True)

  return mdp_lib.MeanFieldMDP(
    kernel=kernel if moving else fixed,
    reward=lambda mu: base - np.log(mu + 0.1)[:, None] * (1 + base * mu.max()),
    discount=0.8,
    initial_distribution=[0.5, 0.0, 0.25, 0.25],
  )


@pytest.mark.parametrize("moving", [False, True])
def test_nash_conv_and_flow_are_those_of_openspiel(moving):
  game = mdp_game.MDPGame(small_mdp(moving), horizon=4)
  model = compiled_game.CompiledGame(game)
  assert model.legal_actions_mask.shape == (16, 3)
  assert model.observation_strings[5] == "(1, 1)"
  np.testing.assert_allclose(model.discounts, 0.8 ** (np.arange(16) // 4))
  for policy in (
    policy_lib.UniformRandomPolicy(game),
    draws.RandomPolicy(game, 1),
    draws.RandomPolicy(game, 2),
  ):
    array = model.from_openspiel(policy)
    assert model.exploitability(array) == pytest.approx(
      nash_conv.NashConv(game, policy).nash_conv(), rel=1e-11
    )
    flow = distribution.DistributionPolicy(game, policy)
    np.testing.assert_allclose(
      model.mean_field(array),
      [flow.value_str(s, 0.0) for s in model.observation_strings],
      rtol=1e-12,
    )


def test_steps_use_the_kernel_of_the_given_mean_field():
  mdp = small_mdp(moving=True)
  game = mdp_game.MDPGame(mdp, horizon=3)
  model = compiled_game.CompiledGame(game)
  rng = np.random.default_rng(1)
  policy = rng.dirichlet(np.ones(3), size=12)
  told = rng.dirichlet(np.ones(4), size=3)
  law = mdp.initial_distribution
  expected = [law]
  for t in range(2):
    weights = (law[:, None] * policy[4 * t : 4 * t + 4]).ravel()
    law = weights @ mdp.kernel_at(told[t])
    expected.append(law)
  np.testing.assert_allclose(
    model.propagate(policy, told.ravel(), None),
    np.concatenate(expected),
    rtol=1e-13,
  )


class _OtherReward(mdp_game.MDPGame):
  """A game whose rewards differ from those of its MDP."""

  def _stage(self, law):
    stage = super()._stage(law)
    rewards = [[2 * r for r in row] for row in stage.rewards]
    return stage._replace(rewards=rewards)


class _OtherTransitions(mdp_game.MDPGame):
  """A game whose transitions differ from those of its MDP."""

  def __init__(self, mdp, horizon):
    super().__init__(mdp, horizon)
    self.outcomes = [
      [[(x, 1.0)] for _ in row] for x, row in enumerate(self.outcomes)
    ]


@pytest.mark.parametrize("other", [_OtherReward, _OtherTransitions])
def test_a_game_that_differs_from_its_mdp_is_detected(other):
  game = other(small_mdp(moving=False), 3)
  assert not mdp_form.MDPForm(game).agrees_with_game()
  with pytest.warns(UserWarning, match="plays do not agree with its MDP"):
    model = compiled_game.CompiledGame(game)
  policy = policy_lib.UniformRandomPolicy(game)
  assert model.exploitability(model.from_openspiel(policy)) == pytest.approx(
    nash_conv.NashConv(game, policy).nash_conv(), rel=1e-11
  )


def test_a_game_that_agrees_with_its_mdp_is_accepted():
  for moving in (False, True):
    game = mdp_game.MDPGame(small_mdp(moving), horizon=3)
    assert mdp_form.MDPForm(game).agrees_with_game(num_plays=20)
