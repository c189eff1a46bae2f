"""Tests of which levels are kept, and which are folded between them."""

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_walk


def folded(name, paying=()):
  game = pyspiel.load_game(name)
  levels = game_walk.enumerate_levels(game.new_initial_states())
  return levels, folding.fold_levels(
    levels, game.num_distinct_actions(), folding.mass_carriers(levels), paying
  )


def test_forced_and_chance_nodes_are_folded_into_the_kernel_of_the_mdp():
  name = "python_mfg_two_islands(initial_distribution=uniform,horizon=3)"
  levels, result = folded(name)
  mdp = pyspiel.load_game(name).mean_field_mdp()
  # init, (mean field, decision, forced, chance) x 3, terminal
  assert result.kept == (2, 6, 10)
  assert result.times.tolist() == [0, 1, 2]
  names = [levels[index].strings for index in result.kept]
  order = [[int(s.strip("(").split(",")[0]) for s in level] for level in names]
  mean_field = np.random.default_rng(0).dirichlet(np.ones(14))
  policy = np.random.default_rng(1).dirichlet(np.ones(2), size=14)
  expected = (mean_field[:, None] * policy).ravel() @ mdp.kernel
  masses = np.zeros(42)
  masses[:14] = mean_field[order[0]]
  moved = result.mdp.step(np.concatenate([policy[o] for o in order]), masses)
  np.testing.assert_allclose(moved[14:28], expected[order[1]], rtol=1e-12)
  np.testing.assert_allclose(
    moved[:14], mdp.initial_distribution[order[0]], rtol=1e-12
  )


def test_layers_with_equal_transitions_share_a_kernel():
  _, result = folded("mfg_garnet(size=4,horizon=6)")
  kernels = result.mdp.kernels
  assert kernels[3] is kernels[2]


def test_mean_field_levels_without_one_to_one_successors_are_kept():
  levels, result = folded("python_odd_game")
  carriers = folding.mass_carriers(levels)
  # All coins are zero before the first decision.
  assert carriers == {1: 2, 5: 5, 9: 9}
  assert result.kept == (2, 3, 5, 6, 7, 9, 10, 11)
  assert result.times.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
  policy = np.full((len(result.nodes), 3), 1 / 3)
  policy = np.where(result.mdp.legal_actions_mask, policy, 0)
  policy /= policy.sum(axis=1, keepdims=True)
  flow = result.mdp.flow(policy)
  for index, rows in result.mass_rows.items():
    np.testing.assert_allclose(flow[rows], levels[index].masses, rtol=1e-12)


def test_mass_rows_are_in_the_order_of_the_mean_field_nodes():
  levels, result = folded("python_mfg_predator_prey(horizon=3)")
  masses = np.concatenate([levels[index].masses for index in result.kept])
  assert list(result.mass_rows) == [3, 6]
  for index, rows in result.mass_rows.items():
    np.testing.assert_array_equal(masses[rows], levels[index].masses)


@pytest.mark.parametrize("paying", [(), (12,), (3, 9)])
def test_nodes_with_rewards_between_layers_are_visited_by_afterstates(paying):
  levels, result = folded("python_odd_game", paying=paying)
  offsets = result.node_offsets
  node_rewards = np.arange(1.0, offsets[-1] + 1)
  if paying != (12,):  # The others are kept.
    assert result.visits is None
    return
  between = result.visits @ node_rewards
  last = levels[11]
  chance = game_walk.CHANCE
  assert [levels[i].kind for i in (12, 13)] == [chance, game_walk.TERMINAL]
  assert last.kind == game_walk.DECISION
  np.testing.assert_array_equal(
    between[-len(levels[12]) :], node_rewards[offsets[12] : offsets[13]]
  )
  assert not between[: -len(levels[12])].any()


def test_terminal_rewards_are_averaged_over_the_chance_outcomes():
  levels, result = folded("python_odd_game", paying=(13,))
  offsets = result.node_offsets
  node_rewards = np.zeros(offsets[-1])
  node_rewards[offsets[13] :] = [1.0, 10.0, 100.0]
  between = result.visits @ node_rewards
  chance = levels[12]
  for node in range(len(chance)):
    here = slice(*chance.indptr[[node, node + 1]])
    pays = np.array([1.0, 10.0, 100.0])[chance.children[here]]
    expected = chance.probabilities[here] @ pays
    after = len(between) - len(chance) + node
    assert between[after] == pytest.approx(expected, rel=1e-14)


def test_a_game_without_any_choice_is_rejected():
  game = pyspiel.load_game("python_odd_game")
  levels = game_walk.enumerate_levels(game.new_initial_states())
  with pytest.raises(ValueError, match="must have a node with a choice"):
    folding.fold_levels(levels[-2:], 3, {}, ())
