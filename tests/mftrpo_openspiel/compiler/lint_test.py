"""Compares verdicts of the linter with exact values and with OpenSpiel."""

import decimal
import pickle

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.compiler import lint


def exact_nash_conv(game):
  """Returns NashConv of the uniform policy with values by (string, action).

  The action is the last one of the player. Apart from the observation string,
  this is all that the rewards of OpenSpiel's own games depend on.
  """
  flow = distribution.DistributionPolicy(
    game, policy_lib.UniformRandomPolicy(game)
  )

  def value(state, last, best, known):
    key = (state.observation_string(0), last)
    if key in known:
      return known[key]
    result = 0.0
    if not state.is_chance_node():
      result = state.rewards()[state.mean_field_population()]
    if state.is_chance_node():
      for action, p in state.chance_outcomes():
        result += p * value(state.child(action), last, best, known)
    elif state.is_mean_field_node():
      after = state.clone()
      after.update_distribution(
        [flow.value_str(s, 0.0) for s in state.distribution_support()]
      )
      result += value(after, last, best, known)
    elif not state.is_terminal():
      values = [
        value(state.child(action), action, best, known)
        for action in state.legal_actions()
      ]
      result += max(values) if best else sum(values) / len(values)
    known[key] = result
    return result

  return sum(
    value(state, None, True, {}) - value(state, None, False, {})
    for state in game.new_initial_states()
  )


@pytest.mark.parametrize(
  ("name", "depends_on_path"),
  [
    ("mfg_garnet(size=10,horizon=5)", True),
    ("mfg_crowd_modelling(size=4,horizon=4)", True),
    ("python_mfg_crowd_modelling(size=4,horizon=3)", True),
    ("mfg_crowd_modelling_2d(size=5,horizon=5)", True),
    ("mean_field_lin_quad(size=5,horizon=3)", True),
    (
      "python_mfg_periodic_aversion(size=7,horizon=3,n_actions_per_side=2)",
      True,
    ),
    (
      "mfg_crowd_modelling_2d(size=5,horizon=5,only_distribution_reward=true)",
      False,
    ),
    ("python_mfg_predator_prey(horizon=2)", False),
    ("python_mfg_crowd_avoidance(horizon=2,coef_congestion=0.5)", False),
    (
      "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
      "time_step_length=0.25)",
      False,
    ),
    ("python_mfg_dynamic_routing(max_num_time_step=10)", False),
    ("python_mfg_four_rooms(room_size=2,horizon=2)", False),
    ("python_mfg_two_islands(horizon=4)", False),
  ],
)
def test_rewards_depend_on_the_path_where_openspiels_values_are_wrong(
  name, depends_on_path
):
  game = pyspiel.load_game(name)
  policy = policy_lib.UniformRandomPolicy(game)
  openspiel = nash_conv.NashConv(game, policy).nash_conv()
  exact = exact_nash_conv(game)
  assert (openspiel != pytest.approx(exact, rel=1e-9)) == depends_on_path
  checks = ["rewards", "chance_outcomes", "legal_actions", "next_nodes"]
  report = lint.lint_game(game, checks)
  verdicts = {finding.check: finding.passed for finding in report.findings}
  assert verdicts == {
    "rewards": not depends_on_path,
    "chance_outcomes": True,
    "legal_actions": True,
    "next_nodes": True,
  }


def finding(name, check):
  report = lint.lint_game(pyspiel.load_game(name), [check])
  assert len(report.findings) == 1
  assert report.passed == report.findings[0].passed
  return report.findings[0]


@pytest.mark.parametrize(
  ("name", "own"),
  [
    ("mfg_crowd_modelling(size=4,horizon=2)", False),
    ("python_mfg_predator_prey(horizon=2)", False),
    ("mfg_garnet(size=4,horizon=2)", True),
    ("python_mfg_two_islands(horizon=2)", True),
    ("python_odd_game(horizon=1)", False),
  ],
)
def test_shared_children_are_found(name, own):
  result = finding(name, "own_children")
  assert result.passed == own
  assert ("nodes follow several decision nodes" in result.detail) != own


def test_losses_by_pickling_are_found():
  result = finding("mfg_crowd_modelling_2d(size=4,horizon=4)", "pickling")
  assert "rewards, by pickling" in result.detail
  game = pyspiel.load_game("mfg_garnet(size=4,horizon=2)")
  result = finding("mfg_garnet(size=4,horizon=2)", "pickling")
  assert "actions, by pickling" in result.detail
  state = game.new_initial_state().child(0).child(0)
  copy = pickle.loads(pickle.dumps(state))
  assert copy.chance_outcomes() != state.chance_outcomes()
  for name in (
    "python_mfg_two_islands(horizon=3)",
    "python_mfg_crowd_modelling(size=4,horizon=3)",
  ):
    assert finding(name, "pickling").passed


@pytest.mark.parametrize(
  ("name", "lost"),
  [
    (
      "mfg_crowd_modelling(size=4,horizon=2)",
      ["first decision nodes have rewards"],
    ),
    ("python_mfg_two_islands(horizon=2)", []),
    (
      "python_odd_game(pays=first,horizon=2)",
      ["first decision nodes have rewards"],
    ),
    (
      "python_odd_game(pays=mean_field,horizon=2)",
      ["mean_field nodes have rewards"],
    ),
    ("python_odd_game(pays=end,horizon=2)", ["chance nodes have rewards"]),
    ("python_odd_game(pays=second+terminal,horizon=2)", []),
    (
      "python_odd_game(pays=mean_field+end,horizon=2)",
      ["mean_field nodes have rewards", "chance nodes have rewards"],
    ),
  ],
)
def test_rewards_that_the_rl_environment_omits_are_found(name, lost):
  result = finding(name, "rewards_in_rl")
  assert result.passed == (not lost)
  details = result.detail.split("; ") if lost else []
  assert [detail.split(",")[0] for detail in details] == lost


def test_the_table_has_a_row_for_each_question():
  game = pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=2)")
  report = lint.lint_game(game)
  lines = str(report).splitlines()
  assert lines[0] == str(game)
  for check, question in lint.QUESTIONS.items():
    (line,) = [line for line in lines if line.endswith(question)]
    (result,) = [f for f in report.findings if f.check == check]
    assert line.split()[0] == result.verdict
    assert lines[lines.index(line) + 1].split() == result.detail.split()
  assert not report.passed
  assert max(map(len, lines)) < 200


def test_a_game_of_this_package_passes():
  assert lint.lint_game(
    pyspiel.load_game("python_mfg_four_rooms(room_size=2,horizon=3)")
  ).passed


def test_bad_input_is_rejected():
  with pytest.raises(ValueError, match="mean-field game, got 'kuhn_poker'"):
    lint.lint_game(pyspiel.load_game("kuhn_poker"))
  with pytest.raises(ValueError, match="checks must be one of"):
    lint.lint_game(pyspiel.load_game("mfg_garnet"), ["reward"])


def brute_force(game):
  """Returns which answers are no, and the number of histories.

  All states of each string are compared under the mean field of the uniform
  policy.
  """
  policy = policy_lib.UniformRandomPolicy(game)
  flow = distribution.DistributionPolicy(game, policy)
  seen = {}
  wrong = set()
  num_histories = 0

  def walk(state):
    nonlocal num_histories
    num_histories += 1
    look = {"next_nodes": [state.get_type()]}
    children = []
    if state.is_chance_node():
      look["chance_outcomes"] = state.chance_outcomes()
      children = [state.child(a) for a, _ in state.chance_outcomes()]
    else:
      look["rewards"] = state.rewards()
    if state.is_mean_field_node():
      support = state.distribution_support()
      children = [state.clone()]
      children[0].update_distribution([flow.value_str(s, 0.0) for s in support])
    elif state.get_type() == pyspiel.StateType.DECISION:
      look["legal_actions"] = state.legal_actions()
      children = [state.child(a) for a in state.legal_actions()]
    look["next_nodes"] += [c.observation_string(0) for c in children]
    first = seen.setdefault(state.observation_string(0), look)
    for check in look.keys() | first.keys():
      if check in ("rewards", "chance_outcomes"):
        same = np.allclose(look[check], first[check], rtol=1e-9, atol=1e-9)
      else:
        same = look[check] == first[check]
      if not same:
        wrong.add(check)
    for child in children:
      walk(child)

  for root in game.new_initial_states():
    walk(root)
  return wrong, num_histories


BY_PATH = ("rewards", "chance_outcomes", "legal_actions", "next_nodes")


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling(size=5,horizon=3)",
    "python_mfg_predator_prey(horizon=1)",
    "python_mfg_two_islands(horizon=3)",
    "python_odd_game(pays=first+second,horizon=1)",
    *[
      f"mfg_garnet(seed={seed},size=6,num_action=2,num_chance_action=2,"
      "horizon=4,sparsity_factor=0.05)"
      for seed in range(12)
    ],
  ],
)
def test_all_histories_of_small_games_are_compared(name):
  game = pyspiel.load_game(name)
  wrong, num_histories = brute_force(game)
  report = lint.lint_game(game, BY_PATH)
  assert {f.check for f in report.findings if not f.passed} == wrong
  for result in report.findings:
    assert result.is_proved
    if result.passed:
      assert result.verdict == "yes"
      count = f"in {num_histories:,} of {num_histories:,} histories"
      assert count in result.detail


def test_a_single_path_dependent_node_is_found():
  """Only one reward depends on the path, which two histories show."""
  game = pyspiel.load_game(
    "mfg_garnet(seed=0,size=8,num_action=3,num_chance_action=3,horizon=4,"
    "sparsity_factor=0.1)"
  )
  rewards = []
  for actions in ((1, 1, 2), (1, 2, 2)):
    state = game.new_initial_state()
    for action in actions:
      state.apply_action(action)
    state.update_distribution([1 / 8] * 8)
    assert state.observation_string(0) == "(6, 1)"
    rewards += state.rewards()
  assert rewards[0] != pytest.approx(rewards[1], rel=0.1)
  (result,) = lint.lint_game(game, ["rewards"]).findings
  assert result.verdict == "NO"
  assert "reward at '(6, 1)' differs by" in result.detail


def test_checking_a_part_of_a_game_is_no_proof():
  game = pyspiel.load_game("python_mfg_predator_prey(horizon=1)")
  _, num_histories = brute_force(game)
  (part,) = lint.lint_game(
    game, ["rewards"], max_histories=num_histories - 1
  ).findings
  assert part.verdict == "yes?"
  assert not part.is_proved
  assert f" of {num_histories:,} histories" in part.detail
  (whole,) = lint.lint_game(
    game, ["rewards"], max_histories=num_histories
  ).findings
  assert whole.verdict == "yes"


def test_more_histories_than_floats_can_represent_are_counted():
  """A decision node has 3 * 3 = 9 decision nodes after it; 9^400 > 10^308."""
  result = finding("mfg_crowd_modelling(size=2,horizon=400)", "chance_outcomes")
  assert result.verdict == "yes?"
  # At time t there are 2 * 9^t histories of decision nodes, three times as many
  # of chance nodes, and 2 * 9^(t + 1) of the nodes that follow.
  num_histories = 1 + sum(2 * 9**t * (1 + 3 + 9) for t in range(400))
  expected = f"of {decimal.Decimal(num_histories):.1e} histories"
  assert expected in result.detail


def test_a_random_policy_is_used_if_transitions_depend_on_the_mean_field():
  """Its nodes receive its true distribution; it reaches other nodes."""
  name = (
    "mfg_dynamic_routing(network=braess,max_num_time_step=20,"
    "time_step_length=0.1)"
  )
  found = finding(name, "rewards")
  assert found.verdict == "yes"
  assert found.detail.endswith("histories, under 2 mean fields")
