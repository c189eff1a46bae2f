"""Tests of our settings in OpenSpiel's factory, in new processes."""

import subprocess
import sys

import pytest

OURS = "import mftrpo_openspiel"
THEIRS = "from open_spiel.python.mfg.games import factory"
AGAIN = "import importlib; importlib.reload(factory)"
PROGRAM = """
import inspect
print(factory.create_game_with_setting("python_mfg_two_islands"))
print(factory.create_game_with_setting("python_mfg_four_rooms", "four_rooms"))
print(factory.create_game_with_setting("mfg_crowd_modelling_2d").get_type())
print("def create_game_with_setting" in inspect.getsource(factory))
"""


def printed(*lines):
  return subprocess.run(
    [sys.executable, "-c", "\n".join(lines)],
    check=True,
    capture_output=True,
    text=True,
  ).stdout.splitlines()


@pytest.mark.parametrize(
  "imports", [(OURS, THEIRS), (THEIRS, OURS), (OURS, THEIRS, AGAIN)]
)
def test_openspiels_factory_knows_our_games(imports):
  islands, rooms, crowd, has_source = printed(*imports, PROGRAM)
  assert islands.startswith("python_mfg_two_islands(")
  assert "crowd_aversion=0.2" in rooms
  assert "mfg_crowd_modelling_2d" in crowd
  assert has_source == "True"


def test_our_import_does_not_load_openspiels_games():
  lines = printed(
    OURS, "import sys", "print('open_spiel.python.mfg.games' in sys.modules)"
  )
  assert lines == ["False"]
