"""Tests of the two islands."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import two_islands
from mftrpo_openspiel.models import stationary_model

NAME = "python_mfg_two_islands"

# As drawn in the module's docstring.
SUCCESSORS = {
  0: (1, 3), 1: (2, 4), 2: (3, 5), 3: (4, 0), 4: (5, 1), 5: (6, 2), 6: (0, 7),
  7: (13, 6), 8: (7, 11), 9: (8, 12), 10: (9, 13), 11: (10, 8), 12: (11, 9),
  13: (12, 10),
}  # fmt: skip


def load(**parameters):
  return pyspiel.load_game(NAME, parameters)


def test_defaults():
  game = pyspiel.load_game(NAME)
  assert game.get_parameters() == two_islands.DEFAULT_PARAMS
  mdp = game.mean_field_mdp()
  assert (mdp.num_states, mdp.num_actions, game.horizon) == (14, 2, 40)
  np.testing.assert_array_equal(mdp.initial_distribution, np.eye(14)[2])


def test_successors():
  assert dict(enumerate(map(tuple, two_islands.SUCCESSORS))) == SUCCESSORS


def test_graph_is_strongly_connected():
  for start in SUCCESSORS:
    reached, frontier = {start}, [start]
    while frontier:
      for node in SUCCESSORS[frontier.pop()]:
        if node not in reached:
          reached.add(node)
          frontier.append(node)
    assert len(reached) == 14


def test_only_the_bridge_connects_the_islands():
  edges = {(a, b) for a, nodes in SUCCESSORS.items() for b in nodes}
  assert {(a, b) for a, b in edges if (a < 7) != (b < 7)} == {(6, 7), (7, 6)}
  assert {a for a, b in edges if b == 6} == {5, 7}


def test_islands_mirror_each_other():
  for node, successors in SUCCESSORS.items():
    mirrored = {13 - successor for successor in successors}
    assert set(SUCCESSORS[13 - node]) == mirrored


@pytest.mark.parametrize("seed", [0, 1, 17, 2**31 - 1])
def test_actions_lead_to_their_successors(seed):
  mdp = load(seed=seed).mean_field_mdp()
  kernel = mdp.kernel.toarray().reshape(14, 2, 14)
  for node, successors in SUCCESSORS.items():
    for action in range(2):
      row = kernel[node, action]
      assert set(np.flatnonzero(row)) == set(successors)
      assert row.sum() == pytest.approx(1, abs=1e-15)


def test_kernel_is_drawn_from_the_seed():
  kernels = [load(seed=s).mean_field_mdp().kernel.toarray() for s in (4, 4, 5)]
  np.testing.assert_array_equal(kernels[0], kernels[1])
  assert np.abs(kernels[0] - kernels[2]).max() > 0.1
  # Every node and action has a probability of its own.
  larger = kernels[0].max(axis=1)
  assert len(np.unique(larger)) == 28


def test_probabilities_are_uniform():
  """The probability of the a-th successor after action a, over many seeds."""
  draws = [
    load(seed=seed).mean_field_mdp().kernel.toarray()[2 * node + action, k]
    for seed in range(40)
    for node, successors in SUCCESSORS.items()
    for action, k in enumerate(successors)
  ]
  quantiles = np.quantile(draws, [0.1, 0.25, 0.5, 0.75, 0.9])
  # The standard error is below sqrt(0.25 / 1120) = 0.015.
  np.testing.assert_allclose(quantiles, [0.1, 0.25, 0.5, 0.75, 0.9], atol=0.06)


def test_node_6_is_sparse_at_equilibrium_with_the_default_seed():
  mdp = load().mean_field_mdp()
  model = stationary_model.StationaryModel(mdp)
  for eta in (0.05, 0.3):
    omd = mirror_descent.MirrorDescent(model, lr=1.0, regularization=eta)
    for _ in range(300):
      omd.iteration()
    assert model.exploitability(omd.policy, eta) < 1e-9
    assert omd.mean_field[6] < np.delete(omd.mean_field[:7], 6).min()


def test_reward_at_literal_values():
  mdp = load().mean_field_mdp()
  law = np.zeros(14)
  law[[2, 9]] = 0.75, 0.25
  rewards = mdp.reward_at(law)
  assert rewards[2] == pytest.approx(2 * [0.0575364145])  # -0.2 log 0.75
  assert rewards[9] == pytest.approx(2 * [0.2772588722])  # -0.2 log 0.25
  assert rewards[6] == pytest.approx(2 * [11.5129254650])  # -0.2 log 1e-25


def test_imbalance_and_bridge_cost():
  mdp = load(
    reward_imbalance=0.5, bridge_cost=0.125, crowd_aversion=0.0
  ).mean_field_mdp()
  expected = np.zeros((14, 2))
  expected[7:] = 0.5
  expected[6, 1] -= 0.125  # From 6 to 7 ...
  expected[7, 1] -= 0.125  # ... and from 7 to 6.
  np.testing.assert_allclose(
    mdp.reward_at(np.full(14, 1 / 14)), expected, atol=1e-15
  )


def test_drawing():
  graph = load().mean_field_mdp().drawing
  assert graph.positions.shape == (14, 2)
  edges = {tuple(edge) for edge in graph.edges.tolist()}
  assert edges == {(a, b) for a, nodes in SUCCESSORS.items() for b in nodes}
  # Each island on its own side, and no two nodes at one place.
  assert (graph.positions[:7, 0] < 0).all()
  np.testing.assert_allclose(
    graph.positions[7:], graph.positions[6::-1] * (-1, 1), atol=1e-15
  )
  distances = np.linalg.norm(
    graph.positions[:, None] - graph.positions[None], axis=2
  )
  assert distances[~np.eye(14, dtype=bool)].min() > 0.5


@pytest.mark.parametrize(
  ("text", "law"),
  [
    ("uniform", np.full(14, 1 / 14)),
    ("[0]", np.eye(14)[0]),
    ("13", np.eye(14)[13]),
    ("[" + "0;" * 12 + "0.25;0.75]", [0.0] * 12 + [0.25, 0.75]),
  ],
)
def test_initial_distribution(text, law):
  game = load(initial_distribution=text)
  np.testing.assert_array_equal(game.mean_field_mdp().initial_distribution, law)
  other = pyspiel.load_game(str(game))
  assert other.get_parameters() == game.get_parameters()
  np.testing.assert_array_equal(
    other.mean_field_mdp().initial_distribution, law
  )


@pytest.mark.parametrize("make", [two_islands.TwoIslandsGame, None])
@pytest.mark.parametrize(
  ("name", "value", "match"),
  [
    ("seed", -1, "whole number in .*, got -1"),
    ("crowd_aversion", -0.2, r"number in \[0, inf\), got -0.2"),
    ("crowd_aversion", float("nan"), "got nan"),
    ("reward_imbalance", float("inf"), "got inf"),
    ("bridge_cost", -0.1, r"number in \[0, inf\), got -0.1"),
    ("bridge_cost", float("inf"), "got inf"),
    ("discount", 1.0, r"number in \[0, 1\), got 1.0"),
    ("horizon", 0, "got 0"),
    ("initial_distribution", "[14]", "node .* got '.14.'"),
    ("initial_distribution", "-1", "node"),
    ("initial_distribution", "1.5", "node"),
    ("initial_distribution", "²", "node"),
    ("initial_distribution", "2|3", "node"),
    ("initial_distribution", "", "node"),
    ("initial_distribution", "node two", "node"),
    ("initial_distribution", "[0.5;0.5]", r"shape \(14,\), got \(2,\)"),
    ("initial_distribution", "[" + "0.1;" * 13 + "0.1]", "sums to 1.4"),
    ("initial_distribution", "[" + "0;" * 12 + "2;-1]", "entry 13 is -1"),
    ("initial_distribution", "[" + "a;" * 13 + "a]", "be 'uniform'"),
  ],
)
def test_value_that_is_not_allowed(make, name, value, match):
  make = make or (lambda parameters: pyspiel.load_game(NAME, parameters))
  with pytest.raises(ValueError, match=f"^{name} must .*{match}") as info:
    make({name: value})
  assert "\n" not in str(info.value)


def test_seed_that_openspiel_cannot_store():
  with pytest.raises(ValueError, match=r"^seed must be a whole number in"):
    two_islands.TwoIslandsGame({"seed": 2**31})


@pytest.mark.parametrize(
  ("name", "value", "wanted"),
  [
    ("seed", 1.0, "int"),
    ("bridge_cost", 1, "float"),
    ("initial_distribution", 2, "str"),
  ],
)
def test_wrong_type(name, value, wanted):
  with pytest.raises(
    ValueError, match=f"^{name} must be of type {wanted}, got"
  ):
    two_islands.TwoIslandsGame({name: value})
  with pytest.raises(pyspiel.SpielError, match=f"type for parameter {name}"):
    pyspiel.load_game(NAME, {name: value})


def test_unknown_parameter():
  with pytest.raises(
    ValueError, match=r"^game parameter must be one of .*'eta'"
  ):
    two_islands.TwoIslandsGame({"eta": 1.0})
  with pytest.raises(pyspiel.SpielError, match="Unknown parameter 'eta'"):
    pyspiel.load_game(NAME, {"eta": 1.0})
