"""Tests of the checks of user input."""

import fractions

import numpy as np
import pytest

from mftrpo_openspiel.utils import validation


@pytest.mark.parametrize(
  "value", [0, 1, 0.5, np.float32(0.5), np.int64(1), fractions.Fraction(1, 2)]
)
def test_real_number(value):
  checked = validation.check_real("rate", value, 0, 1)
  assert type(checked) is float
  assert checked == value


@pytest.mark.parametrize(
  "value",
  [-1e-300, 1.0000001, np.nan, np.inf, -np.inf, 10**400, True, "0.5", None,
   [0.5], np.array(0.5), 1j],
)  # fmt: skip
def test_bad_real_number(value):
  with pytest.raises(
    ValueError, match=r"^rate must be a number in \[0, 1\], got"
  ):
    validation.check_real("rate", value, 0, 1)


@pytest.mark.parametrize(
  ("value", "bounds", "interval"),
  [
    (0, {"low": 0, "low_open": True}, r"\(0, inf\)"),
    (1, {"low": 0, "high": 1, "high_open": True}, r"\[0, 1\)"),
    (3.5, {"high": 3}, r"\(-inf, 3\]"),
    (np.inf, {}, r"\(-inf, inf\)"),
    (-np.inf, {}, r"\(-inf, inf\)"),
    (10**400, {}, r"\(-inf, inf\)"),
  ],
)
def test_interval_of_a_real_number(value, bounds, interval):
  with pytest.raises(ValueError, match=f"rate must be a number in {interval}"):
    validation.check_real("rate", value, **bounds)


def test_bounds_that_are_allowed():
  assert validation.check_real("rate", 1, 0, 1) == 1
  assert validation.check_real("rate", 0, 0, 1, high_open=True) == 0
  assert validation.check_real("rate", -1e308) == -1e308


@pytest.mark.parametrize("value", [1, 3, np.int32(2), np.uint8(3)])
def test_whole_number(value):
  checked = validation.check_int("count", value, 1, 3)
  assert type(checked) is int
  assert checked == value


@pytest.mark.parametrize("value", [0, 4, 1.0, np.nan, True, "2", None])
def test_bad_whole_number(value):
  with pytest.raises(
    ValueError, match=r"^count must be a whole number in \[1, 3\], got"
  ):
    validation.check_int("count", value, 1, 3)
  if value != 4:
    with pytest.raises(
      ValueError, match=r"^count must be a whole number of at least 1, got"
    ):
      validation.check_int("count", value, 1)


def test_choice():
  assert validation.check_choice("kind", "a", {"b": 1, "a": 2}) == "a"
  with pytest.raises(
    ValueError, match=r"^kind must be one of a, b, got 'c'\.$"
  ):
    validation.check_choice("kind", "c", ["b", "a"])


def test_numbers():
  array = validation.check_numbers("weights", [[1, 2], [3, 4]])
  assert array.dtype == np.float64
  assert array.shape == (2, 2)


@pytest.mark.parametrize(
  "value",
  ["abc", [[1, 2], [3]], [1, "a"], {"a": 1}, np.array([["a"] * 20] * 20)],
)
def test_not_numbers(value):
  with pytest.raises(
    ValueError, match=r"^weights must be an array of numbers, got"
  ) as info:
    validation.check_numbers("weights", value)
  assert "\n" not in str(info.value)
  assert len(str(info.value)) < 200


@pytest.mark.parametrize(
  "value",
  [
    np.ones(2, complex),
    [1, 1j],
    np.array(["1", "2"]),
    np.array([b"1"]),
    np.array([1.0, 2.0], dtype=object),
    [fractions.Fraction(1, 2)],
    None,
    np.array(["2020-01-01"], dtype="datetime64[D]"),
  ],
)
def test_values_that_numpy_would_convert_are_refused(value):
  with pytest.raises(
    ValueError, match=r"^weights must be an array of numbers, got .*\.$"
  ) as info:
    validation.check_numbers("weights", value)
  if isinstance(value, np.ndarray):
    assert str(info.value).endswith(f"got a ndarray of {value.dtype}.")


@pytest.mark.parametrize("kind", [">f8", "f4", "f2", "i8", "u1", "?"])
def test_all_real_numbers_are_taken(kind):
  value = np.array([0, 1], dtype=kind)
  array = validation.check_numbers("weights", value)
  assert array.dtype.str == np.dtype(float).str
  np.testing.assert_array_equal(array, [0, 1])


ADVICE = "probabilities in float32 must be normalized again in float64"


def test_advice_on_single_precision():
  law = np.full(7, 1 / 7, np.float32)
  assert abs(law.astype(float).sum() - 1) > validation.SUM_TOLERANCE
  with pytest.raises(ValueError, match=rf"sums to 1\.\d+; {ADVICE}\.$"):
    validation.check_distribution("law", law, 7)
  with pytest.raises(ValueError, match=rf"in state 0; {ADVICE}\.$"):
    validation.check_policy(law[None], np.ones((1, 7), bool))
  # The advice helps.
  exact = law.astype(float) / law.astype(float).sum()
  validation.check_distribution("law", exact, 7)
  validation.check_policy(exact[None], np.ones((1, 7), bool))
  for wrong in ([0.5, 0.6], [1.5, -0.5], [np.nan, 1.0]):
    with pytest.raises(ValueError) as info:
      validation.check_distribution("law", wrong, 2)
    assert "float32" not in str(info.value)
  with pytest.raises(ValueError) as info:
    validation.check_policy([[0.5, 0.5]], np.array([[True, False]]))
  assert "float32" not in str(info.value)


def test_distribution():
  law = validation.check_distribution("law", [0, 0.25, 0.75], 3)
  np.testing.assert_array_equal(law, [0, 0.25, 0.75])
  law = validation.check_distribution("flow", [1.5, 1.5], 2, total=3.0)
  np.testing.assert_array_equal(law, [1.5, 1.5])
  # Rounding errors are tolerated.
  validation.check_distribution("law", np.full(3, 1 / 3 + 1e-12), 3)


@pytest.mark.parametrize(
  ("value", "match"),
  [
    ([0.5, 0.5], r"have shape \(3,\), got \(2,\)"),
    ([[0.5, 0.25, 0.25]], r"have shape \(3,\), got \(1, 3\)"),
    (1.0, r"have shape \(3,\), got \(\)"),
    (None, "be an array of numbers, got None"),
    ("abc", "be an array of numbers"),
    ([0.5, 0.5, np.nan], "be finite, entry 2"),
    ([0.5, np.inf, 0.5], "be finite, entry 1"),
    ([0.75, -0.25, 0.5], "be non-negative, entry 1 is -0.25"),
    ([0.5, 0.25, 0.25 + 1e-6], "sum to 1, it sums to 1.000001"),
    ([0.0, 0.0, 0.0], "sum to 1, it sums to 0"),
  ],
)
def test_bad_distribution(value, match):
  with pytest.raises(ValueError, match=f"^law must {match}") as info:
    validation.check_distribution("law", value, 3)
  assert "\n" not in str(info.value)


MASK = np.array([[True, True, True], [True, False, True]])


def test_policy():
  policy = [[0.25, 0.25, 0.5], [1, 0, 0]]
  np.testing.assert_array_equal(
    validation.check_policy(policy, MASK), np.array(policy)
  )


@pytest.mark.parametrize(
  ("policy", "match"),
  [
    ([[0.5, 0.5], [0.5, 0.5]], r"have shape \(2, 3\), got \(2, 2\)"),
    ([0.5, 0.25, 0.25], r"have shape \(2, 3\), got \(3,\)"),
    ("stay", "be an array of numbers"),
    (np.full((2, 3), "0.5"), "be an array of numbers, got a ndarray of <U3"),
    (np.full((2, 3), 0.5, object), "be an array of numbers, .* of object"),
    (np.full((2, 3), 0.5 + 0j), "be an array of numbers, .* of complex128"),
    ([[0.5, 0.5, np.nan], [1, 0, 0]], r"\[0.5, 0.5, nan\] in state 0"),
    ([[1, 0, 0], [0.5, 0, np.inf]], "in state 1"),
    ([[1.5, -0.5, 0], [1, 0, 0]], r"\[1.5, -0.5, 0.0\] in state 0"),
    ([[1, 0, 0], [0.5, 0, 0.4]], r"\[0.5, 0.0, 0.4\] in state 1"),
    ([[1, 0, 0], [0.5, 0.5, 0]], r"\[0.5, 0.5, 0.0\] in state 1"),
    ([[1, 0, 0], [0.75, np.nan, 0.25]], "in state 1"),
  ],
)
def test_bad_policy(policy, match):
  with pytest.raises(
    ValueError, match=f"^policy must (.*, got .*)?{match}"
  ) as info:
    validation.check_policy(policy, MASK)
  assert "\n" not in str(info.value)


@pytest.mark.parametrize(
  ("place", "value", "shown"),
  [
    ((2, 7), 0.25, "got 0.25 for the illegal action 7 in state 2"),
    ((2, 1), -0.5, "got -0.5 for the action 1 in state 2"),
    ((1, 0), np.nan, "got nan for the action 0 in state 1"),
    ((2, 1), 0.7, "got probabilities with sum 1.2 in state 2"),
  ],
)
def test_a_bad_policy_with_many_actions_is_a_short_line(place, value, shown):
  mask = np.ones((3, 125), dtype=bool)
  mask[:, 2:] = False
  policy = mask / 2
  policy[place] = value
  with pytest.raises(ValueError) as error:
    validation.check_policy(policy, mask)
  assert str(error.value) == (
    "policy must be a probability distribution over the legal actions in every"
    f" state, {shown}."
  )


def test_policies_of_many_states_with_one_action_each():
  mask = np.zeros((1200, 4), dtype=bool)
  mask[:, 1] = True
  mask[::5] = True
  policy = mask / mask.sum(axis=1, keepdims=True)
  np.testing.assert_array_equal(validation.check_policy(policy, mask), policy)
  rounded = policy.copy()
  rounded[1, 1] = 1 - 1e-12
  np.testing.assert_array_equal(validation.check_policy(rounded, mask), rounded)
  for state, action, probability in (
    (1, 1, 0.5),
    (1, 1, np.nan),
    (1, 2, 0.1),
    (5, 1, 0.5),
    (5, 1, -0.5),
    (5, 1, np.nan),
  ):
    wrong = policy.copy()
    wrong[state, action] = probability
    with pytest.raises(ValueError, match=f"in state {state}"):
      validation.check_policy(wrong, mask)
