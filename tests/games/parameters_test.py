"""Tests of the parameters of games: defaults, types and texts."""

import numpy as np
import pytest

from mftrpo_openspiel.games import parameters

DEFAULTS = {"size": 3, "rate": 0.5, "text": "a", "flag": False}


@pytest.mark.parametrize("given", [None, {}])
def test_defaults(given):
  merged = parameters.with_defaults(given, DEFAULTS)
  assert merged == DEFAULTS
  assert merged is not DEFAULTS


def test_given_parameters_override_defaults():
  merged = parameters.with_defaults({"rate": 0.25, "flag": True}, DEFAULTS)
  assert merged == {"size": 3, "rate": 0.25, "text": "a", "flag": True}
  assert DEFAULTS["rate"] == 0.5


@pytest.mark.parametrize(
  ("name", "value", "wanted"),
  [
    ("size", 3.0, "int"),
    ("size", True, "int"),
    ("size", "3", "int"),
    ("size", None, "int"),
    ("rate", 1, "float"),
    ("rate", "0.5", "float"),
    ("rate", np.float32(0.5), "float"),
    ("text", 1, "str"),
    ("flag", 1, "bool"),
  ],
)
def test_wrong_type(name, value, wanted):
  with pytest.raises(
    ValueError, match=f"^{name} must be of type {wanted}, got"
  ):
    parameters.with_defaults({name: value}, DEFAULTS)


def test_unknown_name():
  with pytest.raises(
    ValueError,
    match="game parameter must be one of flag, rate, size, text, got 'length'",
  ):
    parameters.with_defaults({"length": 3}, DEFAULTS)


@pytest.mark.parametrize(
  ("text", "expected"),
  [
    ("0|1", "[0|1]"),
    ("[0|1]", "[0|1]"),
    (" [0|1]\n", "[0|1]"),
    ("..\n.#", "[..|.#]"),
    ("[..\n  .#]", "[..|.#]"),
    ("", "[]"),
  ],
)
def test_bracketed(text, expected):
  assert parameters.bracketed(text) == expected
  assert parameters.bracketed(expected) == expected


def state_index(text):
  return int(text.strip("[]"))


@pytest.mark.parametrize(
  ("text", "law"),
  [
    ("uniform", [0.25, 0.25, 0.25, 0.25]),
    ("2", [0, 0, 1, 0]),
    ("[3]", [0, 0, 0, 1]),
    ("[0.5;0.25;0;0.25]", [0.5, 0.25, 0, 0.25]),
    ("1e0;0;0;0", [1, 0, 0, 0]),
  ],
)
def test_initial_distribution(text, law):
  np.testing.assert_array_equal(
    parameters.initial_distribution(text, 4, state_index), law
  )


@pytest.mark.parametrize(
  ("text", "match"),
  [
    ("0.5;0.5", r"shape \(4,\), got \(2,\)"),
    ("0.2;0.2;0.2;0.2;0.2", r"shape \(4,\), got \(5,\)"),
    ("0.5;0.5;0.5;0", "must sum to 1, it sums to 1.5"),
    ("0;0;0;0", "must sum to 1, it sums to 0"),
    ("1.5;-0.5;0;0", "non-negative, entry 1 is -0.5"),
    ("nan;1;0;0", "finite, entry 0"),
    ("inf;0;0;0", "finite, entry 0"),
    ("a;b;c;d", "'uniform', one state, or numbers"),
    ("0.5;;0.5;0", "'uniform', one state, or numbers"),
  ],
)
def test_bad_initial_distribution(text, match):
  with pytest.raises(ValueError, match=match) as info:
    parameters.initial_distribution(text, 4, state_index)
  assert str(info.value).startswith("initial_distribution must ")
  assert "\n" not in str(info.value)
