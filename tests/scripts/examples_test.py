"""Tests of the example programs."""

from importlib import util
import re

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python import rl_environment
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import fixed_point
from open_spiel.python.mfg.algorithms import mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.openspiel import policies
from mftrpo_openspiel.scripts import example_own_game
from mftrpo_openspiel.scripts import example_rl_agent

HAS_TORCH = util.find_spec("torch") is not None
needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="needs torch")


def numbers(output, title):
  """Returns the numbers of each line with the title."""
  return [
    [float(number) for number in re.findall(r"\d+\.?\d*", line)]
    for line in re.findall(rf"^ *{re.escape(title)}  (.*)$", output, re.M)
  ]


def nash_conv_of(game, solver):
  return nash_conv.NashConv(game, solver.get_policy()).nash_conv()


def test_the_beach_is_a_ring_with_wind():
  mdp = example_own_game.beach_bar(6, wind=0.2, walking_cost=0.5)
  kernel = mdp.kernel.toarray().reshape(6, 3, 6)
  np.testing.assert_allclose(kernel[0, 0], [0.1, 0, 0, 0, 0.1, 0.8])
  np.testing.assert_allclose(kernel[0, 1], [0.8, 0.1, 0, 0, 0, 0.1])
  np.testing.assert_allclose(kernel[5, 2], [0.8, 0.1, 0, 0, 0, 0.1])
  staying = np.array([0, 1, 2, 3, 2, 1]) / 3 + np.log(6)
  np.testing.assert_allclose(
    mdp.reward_at(np.full(6, 1 / 6)),
    np.stack([staying - 0.5, staying, staying - 0.5], axis=1),
  )


def test_own_game_converges_to_the_known_solution(program):
  known = np.exp([0, 0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2])
  known /= known.sum()
  distances = []
  for eta in (0.2, 0.1):
    output = program(
      "example_own_game",
      f"--regularization={eta}",
      "--population_update_rate=0.03",
      "--num_iterations=400",
    ).stdout
    assert numbers(output, "regularized") == [[0]]
    _, crowd = numbers(output, "crowd")
    [[distance]] = numbers(output, "total variation")
    # The crowds are printed with three decimals.
    assert np.abs(crowd - known).sum() / 2 == pytest.approx(distance, abs=5e-3)
    distances.append(distance)
  # The bias is of first order in the regularization.
  assert distances[1] < 0.003
  assert distances[0] / distances[1] == pytest.approx(2, rel=0.15)


@pytest.mark.parametrize("num_places", [10, 11])
def test_the_interior_point_method_finds_the_known_crowd(num_places):
  mdp = example_own_game.beach_bar(num_places, wind=0.0, walking_cost=0.0)
  model = mftrpo_openspiel.StationaryModel(mdp)
  solver = mftrpo_openspiel.InteriorPoint(model)
  solver.run(30)
  places = np.arange(num_places)
  distances = np.abs(places - num_places // 2)
  known = np.exp(-distances / (num_places // 2))
  known /= known.sum()
  np.testing.assert_allclose(solver.mean_field, known, rtol=1e-13)


def test_own_game_prints_the_nash_conv_of_its_policy(program):
  output = program(
    "example_own_game",
    "--num_places=5",
    "--horizon=3",
    "--num_iterations=7",
    "--regularization=0.3",
    "--population_update_rate=0.2",
  ).stdout
  mdp = example_own_game.beach_bar(5, wind=0.2, walking_cost=0.2)
  game = mdp_game.MDPGame(mdp, horizon=3)
  solver = mf_trpo.MFTRPO(
    game, regularization=0.3, population_update_rate=0.2, warm_start=True
  )
  for _ in range(7):
    solver.iteration()
  exact = round(nash_conv_of(game, solver), 6)
  assert exact > 0.01
  assert numbers(output, "by OpenSpiel") == [[exact]]
  _, on_arrays = numbers(output, "exploitability")
  assert on_arrays == [exact]


def test_own_game_is_registered(program):
  game = pyspiel.load_game("python_mfg_beach_bar(num_places=5,horizon=3)")
  assert isinstance(game, example_own_game.BeachBarGame)
  assert game.mean_field_mdp().action_names == ("back", "stay", "on")
  pyspiel.random_sim_test(game, num_sims=2, serialize=True, verbose=False)
  output = program(
    "solve",
    "--import=mftrpo_openspiel.scripts.example_own_game",
    "--game_name=python_mfg_beach_bar(walking_cost=0.0,wind=0.0)",
    "--algorithm=annealed_mf_trpo",
    "--num_iterations=100",
  ).stdout
  (last,) = re.findall(r"^ +100 +(\S+) ", output, re.M)
  assert 0 <= float(last) < 1e-4


def test_own_algorithm_prints_the_nash_conv_of_both(program):
  name = "python_mfg_two_islands(horizon=4)"
  output = program(
    "example_own_algorithm",
    f"--game_name={name}",
    "--num_iterations=3",
    "--step=1",
  ).stdout
  game = pyspiel.load_game(name)
  solvers = {
    "SmoothedPolicyIteration": fixed_point.FixedPoint(game),
    "FictitiousPlay": fictitious_play.FictitiousPlay(game),
  }
  for solver in solvers.values():
    for _ in range(3):
      solver.iteration()
  printed = {line.split()[0]: line.split()[1] for line in output.splitlines()}
  assert printed == {
    name: f"{nash_conv_of(game, solver):.6f}"
    for name, solver in solvers.items()
  }


def test_drop_in_prints_the_nash_conv_of_both_policies(program):
  name = (
    "mfg_crowd_modelling_2d(size=3,horizon=4,only_distribution_reward=true,"
    "initial_distribution=[0|1],initial_distribution_value=[1.0])"
  )
  output = program(
    "example_drop_in",
    f"--game_name={name}",
    "--num_iterations=3",
    "--eval_every=2",
    "--regularization=0.1",
    "--population_update_rate=0.5",
    "--learning_rate=0.3",
  ).stdout
  game = pyspiel.load_game(name)
  solvers = [
    mf_trpo.MFTRPO(
      game, regularization=0.1, population_update_rate=0.5, warm_start=True
    ),
    mirror_descent.MirrorDescent(game, lr=0.3),
  ]
  rows = [line.split() for line in output.splitlines()]
  assert rows[1] == ["iteration", "MFTRPO", "MirrorDescent"]
  expected = []
  for iteration in ("1", "2", "3"):
    for solver in solvers:
      solver.iteration()
    values = [f"{nash_conv_of(game, solver):.6f}" for solver in solvers]
    expected.append([iteration, *values])
  assert rows[2:] == expected[1:]


def test_drop_in_behaves_as_its_docstring_says(program):
  arguments = ("--num_iterations=30", "--eval_every=30")
  output = program("example_drop_in", *arguments).stdout
  _, ours, theirs = map(float, output.splitlines()[-1].split())
  # MF-TRPO is at the bias of its regularization; MirrorDescent is still above.
  assert 0.02 < ours < theirs / 3


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (("--game_name=kuhn_poker",), "game must be a mean-field game"),
    (("--regularization=0",), "regularization must be a number in"),
  ],
)
def test_drop_in_refuses_in_one_line(program, arguments, message):
  result = program("example_drop_in", *arguments, status=2)
  assert message in result.stderr.splitlines()[-1]
  assert "Traceback" not in result.stderr


class Crowd:
  """Computes values of policies against a randomly moving crowd, on arrays."""

  def __init__(self, **parameters):
    self.game = four_rooms.FourRoomsGame({"room_size": 1, **parameters})
    self.model = mftrpo_openspiel.CompiledGame(self.game)
    self.mean_field = self.model.initial_mean_field()
    self.start = self.mean_field * (self.model.layers == 0)
    self.uniform = policy_lib.UniformRandomPolicy(self.game)
    self.best = self.start @ self.model.optimal_action_values(
      self.mean_field
    ).max(axis=1)

  def value(self, policy):
    states = (
      state
      for t in range(self.game.horizon)
      for state in mdp_game.decision_states(self.game, t)
    )
    shape = self.model.legal_actions_mask.shape
    array = policies.policy_array(policy, states, shape)
    # Networks have single precision.
    array /= array.sum(axis=1, keepdims=True)
    action_values = self.model.action_values(array, self.mean_field)
    return self.start @ (array * action_values).sum(axis=1)

  def environment(self):
    env = rl_environment.Environment(
      self.game,
      mfg_distribution=distribution.DistributionPolicy(self.game, self.uniform),
      mfg_population=0,
    )
    env.seed(1)
    return env


@pytest.mark.parametrize(
  ("train", "num_episodes", "least_share"),
  [
    (example_rl_agent.train_q_learner, 300, 0.9),
    pytest.param(example_rl_agent.train_ppo, 200, 0.6, marks=needs_torch),
  ],
)
def test_rl_agents_learn_more_than_to_stay(train, num_episodes, least_share):
  crowd = Crowd(horizon=4, stay_reward=0.0, move_reward=0.0)
  np.random.seed(1)
  learnt = crowd.value(train(crowd.environment(), num_episodes))
  least = crowd.value(crowd.uniform)
  # Here staying is worse than moving at random.
  assert crowd.value(policy_lib.FirstActionPolicy(crowd.game)) < least
  assert least + least_share * (crowd.best - least) < learnt
  assert learnt <= crowd.best + 1e-6


@pytest.mark.parametrize(
  "agent", ["q_learner", pytest.param("ppo", marks=needs_torch)]
)
def test_rl_agent_prints_exact_values(program, agent):
  output = program(
    "example_rl_agent",
    f"--agent={agent}",
    "--num_episodes=100",
    "--room_size=1",
    "--horizon=4",
  ).stdout
  assert output.startswith(f"{agent} learns from 100 episodes.\n")
  printed = {
    title: tuple(map(float, values))
    for title, *values in re.findall(
      r"^(\w.*?) +value (\S+)  share (\S+)$", output, re.MULTILINE
    )
  }
  crowd = Crowd(horizon=4)
  least = crowd.value(crowd.uniform)
  staying = crowd.value(policy_lib.FirstActionPolicy(crowd.game))
  for title, value in (
    ("random moves", least),
    ("staying", staying),
    ("best response", crowd.best),
  ):
    share = (value - least) / (crowd.best - least)
    assert printed[title] == pytest.approx((value, share), abs=1e-3)
    assert printed[title][0] == pytest.approx(value, abs=1e-6)
  learnt, share = printed[agent]
  assert least < learnt <= crowd.best + 1e-6
  assert share == pytest.approx(
    (learnt - least) / (crowd.best - least), abs=1e-3
  )


@pytest.mark.skipif(HAS_TORCH, reason="torch is installed")
def test_rl_agent_says_that_torch_is_missing(program):
  result = program("example_rl_agent", "--agent=ppo", status=2)
  assert "'ppo' needs torch" in result.stderr.splitlines()[-1]
  assert not result.stdout
