"""Tests of the output of --help."""

import re

from absl import flags
import pytest

from mftrpo_openspiel.scripts import help_text

LONG = [f"a_very_long_name_of_an_algorithm_{i}" for i in range(9)]


@pytest.fixture
def defined():
  """Flags of every kind that programs use."""
  values = flags.FlagValues()
  flags.DEFINE_integer("count", 1000, "A number.", flag_values=values)
  flags.DEFINE_float("rate", 0.1, "A rate.", flag_values=values)
  flags.DEFINE_float("eta", None, "Not given.", flag_values=values)
  flags.DEFINE_bool("resume", False, "Resumes.", flag_values=values)
  flags.DEFINE_bool("shown", True, "Shows it.", flag_values=values)
  flags.DEFINE_list("names", ["a", "b"], "Some.", flag_values=values)
  flags.DEFINE_multi_string("grid", [], "An axis.", flag_values=values)
  flags.DEFINE_enum("kind", LONG[3], LONG, "Which.", flag_values=values)
  flags.DEFINE_string(
    "setting", None, f"Which:\n  game: {', '.join(LONG)}", flag_values=values
  )
  return values


@pytest.fixture
def shown(defined):
  return help_text.help_text(
    "What it is.\n\n    a command\n", [defined[name] for name in defined]
  )


def entry(shown, name):
  (found,) = re.findall(
    rf"^  --(?:\[no\])?{name}\b.*\n((?:      .*\n)+)", shown, re.MULTILINE
  )
  return [line.strip() for line in found.splitlines()]


def test_every_line_fits_a_terminal_and_no_word_is_broken(shown):
  assert max(map(len, shown.splitlines())) <= 80
  for name in LONG:
    # Among the choices, and in the text of --setting; one is a default too.
    assert len(re.findall(rf"\b{name}\b", shown)) == 2 + (name == LONG[3])


def test_flags_are_in_order_after_the_description(shown):
  assert shown.startswith("What it is.\n\n    a command\n\nFlags:\n\n")
  names = re.findall(r"^  --(?:\[no\])?(\w+)", shown, re.MULTILINE)
  assert names == sorted(names)
  assert len(names) == 9


@pytest.mark.parametrize(
  ("name", "usage", "lines"),
  [
    ("count", "--count=INTEGER", ["A number.", "Default: 1000."]),
    ("rate", "--rate=NUMBER", ["A rate.", "Default: 0.1."]),
    ("eta", "--eta=NUMBER", ["Not given."]),
    ("resume", "--resume", ["Resumes."]),
    ("shown", "--[no]shown", ["Shows it.", "Default: true."]),
    ("names", "--names=A,B,...", ["Some.", "Default: a,b."]),
    ("grid", "--grid=TEXT (may be given several times)", ["An axis."]),
  ],
)
def test_a_flag_is_shown_as_a_user_types_it(shown, name, usage, lines):
  assert f"\n  {usage}\n" in shown
  assert entry(shown, name) == lines


def test_choices_are_listed_once(shown):
  lines = entry(shown, "kind")
  assert " ".join(lines) == (
    f"Which. One of: {', '.join(LONG)}. Default: {LONG[3]}."
  )
  assert "<" not in shown
