"""README and the pages for users list what the code has.

`docs_blocks_test.py` runs their examples.
"""

import pathlib
import re
import runpy

import pytest
import setuptools

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi
from mftrpo_openspiel.games import game_settings
from mftrpo_openspiel.games import two_islands

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MODELS = {"StationaryModel", "CompiledGame", "OpenSpielModel", "SampledModel"}


def page(name):
  return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows(text):
  """Returns the cells of the rows of all tables, without their headers."""
  found = []
  for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
    for line in table.splitlines()[2:]:
      cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
      found.append([cell.strip() for cell in cells])
  return found


def names(text):
  """Returns what stands in the first code span of each row of all tables."""
  codes = [re.match(r"\[?`([^`(]+)", cells[0]) for cells in rows(text)]
  return [code[1].strip() for code in codes if code]


def section(text, title):
  """Returns the text under a heading, up to the next one of its level."""
  level, rest = re.split(rf"(?m)^(#+) {title}$", text)[1:]
  return re.split(rf"(?m)^{level} ", rest)[0]


def without_blocks(text):
  return re.sub(r"(?ms)^```.*?^```\n|^<!-- .*?-->\n|^\|.*?\n", "", text)


def test_the_readme_is_short():
  assert 600 < len(without_blocks(README).split()) <= 900


@pytest.mark.parametrize(
  "name",
  [
    "../README.md",
    "start.md",
    "games.md",
    "games/four_rooms.md",
    "games/four_rooms_poi.md",
    "games/two_islands.md",
    "models.md",
    "comparing.md",
    "command_line.md",
  ],
)
def test_no_section_continues_its_heading(name):
  text = re.sub(r"(?ms)^```.*?^```\n|^<!-- .*?-->\n", "", page(name))
  begins = re.findall(r"(?m)^#+ .*\n+(.)", text)
  assert begins
  # A sentence, a list, a table, code, emphasis, a link or a heading.
  assert not [begin for begin in begins if begin.islower()]


def test_the_set_up_commands_are_the_only_ones():
  marks = re.findall(r"(?m)^<!-- (.*?) -->\n```bash$", README)
  assert marks == ["main", "tests"] and README.count("```bash") == 2


def test_pictures_are_there():
  (picture,) = re.findall(r"!\[.*?\]\((.*?)\)", README)
  assert 0 < (ROOT / picture).stat().st_size < 300_000


def test_all_algorithms_and_models_are_listed():
  # Other tests register algorithms of their own.
  packages = ("mftrpo_openspiel.algorithms.", "open_spiel.")
  of_package = [
    name
    for name, entry in registry.ALGORITHMS.items()
    if entry.constructor.__module__.startswith(packages)
  ]
  listed = names(section(README, "Algorithms"))
  assert sorted(listed) == sorted(of_package)
  for text in (README, page("models.md")):
    assert MODELS <= set(names(section(text, "Models(?: and accuracy)?")))


def set_up(monkeypatch):
  """Returns the arguments of setup() in setup.py."""
  arguments = {}
  monkeypatch.setattr(setuptools, "setup", arguments.update)
  monkeypatch.chdir(ROOT)
  runpy.run_path("setup.py")
  return arguments


def test_all_programs_and_extras_are_listed(monkeypatch):
  arguments = set_up(monkeypatch)
  scripts = arguments["entry_points"]["console_scripts"]
  programs = {script.partition(" = ")[0] for script in scripts}
  listed = names(page("command_line.md").partition("\n## ")[0])
  assert set(listed) == programs
  extras = rows(section(page("start.md"), "Installation"))
  listed = [
    name for cells in extras for name in re.findall("`(.*?)`", cells[0])
  ]
  assert sorted(listed) == sorted(arguments["extras_require"])


def value(cell):
  """Returns a default value as a table shows it."""
  text = cell.strip("`").replace("\\|", "|")
  return float(text) if re.fullmatch(r"-?[\d.]+", text) else text


@pytest.mark.parametrize(
  ("name", "defaults"),
  [
    ("four_rooms", four_rooms.DEFAULT_PARAMS),
    ("two_islands", two_islands.DEFAULT_PARAMS),
    (
      "four_rooms_poi",
      {
        name: default
        for name, default in four_rooms_poi.DEFAULT_PARAMS.items()
        if four_rooms.DEFAULT_PARAMS.get(name) != default
      },
    ),
  ],
)
def test_parameters_of_games_and_their_defaults_are_listed(name, defaults):
  table = rows(section(page(f"games/{name}.md"), "Parameters"))
  shown = {cells[0].strip("`"): value(cells[1]) for cells in table}
  assert shown == defaults


def test_settings_are_listed():
  table = rows(section(page("games.md"), "Settings"))
  shown = {cells[0].strip("`"): cells[1].strip("`") for cells in table}
  assert shown == {
    setting: game for setting, (game, _) in game_settings.SETTINGS.items()
  }
  for setting, _, parameters in table:
    for name, text in re.findall(r"`(\w+)=([\d.]+)`", parameters):
      found = game_settings.SETTINGS[setting.strip("`")][1][name]
      assert float(text) == found
