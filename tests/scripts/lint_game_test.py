"""Tests of mftrpo-lint as a command."""


def test_a_game_that_passes_gives_status_0(program):
  result = program("lint", "--game_name=python_mfg_two_islands(horizon=2)")
  lines = result.stdout.splitlines()
  assert lines[0].startswith("python_mfg_two_islands(")
  verdicts = [line.split()[0] for line in lines[1::2]]
  assert verdicts == ["yes"] * 5 + ["yes?", "yes"]
  assert "nothing is lost in the states of 4 plays" in result.stdout


def test_a_game_that_fails_gives_status_1(program):
  result = program(
    "lint", "--game_name=mfg_crowd_modelling(size=4,horizon=2)", status=1
  )
  assert "NO    Are rewards functions of the observation" in result.stdout
  assert "reward at '" in result.stdout


def test_checks_can_be_chosen(program):
  result = program(
    "lint",
    "--game_name=mfg_crowd_modelling(size=4,horizon=2)",
    "--checks=legal_actions,chance_outcomes",
  )
  assert len(result.stdout.splitlines()) == 5


def test_python_games_and_settings_of_openspiel_are_known(program):
  program(
    "lint", "--game_name=mfg_dynamic_routing", "--setting=dynamic_routing_line"
  )
  program("lint", "--game_name=mean_field_lin_quad(size=4,horizon=2)", status=1)
