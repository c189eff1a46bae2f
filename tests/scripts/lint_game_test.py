"""mftrpo-lint as a command."""

import subprocess
import sys

import pytest


def lint(*arguments):
  return subprocess.run(
    [sys.executable, "-m", "mftrpo_openspiel.scripts.lint_game", *arguments],
    capture_output=True,
    text=True,
    check=False,
  )


def test_a_game_that_passes_gives_status_0():
  result = lint("--game_name=python_mfg_two_islands(horizon=2)")
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert lines[0].startswith("python_mfg_two_islands(")
  assert all(line.startswith("  yes  ") for line in lines[1:])


def test_a_game_that_fails_gives_status_1():
  result = lint("--game_name=mfg_crowd_modelling(size=4,horizon=2)")
  assert result.returncode == 1, result.stderr
  assert "NO   Are rewards functions of the observation" in result.stdout
  assert "reward at '" in result.stdout


def test_checks_can_be_chosen():
  result = lint(
    "--game_name=mfg_crowd_modelling(size=4,horizon=2)",
    "--checks=legal_actions,chance_outcomes",
  )
  assert result.returncode == 0, result.stderr
  assert len(result.stdout.splitlines()) == 3


def test_python_games_and_settings_of_openspiel_are_known():
  result = lint(
    "--game_name=mfg_dynamic_routing", "--setting=dynamic_routing_line"
  )
  assert result.returncode == 0, result.stderr
  result = lint("--game_name=mean_field_lin_quad(size=4,horizon=2)")
  assert result.returncode == 1, result.stderr


@pytest.mark.parametrize(
  ("arguments", "message"),
  [
    (["--game_name=nothing"], "registered OpenSpiel game, got 'nothing'"),
    (["--game_name=kuhn_poker"], "mean-field game, got 'kuhn_poker'"),
    (["--game_name=mfg_garnet", "--checks=reward"], "checks must be one of"),
    ([], "game_name or setting must be given"),
  ],
)
def test_bad_input_gives_one_line_and_status_2(arguments, message):
  result = lint(*arguments)
  assert result.returncode == 2
  (line,) = result.stderr.strip().splitlines()
  assert message in line
