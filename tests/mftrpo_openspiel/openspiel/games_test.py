"""Tests of the names of OpenSpiel games."""

import pyspiel
import pytest

from mftrpo_openspiel import games as our_games  # noqa: F401 (Registers them.)
from mftrpo_openspiel.openspiel import games


@pytest.mark.parametrize(
  ("name", "brief"),
  [
    ("mfg_garnet", "mfg_garnet"),
    ("mfg_garnet(size=4,horizon=10)", "mfg_garnet(size=4)"),
    ("python_mfg_two_islands", "python_mfg_two_islands"),
    ("python_mfg_two_islands(seed=3)", "python_mfg_two_islands(seed=3)"),
  ],
)
def test_a_brief_name_has_the_parameters_that_are_not_defaults(name, brief):
  assert games.brief_name(pyspiel.load_game(name)) == brief


def test_long_names_are_cut():
  assert games.shortened("game()") == "game"
  name = games.shortened(f"game(layout={'ab' * 100})")
  assert name.startswith("game(layout=abab")
  assert name.endswith("...)")
  assert len(name) < 80
  assert games.shortened("game(layout=#\n#,x=1)") == "game(layout=##,x=1)"
