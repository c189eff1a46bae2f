"""Compares plays of two players on two islands with results by hand."""

import math

import pyspiel
import pytest

from mftrpo_openspiel.finite_population import n_player_rules


@pytest.mark.parametrize(
  ("starts", "paid"), [((0, 3), 0.2 * math.log(2)), ((3, 3), 0.0)]
)
def test_rewards_depend_on_the_empirical_mean_field(starts, paid):
  """The reward is -0.2 log mu, with half or all of the players in a state."""
  game = pyspiel.load_game(
    "python_mfg_two_islands(horizon=1,initial_distribution=uniform)"
  )
  node = n_player_rules.root(game, 2)
  for player, start in enumerate(starts):
    assert node.player == n_player_rules.CHANCE
    assert node.pending == tuple(range(player, 2))
    node = n_player_rules.after_chance(node, start)
  assert node.player == n_player_rules.SIMULTANEOUS
  assert node.rewards == (0.0, 0.0)
  assert node.legal_actions(0) == node.legal_actions(1) == [0, 1]
  first = node
  node = n_player_rules.after_actions(node, [0, 1])
  assert node.previous == (first, (0, 1))
  while node.player == n_player_rules.CHANCE:
    state = node.states[node.pending[0]]
    node = n_player_rules.after_chance(node, state.chance_outcomes()[0][0])
  assert node.player == n_player_rules.TERMINAL
  assert node.rewards == pytest.approx((paid, paid), abs=1e-12)
  assert node.returns == node.rewards


def test_an_illegal_action_raises_an_error():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=1)")
  node = n_player_rules.root(game, 1)
  node = n_player_rules.after_chance(node, 2)
  with pytest.raises(
    ValueError,
    match=r"^action of player 0 must be one of \[0, 1\] at \(2, 0\), got 5\.$",
  ):
    n_player_rules.after_actions(node, [5])
