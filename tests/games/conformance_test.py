"""Runs OpenSpiel's checks of games on every game of this package."""

import collections
import copy
import itertools
import pickle
import unittest

from absl import flags
import copiers
import numpy as np
from open_spiel.integration_tests import api_test
from open_spiel.python import policy as policy_lib
from open_spiel.python import rl_environment
from open_spiel.python.algorithms import generate_playthrough
from open_spiel.python.mfg.algorithms import best_response_value
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value
from open_spiel.python.tests import games_sim_test
from open_spiel.python.tests.mfg_implementation_test import mfg_test
import pyspiel
import pytest

from mftrpo_openspiel import games
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib

# Short name and parameters of each game under test.
SETTINGS = {
  "four_rooms": ("four_rooms", {"horizon": 2}),
  "layout": ("four_rooms", {"layout": "[..#|#..|...]", "horizon": 4}),
  "one_row": ("four_rooms", {"layout": "[....]", "horizon": 5}),
  "room_size_2": (
    "four_rooms",
    {"room_size": 2, "initial_distribution": "uniform", "horizon": 2},
  ),
  "room_size_1": (
    "four_rooms",
    {"room_size": 1, "initial_distribution": "[2|1]", "horizon": 4},
  ),
  "law": (
    "four_rooms",
    {
      "room_size": 1,
      "initial_distribution": "[0.5;0.25;0;0;0;0.125;0.125;0]",
      "horizon": 3,
    },
  ),
  "slip_0": (
    "four_rooms",
    {"room_size": 1, "slip_probability": 0.0, "horizon": 3},
  ),
  "slip_1": (
    "four_rooms",
    {"room_size": 1, "slip_probability": 1.0, "horizon": 3},
  ),
  "discount_0": ("four_rooms", {"room_size": 1, "discount": 0.0, "horizon": 3}),
  "no_aversion": (
    "four_rooms",
    {
      "room_size": 1,
      "crowd_aversion": 0.0,
      "stay_reward": -1.5,
      "move_reward": 0.25,
      "horizon": 3,
    },
  ),
  "poi": ("four_rooms_poi", {"horizon": 2}),
  "poi_cell": (
    "four_rooms_poi",
    {
      "room_size": 2,
      "point_of_interest": "[0|3]",
      "point_bonus": 0.75,
      "point_slope": 0.25,
      "horizon": 2,
    },
  ),
  "poi_layout": (
    "four_rooms_poi",
    {
      "layout": "[.#.|...]",
      "point_of_interest": "[0|0]",
      "initial_distribution": "uniform",
      "horizon": 4,
    },
  ),
  "islands": ("two_islands", {"horizon": 6}),
  "islands_terms": (
    "two_islands",
    {
      "seed": 3,
      "reward_imbalance": 0.5,
      "bridge_cost": 0.25,
      "initial_distribution": "[6]",
      "horizon": 5,
    },
  ),
  "islands_uniform": (
    "two_islands",
    {"initial_distribution": "uniform", "discount": 0.0, "horizon": 3},
  ),
  "islands_law": (
    "two_islands",
    {
      "initial_distribution": "[" + "0.125;" * 6 + "0;" * 7 + "0.25]",
      "horizon": 1,
    },
  ),
}


@pytest.fixture(params=SETTINGS)
def game(request) -> pyspiel.Game:
  name, parameters = SETTINGS[request.param]
  return pyspiel.load_game(f"python_mfg_{name}", parameters)


@pytest.fixture(autouse=True)
def parsed_flags():
  """The flags that OpenSpiel's test modules define at their defaults."""
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(["tests"])


class Flow:
  """A fixed random mean field for each support."""

  def __init__(self, seed: int):
    self._rng = np.random.default_rng(seed)
    self._laws = {}

  def __call__(self, state: pyspiel.State) -> list[float]:
    support = tuple(state.distribution_support())
    if support not in self._laws:
      law = self._rng.dirichlet(np.ones(len(support)))
      self._laws[support] = law.tolist()
    return self._laws[support]


def trajectory(
  game: pyspiel.Game, flow: Flow, rng: np.random.Generator
) -> list[pyspiel.State]:
  """Returns the states of a random play under `flow`."""
  state = game.new_initial_state()
  states = [state.clone()]
  while not state.is_terminal():
    if state.is_chance_node():
      actions, probabilities = zip(*state.chance_outcomes())
      state.apply_action(int(rng.choice(actions, p=probabilities)))
    elif state.is_mean_field_node():
      state.update_distribution(flow(state))
    else:
      state.apply_action(int(rng.choice(state.legal_actions())))
    states.append(state.clone())
  return states


def test_every_registered_game_is_under_test():
  ours = {
    name
    for name in pyspiel.registered_names()
    if hasattr(games, name.removeprefix("python_mfg_"))
  }
  assert ours == {f"python_mfg_{name}" for name, _ in SETTINGS.values()}


@pytest.mark.parametrize("population", [0, -1])
def test_random_simulations_of_openspiel(game, population):
  pyspiel.random_sim_test(
    game,
    num_sims=5,
    serialize=True,
    verbose=False,
    mean_field_population=population,
  )


def test_games_sim_test_of_openspiel(game):
  games_sim_test.GamesSimTest().sim_game(game)


@pytest.mark.parametrize(
  "name", ["is_finite_horizon0", "has_at_least_an_action0", "rl_environment0"]
)
def test_mean_field_tests_of_openspiel(game, name):
  case = mfg_test.FiniteHorizonTest()
  getattr(case, f"test_{name}").__wrapped__(case, game_name=str(game))


def test_api_tests_of_openspiel(game):
  base = api_test.EnforceAPIOnPartialTreeBase

  class ApiTest(base):
    @classmethod
    def setUpClass(cls):
      cls.game, cls.game_name = game, str(game)
      super().setUpClass()
      # In a mean-field game OpenSpiel samples only the initial state.
      cls.some_states = trajectory(game, Flow(0), np.random.default_rng(0))

  suite = unittest.defaultTestLoader.loadTestsFromTestCase(ApiTest)
  result = suite.run(unittest.TestResult())
  assert result.testsRun >= 5
  assert not result.failures + result.errors


@pytest.mark.parametrize("seed", [0, 1])
def test_playthrough_is_replayed(game, seed, tmp_path):
  path = tmp_path / "playthrough.txt"
  path.write_text(
    generate_playthrough.playthrough(str(game), [], seed=seed), encoding="utf-8"
  )
  original, replayed = generate_playthrough.replay(path)
  assert original == replayed
  assert "IsTerminal() = True" in original


def test_game_round_trips(game):
  def play(game):
    states = trajectory(game, Flow(0), np.random.default_rng(0))
    return [snapshot(state) for state in states]

  for other in (
    pyspiel.load_game(str(game)),
    pickle.loads(pickle.dumps(game)),
    pyspiel.deserialize_game(game.serialize()),
    copy.deepcopy(game),
  ):
    assert type(other) is type(game)
    assert str(other) == str(game)
    assert other.get_parameters() == game.get_parameters()
    assert play(other) == play(game)
  game_type = game.get_type()
  assert pickle.loads(pickle.dumps(game_type)) == game_type


def snapshot(state: pyspiel.State) -> dict[str, object]:
  """Returns the results of all methods of a state and of its successors."""
  contents = {
    "string": str(state),
    "observation": state.observation_string(0),
    "tensor": state.observation_tensor(0),
    "history": [(item.player, item.action) for item in state.full_history()],
    "move number": state.move_number(),
    "player": int(state.current_player()),
    "type": state.get_type(),
    "rewards": state.rewards(),
    "returns": state.returns(),
    "legal actions": state.legal_actions(),
    "mask": state.legal_actions_mask(),
    "support": state.distribution_support(),
  }
  if state.is_chance_node():
    contents["chance outcomes"] = state.chance_outcomes()
  if not state.is_terminal() and not state.is_mean_field_node():
    children = [state.child(action) for action in state.legal_actions()]
    contents["children"] = [
      (str(child), child.rewards(), child.returns()) for child in children
    ]
  return contents


def test_copies_of_states_are_equal_and_independent(game):
  for state in trajectory(game, Flow(1), np.random.default_rng(2)):
    before = snapshot(state)
    for name, copier in copiers.copiers_of(game).items():
      other = copier(state)
      assert snapshot(other) == before, name
      if state.is_mean_field_node():
        other.update_distribution(Flow(3)(other))
      elif not state.is_terminal():
        other.apply_action(other.legal_actions()[0])
    # Changes of the copies do not affect the original.
    assert snapshot(state) == before


def path_dependent_strings(game: pyspiel.Game, num_plays: int) -> list[str]:
  """Returns the observation strings that do not determine the node.

  Under a fixed flow the rewards, the chance outcomes, the legal actions, the
  type and the strings of the children must follow from the string, by which
  OpenSpiel's utilities cache values.
  """
  flow, rng = Flow(4), np.random.default_rng(5)
  seen = collections.defaultdict(set)
  paths = collections.defaultdict(set)
  for _ in range(num_plays):
    for state in trajectory(game, flow, rng):
      outcomes = state.chance_outcomes() if state.is_chance_node() else []
      actions = state.legal_actions()
      children = []
      if not state.is_mean_field_node():
        children = [state.child(a).observation_string(0) for a in actions]
      string = state.observation_string(0)
      seen[string].add(
        (
          state.get_type(),
          tuple(state.rewards()),
          tuple(outcomes),
          tuple(actions),
          tuple(children),
        )
      )
      paths[string].add(tuple(state.history()))
  assert max(map(len, paths.values())) > 1
  return [string for string, kinds in seen.items() if len(kinds) > 1]


def test_strings_determine_nodes(game):
  assert not path_dependent_strings(game, 40)


def test_path_dependence_is_detected():
  # The reward depends on the last action, which is not part of the strings.
  game = pyspiel.load_game("python_mfg_crowd_modelling")
  assert path_dependent_strings(game, 40)


def test_returns_are_the_rewards_that_all_utilities_count(game):
  rng = np.random.default_rng(6)
  for _ in range(5):
    total = 0.0
    for state in trajectory(game, Flow(7), rng):
      if state.is_chance_node() or state.is_mean_field_node():
        assert state.rewards() == [0.0]
      total += state.rewards()[0]
      assert state.returns() == pytest.approx([total], rel=1e-14)
    assert total


def random_policy(
  game: pyspiel.Game, rng: np.random.Generator
) -> policy_lib.TabularPolicy:
  """Returns a random policy; its table has one row per decision node."""
  policy = policy_lib.UniformRandomPolicy(game).to_tabular()
  weights = policy.legal_actions_mask * rng.exponential(
    size=policy.action_probability_array.shape
  )
  policy.action_probability_array[:] = weights / weights.sum(1, keepdims=True)
  return policy


@pytest.mark.parametrize("setting", ["room_size_1", "poi_layout", "islands"])
def test_reinforcement_learning_returns_are_those_of_policy_value(setting):
  name, parameters = SETTINGS[setting]
  game = pyspiel.load_game(f"python_mfg_{name}", {**parameters, "horizon": 3})
  rng = np.random.default_rng(8)
  policy = random_policy(game, rng)
  # The policy of the population differs from that of the player.
  crowd = distribution.DistributionPolicy(game, random_policy(game, rng))
  value = policy_value.PolicyValue(game, crowd, policy)
  environment = rl_environment.Environment(
    game,
    chance_event_sampler=rl_environment.ChanceEventSampler(seed=9),
    mfg_distribution=crowd,
    mfg_population=0,
  )
  returns = []
  for _ in range(1000):
    total = 0.0
    step = environment.reset()
    while not step.last():
      law = policy.action_probabilities(environment.get_state)
      action = rng.choice(list(law), p=list(law.values()))
      step = environment.step([int(action)])
      total += step.rewards[0]
    returns.append(total)
  standard_error = np.std(returns) / np.sqrt(len(returns))
  assert 0 < standard_error < 0.1
  expected = value.value(game.new_initial_state())
  assert abs(np.mean(returns) - expected) < 4 * standard_error


@pytest.mark.parametrize("seed", range(3))
def test_best_response_is_the_best_deterministic_policy(seed):
  rng = np.random.default_rng(seed)
  mdp = mdp_lib.MeanFieldMDP(
    kernel=rng.dirichlet(np.ones(2), size=(2, 2)),
    reward=mdp_lib.CrowdAversion(rng.normal(size=(2, 2)), 0.5),
    discount=0.75,
    initial_distribution=rng.dirichlet(np.ones(2)),
  )
  game = mdp_game.MDPGame(mdp, horizon=2)
  crowd = distribution.DistributionPolicy(game, random_policy(game, rng))
  policy = policy_lib.UniformRandomPolicy(game).to_tabular()
  choices = np.flatnonzero(policy.legal_actions_mask.sum(axis=1) == 2)
  assert len(choices) == 4  # Two states at each of two times.
  root = game.new_initial_state()
  values = []
  for actions in itertools.product(range(2), repeat=len(choices)):
    policy.action_probability_array[choices] = np.eye(2)[list(actions)]
    values.append(policy_value.PolicyValue(game, crowd, policy).value(root))
  assert len(set(values)) == 16
  best = best_response_value.BestResponse(game, crowd).value(root)
  assert best == pytest.approx(max(values), abs=1e-13)
