"""Verdicts of the linter against exact values and against OpenSpiel itself."""

import pickle

from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel import lint


def exact_nash_conv(game):
  """Returns NashConv of the uniform policy with values by (string, action).

  The action is the last one of the player. All that the rewards of OpenSpiel's
  own games depend on beyond the observation string is that.
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
    ("python_mfg_crowd_modelling(size=4,horizon=4)", True),
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
    ("python_mfg_four_rooms(room_size=2,horizon=4)", False),
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
    ("python_odd_game", False),
  ],
)
def test_shared_children_are_found(name, own):
  result = finding(name, "own_children")
  assert result.passed == own
  assert ("nodes follow several decision nodes" in result.detail) != own


def test_what_states_lose_by_pickling_is_found():
  result = finding("mfg_crowd_modelling_2d(size=4,horizon=4)", "pickling")
  assert "rewards, by pickling" in result.detail
  game = pyspiel.load_game("mfg_garnet(size=4,horizon=2)")
  result = finding("mfg_garnet(size=4,horizon=2)", "pickling")
  assert "moves, by pickling" in result.detail
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
    ("mfg_crowd_modelling(size=4,horizon=2)", ["first decision nodes pay"]),
    ("python_mfg_two_islands(horizon=2)", []),
    ("python_odd_game(pays=first)", ["first decision nodes pay"]),
    ("python_odd_game(pays=mean_field)", ["mean_field nodes pay"]),
    ("python_odd_game(pays=end)", ["chance nodes pay"]),
    ("python_odd_game(pays=second+terminal)", []),
    (
      "python_odd_game(pays=mean_field+end)",
      ["mean_field nodes pay", "chance nodes pay"],
    ),
  ],
)
def test_rewards_that_the_rl_environment_loses_are_found(name, lost):
  result = finding(name, "rewards_in_rl")
  assert result.passed == (not lost)
  details = result.detail.split("; ") if lost else []
  assert [detail.split(",")[0] for detail in details] == lost


def test_the_table_has_a_line_for_each_question():
  game = pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=2)")
  report = lint.lint_game(game)
  lines = str(report).splitlines()
  assert lines[0] == str(game)
  for check, question in lint.QUESTIONS.items():
    (line,) = [line for line in lines if line.endswith(question)]
    (result,) = [f for f in report.findings if f.check == check]
    assert line.split()[0] == ("yes" if result.passed else "NO")
  assert not report.passed
  assert max(map(len, lines)) < 200


def test_a_game_of_this_package_passes():
  assert lint.lint_game(
    pyspiel.load_game("python_mfg_four_rooms(room_size=2,horizon=3)")
  ).passed


def test_bad_input_is_refused():
  with pytest.raises(ValueError, match="mean-field game, got 'kuhn_poker'"):
    lint.lint_game(pyspiel.load_game("kuhn_poker"))
  with pytest.raises(ValueError, match="checks must be one of"):
    lint.lint_game(pyspiel.load_game("mfg_garnet"), ["reward"])
