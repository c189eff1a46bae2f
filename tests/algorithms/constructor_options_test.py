"""Tests of options that are read from signatures."""

import textwrap
import typing
from typing import Any

import pytest

from mftrpo_openspiel.algorithms import constructor_options


def example(
  model,
  whole: int,
  real: float,
  yes: bool,
  text: str,
  maybe: int | None = 3,
  older: typing.Optional[float] = None,  # noqa: UP045 (users may)
  both: float | str = "auto",
  array: list[float] | None = None,
  start: list[float] | float = 0.5,
  known=0.5,
  unknown=None,
  bare=(),
  anything: Any = None,
  choice: typing.Literal["a", "b"] = "a",
  **others,
):
  del model, whole, real, yes, text, maybe, older, both, array, start, known
  del unknown, bare, anything, choice, others


def kinds():
  return {
    name: constructor_options.kinds(parameter)
    for name, parameter in constructor_options.parameters(example).items()
  }


def test_types_come_from_annotations_or_else_from_defaults():
  nothing = type(None)
  everything = {nothing, bool, int, float, str}
  assert {name: set(found) for name, found in kinds().items()} == {
    "whole": {int},
    "real": {float},
    "yes": {bool},
    "text": {str},
    "maybe": {int, nothing},
    "older": {float, nothing},
    "both": {float, str},
    "array": set(),
    "start": {float},
    "known": {float},
    "unknown": everything,
    "bare": set(),
    "anything": everything,
    "choice": {str},
  }


def test_annotations_that_are_strings_are_read():
  """As with `from __future__ import annotations`."""
  module: dict[str, Any] = {}
  source = """
      from __future__ import annotations
      import typing
      if typing.TYPE_CHECKING:
        import decimal
      def one(model, step: float | None = None): pass
      def other(model: decimal.Decimal, step: float = 1, rest=2): pass
      """
  exec(textwrap.dedent(source), module)
  for name, expected in (("one", {float, type(None)}), ("other", {int})):
    (step, *_) = constructor_options.parameters(module[name]).values()
    assert set(constructor_options.kinds(step)) == expected


@pytest.mark.parametrize(
  ("name", "text", "value"),
  [
    ("whole", "3", 3),
    ("real", "3", 3.0),
    ("real", "1e-3", 0.001),
    ("yes", "true", True),
    ("yes", "False", False),
    ("text", "3", "3"),
    ("maybe", "none", None),
    ("maybe", "None", None),
    ("both", "0.5", 0.5),
    ("both", "auto", "auto"),
    ("unknown", "none", None),
    ("unknown", "true", True),
    ("unknown", "3", 3),
    ("unknown", "3.5", 3.5),
    ("unknown", "fast", "fast"),
  ],
)
def test_strings_are_converted_to_values(name, text, value):
  parsed = constructor_options.parse(name, text, kinds()[name])
  assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
  ("name", "text", "allowed"),
  [
    ("whole", "3.5", "a whole number"),
    ("real", "fast", "a number"),
    ("yes", "1", "true or false"),
    ("maybe", "0.5", "a whole number or none"),
  ],
)
def test_strings_of_other_types_are_refused(name, text, allowed):
  with pytest.raises(ValueError) as error:
    constructor_options.parse(name, text, kinds()[name])
  assert str(error.value) == f"{name} must be {allowed}, got {text!r}."
