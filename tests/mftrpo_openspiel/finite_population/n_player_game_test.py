"""Tests of mean-field games played by N players."""

import copy
import functools
import itertools
import pickle
import subprocess
import sys
import unittest

from absl import flags
import copiers
import numpy as np
from open_spiel.integration_tests import api_test
from open_spiel.python import policy as policy_lib
from open_spiel.python import rl_environment
from open_spiel.python.algorithms import evaluate_bots
from open_spiel.python.algorithms import expected_game_score
from open_spiel.python.algorithms import exploitability
from open_spiel.python.algorithms import generate_playthrough
from open_spiel.python.algorithms import tabular_qlearner
from open_spiel.python.bots import policy as policy_bots
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import policy_value
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
from open_spiel.python.tests import games_sim_test
import pyspiel
import pytest

from mftrpo_openspiel.finite_population import deviations
from mftrpo_openspiel.finite_population import n_player_game
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.openspiel import policies

# Mean-field game, number of players, observation.
SETTINGS = [
  ("python_mfg_two_islands(horizon=3)", 3, "own"),
  ("python_mfg_four_rooms(room_size=1,horizon=2)", 2, "counts"),
  ("python_mfg_four_rooms_poi(layout=[.#.|...],horizon=2)", 1, "own"),
  ("mfg_crowd_modelling(size=4,horizon=3)", 3, "counts"),
  ("python_mfg_crowd_modelling(horizon=2)", 2, "own"),
  ("mfg_crowd_modelling_2d(horizon=2)", 2, "counts"),
  ("mfg_garnet(size=4,horizon=3)", 2, "own"),
  ("mfg_dynamic_routing", 3, "own"),
  ("python_mfg_dynamic_routing", 2, "counts"),
  ("python_mfg_periodic_aversion(horizon=2)", 2, "counts"),
  ("mean_field_nfg", 3, "own"),
]


def _name(setting):
  text, number, observation = setting
  return f"{text.partition('(')[0]}-{number}-{observation}"


@pytest.fixture(params=SETTINGS, ids=map(_name, SETTINGS))
def game(request) -> pyspiel.Game:
  text, number, observation = request.param
  return n_player_game.NPlayerGame(pyspiel.load_game(text), number, observation)


@pytest.fixture(autouse=True)
def parsed_flags():
  """The flags that OpenSpiel's test modules define at their defaults."""
  if not flags.FLAGS.is_parsed():
    flags.FLAGS(["tests"])


def play(
  game: pyspiel.Game, seed: int, policy: policy_lib.Policy | None = None
) -> list[pyspiel.State]:
  """Returns the states of a play, by a policy or by random actions."""
  rng = np.random.default_rng(seed)
  state = game.new_initial_state()
  states = [state.clone()]
  while not state.is_terminal():
    if state.is_chance_node():
      outcomes, probabilities = zip(*state.chance_outcomes())
      state.apply_action(int(rng.choice(outcomes, p=probabilities)))
    else:
      actions = []
      for player in range(game.num_players()):
        law = {action: 1.0 for action in state.legal_actions(player)}
        if policy is not None:
          law = policy.action_probabilities(state, player)
        weights = np.array(list(law.values()))
        action = rng.choice(list(law), p=weights / weights.sum())
        actions.append(int(action))
      state.apply_actions(actions)
    states.append(state.clone())
  return states


def test_random_simulations_of_openspiel(game):
  pyspiel.random_sim_test(game, num_sims=5, serialize=True, verbose=False)


def test_random_simulations_of_the_turn_based_game(game):
  pyspiel.random_sim_test(
    pyspiel.convert_to_turn_based(game),
    num_sims=2,
    serialize=True,
    verbose=False,
  )


def test_games_sim_test_of_openspiel(game):
  # It documents that the check of the game type may fail for games with a game
  # as a parameter.
  games_sim_test.GamesSimTest().sim_game(
    game, check_game_type_serialization_when_checking_pickle_serialization=False
  )


def test_api_tests_of_openspiel(game):
  base = api_test.EnforceAPIOnPartialTreeBase

  class ApiTest(base):
    @classmethod
    def setUpClass(cls):
      cls.game, cls.game_name = game, str(game)
      super().setUpClass()

  suite = unittest.defaultTestLoader.loadTestsFromTestCase(ApiTest)
  result = suite.run(unittest.TestResult())
  assert result.testsRun >= 5
  assert not result.failures + result.errors


def test_playthrough_is_replayed(game, tmp_path):
  path = tmp_path / "playthrough.txt"
  path.write_text(
    generate_playthrough.playthrough(str(game), [], seed=1), encoding="utf-8"
  )
  original, replayed = generate_playthrough.replay(path)
  assert original == replayed
  assert "IsTerminal() = True" in original


def snapshot(state: pyspiel.State) -> dict[str, object]:
  """Returns all properties of a state, and some of its children."""
  players = range(state.num_players())
  contents = {
    "string": str(state),
    "information": [state.information_state_string(i) for i in players],
    "observation": [state.observation_string(i) for i in players],
    "history": [(item.player, item.action) for item in state.full_history()],
    "player": int(state.current_player()),
    "rewards": state.rewards(),
    "returns": state.returns(),
  }
  if state.get_game().get_type().provides_observation_tensor:
    contents["tensors"] = [state.observation_tensor(i) for i in players]
  if state.is_chance_node():
    contents["outcomes"] = state.chance_outcomes()
    children = [state.child(x) for x, _ in state.chance_outcomes()]
    contents["children"] = [(str(x), x.returns()) for x in children]
  elif not state.is_terminal():
    contents["actions"] = [state.legal_actions(i) for i in players]
    contents["masks"] = [state.legal_actions_mask(i) for i in players]
  return contents


def test_game_round_trips(game):
  plays = [snapshot(state) for state in play(game, 0)]
  for other in (
    pyspiel.load_game(str(game)),
    pickle.loads(pickle.dumps(game)),
    pyspiel.deserialize_game(game.serialize()),
    copy.deepcopy(game),
  ):
    assert type(other) is type(game)
    assert str(other) == str(game)
    assert other.get_parameters() == game.get_parameters()
    assert [snapshot(state) for state in play(other, 0)] == plays


def test_copies_of_states_are_equal_and_independent(game):
  for state in play(game, 1):
    before = snapshot(state)
    for name, copier in copiers.copiers_of(game).items():
      other = copier(state)
      assert snapshot(other) == before, name
      if state.is_chance_node():
        other.apply_action(other.legal_actions()[0])
      elif not state.is_terminal():
        players = range(game.num_players())
        other.apply_actions([other.legal_actions(i)[0] for i in players])
    # Changes of the copies do not affect the original.
    assert snapshot(state) == before


def test_returns_are_the_sums_of_rewards(game):
  was_paid = False
  for seed in range(3):
    total = np.zeros(game.num_players())
    states = play(game, seed)
    choices = [s for s in states if s.is_simultaneous_node()]
    # OpenSpiel's RL environment ignores rewards at the beginning of a play.
    assert not any(choices[0].rewards())
    for state in states:
      if state.is_chance_node():
        assert not any(state.rewards())
      total += state.rewards()
      np.testing.assert_allclose(state.returns(), total, rtol=1e-13)
    was_paid |= total.any()
  assert was_paid


def test_importing_the_package_is_enough_to_load_it_by_name():
  program = f"""
import mftrpo_openspiel
import pyspiel
game = pyspiel.load_game("{n_player_game.SHORT_NAME}(num_players=3)")
print(type(game) is mftrpo_openspiel.NPlayerGame, game.num_players())
"""
  result = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True
  )
  # No error occurs at exit either, when OpenSpiel releases registered games.
  assert (result.returncode, result.stderr) == (0, "")
  assert result.stdout.split() == ["True", "3"]


def test_players_choose_then_chance_moves_each_of_them():
  game = pyspiel.load_game(
    f"{n_player_game.SHORT_NAME}(game=python_mfg_two_islands(horizon=2),"
    "num_players=3)"
  )
  kinds = [int(state.current_player()) for state in play(game, 0)]
  chance, choice = (
    int(pyspiel.PlayerId.CHANCE),
    int(pyspiel.PlayerId.SIMULTANEOUS),
  )
  layer = [choice, chance, chance, chance]
  assert kinds == [
    *(3 * [chance]),
    *(2 * layer),
    int(pyspiel.PlayerId.TERMINAL),
  ]


def test_the_mean_field_of_one_player_is_its_own_state():
  mean_field = pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=4)")
  game = n_player_game.NPlayerGame(mean_field, 1)
  final = play(game, 3)[-1]
  state, total = mean_field.new_initial_state(), 0.0
  moves = [item.action for item in final.full_history()]
  while True:
    if not state.is_chance_node():
      total += state.rewards()[0]
    if state.is_terminal():
      break
    if state.is_mean_field_node():
      own = state.observation_string(0)
      law = [float(x == own) for x in state.distribution_support()]
      assert sum(law) == 1
      state.update_distribution(law)
    else:
      state.apply_action(moves.pop(0))
  assert final.returns() == pytest.approx([total], rel=1e-14)


# Small games with an independent implementation.


class World:
  """A game with three states, two actions and two successors per action."""

  def __init__(self, seed: int, horizon: int, kernel_depends_on_mu: bool):
    rng = np.random.default_rng(seed)
    self.horizon, self.discount = horizon, 0.9
    base = np.zeros((3, 2, 3))
    for x, a in itertools.product(range(3), range(2)):
      base[x, a, rng.choice(3, 2, replace=False)] = rng.dirichlet([2, 2])
    self.kernel = lambda mu: base
    if kernel_depends_on_mu:
      # Larger masses increase the probability of the first successor.
      def kernel(mu):
        shifted = base.copy()
        for x, a in itertools.product(range(3), range(2)):
          first, second = np.flatnonzero(base[x, a])
          part = 0.8 * mu[x] * base[x, a, second]
          shifted[x, a, [first, second]] += [part, -part]
        return shifted

      self.kernel = kernel
    payoff = 0.3 * rng.normal(size=(3, 2))
    # Crowding lowers the reward of the first action, so that counts matter.
    self.reward = lambda mu: payoff - np.log(mu + 0.1)[:, None] * [[1.0, 0.0]]
    self.policy = rng.dirichlet([1, 1], size=(horizon, 3))
    self.mdp = mdp_lib.MeanFieldMDP(
      kernel=self.kernel if kernel_depends_on_mu else base,
      reward=declared_rewards.LocalReward(self.reward),
      discount=self.discount,
      initial_distribution=[0, 1, 0],
    )
    self.game = mdp_game.MDPGame(self.mdp, horizon)
    rows = {f"({x}, {t})": 3 * t + x for t in range(horizon) for x in range(3)}
    self.openspiel_policy = policies.FrozenPolicy(
      self.game, rows, self.policy.reshape(-1, 2)
    )

  def values(self, num_players: int, deviation=None, best: bool = False):
    """Returns the value of player 0, by recursion over all joint states.

    Args:
      num_players: N; all players except player 0 use the policy.
      deviation: (horizon, 3) of actions of player 0; None for the policy.
      best: Whether player 0 observes the joint state and chooses the best
        action.
    """

    def value(t, joint):
      if t == self.horizon:
        return 0.0
      mu = np.bincount(joint, minlength=3) / num_players
      kernel, reward = self.kernel(mu), self.reward(mu)
      # The others choose and move independently of each other.
      laws = [self.policy[t, x] @ kernel[x] for x in joint[1:]]

      def after(action):
        total = self.discount**t * reward[joint[0], action]
        moves = [kernel[joint[0], action], *laws]
        for places in itertools.product(*map(np.flatnonzero, moves)):
          p = np.prod([law[x] for law, x in zip(moves, places)])
          total += p * value(t + 1, places)
        return total

      if deviation is not None:
        return after(deviation[t][joint[0]])
      own = [after(action) for action in range(2)]
      return max(own) if best else self.policy[t, joint[0]] @ own

    return value(0, (1,) * num_players)

  @functools.cache  # noqa: B019 (there are few worlds)
  def gain(self, num_players: int, observation: str) -> float:
    """Returns the gain of the best deviation of player 0."""
    value = self.values(num_players)
    if observation == "counts":
      # The others are exchangeable, so counts are as good as the joint state.
      return self.values(num_players, best=True) - value
    tables = itertools.product(range(2), repeat=3 * self.horizon)
    return max(
      self.values(num_players, np.reshape(table, (-1, 3))) - value
      for table in tables
    )


world_of = functools.cache(World)

WORLDS = [
  pytest.param(2, 3, False, id="2-players"),
  pytest.param(3, 2, False, id="3-players"),
]


@pytest.mark.parametrize("moves_with_crowd", [False, True])
def test_expected_game_score_is_that_of_the_joint_chain(moves_with_crowd):
  world = world_of(0, 3, moves_with_crowd)
  game = n_player_game.NPlayerGame(world.game, 2)
  policy = game.n_player_policy(world.openspiel_policy)
  score = expected_game_score.policy_value(game.new_initial_state(), policy)
  assert score == pytest.approx([world.values(2)] * 2, abs=1e-12)
  # The test would detect the value of the mean-field game.
  crowd = distribution.DistributionPolicy(world.game, world.openspiel_policy)
  value = policy_value.PolicyValue(world.game, crowd, world.openspiel_policy)
  assert abs(value.value(world.game.new_initial_state()) - score[0]) > 1e-2


@pytest.mark.parametrize("turn_based", [False, True])
@pytest.mark.parametrize("observation", n_player_game.OBSERVATIONS)
@pytest.mark.parametrize("num_players,horizon,moves_with_crowd", WORLDS)
def test_nash_conv_of_openspiel_is_the_gain_of_each_player(
  num_players, horizon, moves_with_crowd, observation, turn_based
):
  world = world_of(1, horizon, moves_with_crowd)
  game = n_player_game.NPlayerGame(world.game, num_players, observation)
  policy = game.n_player_policy(world.openspiel_policy)
  if turn_based:
    game = pyspiel.convert_to_turn_based(game)
  gain = world.gain(num_players, observation)
  # The test distinguishes the two kinds of information.
  other = world.gain(num_players, "counts" if observation == "own" else "own")
  assert gain > 0.1 and abs(gain - other) > 1e-2
  improvements = exploitability.nash_conv(
    game, policy, return_only_nash_conv=False, use_cpp_br=False
  ).player_improvements
  np.testing.assert_allclose(improvements, gain, rtol=0, atol=1e-9)


@pytest.mark.parametrize("observation", n_player_game.OBSERVATIONS)
@pytest.mark.parametrize("num_players,horizon,moves_with_crowd", WORLDS)
def test_nash_conv_of_openspiel_equals_the_value_computed_on_arrays(
  num_players, horizon, moves_with_crowd, observation
):
  world = world_of(1, horizon, moves_with_crowd)
  game = n_player_game.NPlayerGame(world.game, num_players, observation)
  policy = game.n_player_policy(world.openspiel_policy)
  result = exploitability.nash_conv(
    pyspiel.convert_to_turn_based(game),
    policy,
    return_only_nash_conv=False,
    use_cpp_br=False,
  )
  computed = deviations.exploitability(
    compiled_game.CompiledGame(world.game),
    world.openspiel_policy,
    num_players,
    observation,
  )
  np.testing.assert_allclose(
    result.player_improvements, computed.exploitability, rtol=0, atol=1e-9
  )
  assert computed.value == pytest.approx(world.values(num_players), abs=1e-9)


def test_nash_conv_by_the_c_plus_plus_best_response():
  world = world_of(2, 2, False)
  game = n_player_game.NPlayerGame(world.game, 2, "counts")
  policy = game.n_player_policy(world.openspiel_policy)
  turn_based = pyspiel.convert_to_turn_based(game)
  value = exploitability.nash_conv(turn_based, policy, use_cpp_br=True)
  assert value == pytest.approx(2 * world.gain(2, "counts"), abs=1e-9)


def test_nash_conv_with_own_state_if_transitions_depend_on_the_mean_field():
  # The path of a player then contains information about the others. With
  # perfect recall, the gain is between those of own state and of counts.
  world = world_of(1, 3, True)
  gains = {}
  for observation in n_player_game.OBSERVATIONS:
    game = n_player_game.NPlayerGame(world.game, 2, observation)
    policy = game.n_player_policy(world.openspiel_policy)
    gains[observation] = exploitability.nash_conv(game, policy) / 2
  assert gains["counts"] == pytest.approx(world.gain(2, "counts"), abs=1e-9)
  computed = deviations.exploitability(
    compiled_game.CompiledGame(world.game), world.openspiel_policy, 2, "counts"
  )
  assert gains["counts"] == pytest.approx(computed.exploitability, abs=1e-9)
  assert world.gain(2, "own") < gains["own"] - 1e-3
  assert gains["own"] < gains["counts"] - 1e-3


# OpenSpiel's algorithms on the game.


def test_bots_of_openspiel_reach_the_expected_score():
  world = world_of(4, 3, False)
  game = n_player_game.NPlayerGame(world.game, 2)
  policy = game.n_player_policy(world.openspiel_policy)
  rng = np.random.default_rng(5)
  bots = [policy_bots.PolicyBot(i, rng, policy) for i in range(2)]
  returns = [
    evaluate_bots.evaluate_bots(game.new_initial_state(), bots, rng)
    for _ in range(1500)
  ]
  standard_error = np.std(returns, axis=0) / np.sqrt(len(returns))
  assert (0.005 < standard_error).all() and (standard_error < 0.05).all()
  error = np.mean(returns, axis=0) - world.values(2)
  assert (np.abs(error) < 4 * standard_error).all()


@pytest.mark.parametrize("observation", n_player_game.OBSERVATIONS)
def test_reinforcement_learners_of_openspiel_learn_on_it(observation):
  # Five arms, only one of which has a reward.
  bonus = np.zeros((1, 5))
  bonus[0, 3] = 2.0
  mdp = mdp_lib.MeanFieldMDP(
    kernel=np.ones((1, 5, 1)),
    reward=lambda mu: bonus,
    discount=0.5,
    initial_distribution=[1],
  )
  game = n_player_game.NPlayerGame(
    mdp_game.MDPGame(mdp, horizon=2), 2, observation
  )
  environment = rl_environment.Environment(game)
  agents = [
    tabular_qlearner.QLearner(i, 5, step_size=0.5, discount_factor=1.0)
    for i in range(2)
  ]

  def episode(is_evaluation):
    total = np.zeros(2)
    step = environment.reset()
    while not step.last():
      actions = [
        agent.step(step, is_evaluation=is_evaluation).action for agent in agents
      ]
      step = environment.step(actions)
      total += step.rewards
    for agent in agents:
      agent.step(step, is_evaluation=is_evaluation)
    # No reward is lost.
    np.testing.assert_allclose(total, environment.get_state.returns())
    return total

  np.random.seed(0)
  for _ in range(300):
    episode(is_evaluation=False)
  # The best arm twice, the second time discounted.
  np.testing.assert_allclose(episode(is_evaluation=True), [3.0, 3.0])


@pytest.mark.parametrize(
  "text",
  [
    "mfg_crowd_modelling(size=4,horizon=4)",
    "mfg_garnet(size=4,horizon=4)",
    "python_mfg_two_islands(horizon=4,initial_distribution=uniform)",
  ],
)
def test_many_players_get_the_mean_field_value(text):
  mean_field = pyspiel.load_game(text)
  policy = policy_lib.UniformRandomPolicy(mean_field)
  crowd = distribution.DistributionPolicy(mean_field, policy)
  value = policy_value.PolicyValue(mean_field, crowd, policy)
  expected = value.value(mean_field.new_initial_state())
  errors = []
  for number in (2, 64):
    game = n_player_game.NPlayerGame(mean_field, number)
    plays = 4 * 64 // number
    returns = [
      np.mean(play(game, seed, game.n_player_policy(policy))[-1].returns())
      for seed in range(plays)
    ]
    errors.append(np.mean(returns) - expected)
    spread = np.std(returns) / np.sqrt(plays)
  assert abs(errors[1]) < 4 * spread + 0.5 * abs(errors[0])
  assert abs(errors[1]) < 0.5 * abs(errors[0])


# Observations.


def decision(game: pyspiel.Game, actions: list[list[int]]) -> pyspiel.State:
  """Returns the node after these joint actions and first outcomes."""
  state, actions = game.new_initial_state(), list(actions)
  while actions or state.is_chance_node():
    if state.is_chance_node():
      state.apply_action(state.legal_actions()[0])
    else:
      state.apply_actions(actions.pop(0))
  return state


def test_observation_and_information_state_strings():
  text = "python_mfg_two_islands(horizon=3)"
  own, counts = (
    decision(
      n_player_game.NPlayerGame(pyspiel.load_game(text), 3, observation),
      [[0, 1, 1]],
    )
    for observation in n_player_game.OBSERVATIONS
  )
  places = [own.mean_field_state(i).x for i in range(3)]
  assert places[1] == places[2]
  assert own.observation_string(0) == f"({places[0]}, 1)"
  assert own.information_state_string(1) == (
    f"player 1: (2, 0) -> 1 -> ({places[1]}, 1)"
  )
  crowd = {place: places.count(place) for place in sorted(places)}
  shown = ", ".join(f"({place}, 1): {n}" for place, n in crowd.items())
  assert counts.observation_string(0) == f"({places[0]}, 1) {{{shown}}}"
  assert counts.information_state_string(1) == (
    f"player 1: (2, 0) {{(2, 0): 3}} -> 1 -> ({places[1]}, 1) {{{shown}}}"
  )


def test_observation_tensors():
  mean_field = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  game = n_player_game.NPlayerGame(mean_field, 4, "counts")
  state = decision(game, [[0, 1, 1, 0]])
  size = mean_field.observation_tensor_size()
  tensor = np.array(state.observation_tensor(2))
  assert tensor.shape == (2 * size,)
  own = state.mean_field_state(2)
  np.testing.assert_array_equal(tensor[:size], own.observation_tensor(0))
  counts = np.zeros(14)
  for player in range(4):
    counts[state.mean_field_state(player).x] += 1
  np.testing.assert_allclose(tensor[size : size + 14], counts / 4)
  alone = decision(n_player_game.NPlayerGame(mean_field, 4), [[0, 1, 1, 0]])
  np.testing.assert_array_equal(alone.observation_tensor(2), tensor[:size])


# Invalid arguments.


def message_of(call, *args) -> str:
  with pytest.raises(ValueError) as caught:
    call(*args)
  assert "\n" not in str(caught.value)
  return str(caught.value)


def test_invalid_games_raise_an_error():
  mean_field = pyspiel.load_game("python_mfg_two_islands")
  make = n_player_game.NPlayerGame
  assert message_of(make, mean_field, 0) == (
    "num_players must be a whole number in [1, 2147483647], got 0."
  )
  assert message_of(make, mean_field, 2.5) == (
    "num_players must be a whole number in [1, 2147483647], got 2.5."
  )
  assert message_of(make, mean_field, 2, "all") == (
    "observation must be one of counts, own, got 'all'."
  )
  assert message_of(make, pyspiel.load_game("kuhn_poker"), 2) == (
    "game must be a mean-field game, got 'kuhn_poker'."
  )
  assert message_of(make, pyspiel.load_game("python_mfg_predator_prey"), 2) == (
    "game must have one population, got 'python_mfg_predator_prey' with 3."
  )
  name = n_player_game.SHORT_NAME
  assert message_of(pyspiel.load_game, f"{name}(game=nothing())") == (
    "game must be registered with OpenSpiel, got 'nothing'; importing"
    " open_spiel.python.mfg.games registers its mean-field games in Python."
  )


def test_invalid_policies_and_actions_raise_an_error():
  mean_field = pyspiel.load_game("python_mfg_two_islands(horizon=2)")
  game = n_player_game.NPlayerGame(mean_field, 2)
  assert message_of(game.n_player_policy, [0.5, 0.5]) == (
    "policy must be a Policy, got [0.5, 0.5]."
  )
  policy = game.n_player_policy(policy_lib.UniformRandomPolicy(mean_field))
  state = decision(game, [])
  assert message_of(policy.action_probabilities, state) == (
    "player_id must be given if all players choose."
  )
  assert message_of(state.apply_actions, [0, 2]) == (
    "action of player 1 must be one of [0, 1] at (2, 0), got 2."
  )
  assert message_of(game.new_initial_state().apply_action, 5) == (
    "action must be one of [2] at 0: initial; 1: initial; chance of 0, got 5."
  )


def test_a_user_defined_game_can_be_pickled():
  world = world_of(7, 2, False)
  game = n_player_game.NPlayerGame(
    mdp_game.MDPGame(
      mdp_lib.MeanFieldMDP(
        kernel=world.kernel(None),
        reward=mdp_lib.CrowdAversion(np.ones((3, 2)), 0.5),
        discount=0.9,
        initial_distribution=[0, 1, 0],
      ),
      2,
    ),
    2,
    "counts",
  )
  other = pickle.loads(pickle.dumps(game))
  for state, copied in zip(play(game, 0), play(other, 0)):
    assert snapshot(state) == snapshot(copied)
