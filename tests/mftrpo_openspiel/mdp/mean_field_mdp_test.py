"""Tests of mean-field MDPs and of the checks of their parts."""

import pickle
import re

import numpy as np
import pytest
from scipy import sparse

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib

# Three states and two actions.
KERNEL = np.array(
  [
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]],
    [[0.25, 0.25, 0.5], [1.0, 0.0, 0.0]],
    [[0.0, 1.0, 0.0], [0.125, 0.75, 0.125]],
  ]
)
BASE = np.array([[1.0, -1.0], [0.5, 0.25], [0.0, 2.0]])


def make(**fields):
  return mdp_lib.MeanFieldMDP(
    **{
      "kernel": KERNEL,
      "reward": mdp_lib.CrowdAversion(BASE, 0.5),
      "discount": 0.9,
      "initial_distribution": [0.5, 0.0, 0.5],
      **fields,
    }
  )


def test_fields():
  mdp = make()
  assert (mdp.num_states, mdp.num_actions) == (3, 2)
  assert mdp.discount == 0.9
  assert mdp.action_names == ("0", "1")
  assert mdp.drawing is None
  assert mdp.has_fixed_kernel
  np.testing.assert_array_equal(mdp.initial_distribution, [0.5, 0, 0.5])


@pytest.mark.parametrize(
  "kernel",
  [
    KERNEL,
    KERNEL.tolist(),
    KERNEL.reshape(6, 3),
    sparse.csr_array(KERNEL.reshape(6, 3)),
    sparse.csr_matrix(KERNEL.reshape(6, 3)),
    sparse.coo_array(KERNEL.reshape(6, 3)),
    sparse.csc_array(KERNEL.reshape(6, 3)),
  ],
)
def test_forms_of_the_kernel(kernel):
  mdp = make(kernel=kernel)
  assert isinstance(mdp.kernel, sparse.csr_array)
  assert mdp.kernel.nnz == 11
  assert mdp.kernel.has_canonical_format
  np.testing.assert_array_equal(mdp.kernel.toarray(), KERNEL.reshape(6, 3))
  assert mdp.kernel_at(np.array([1.0, 0.0, 0.0])) is mdp.kernel


def test_entries_of_a_sparse_kernel_add_up():
  rows, columns = [0, 0, 0, 1], [1, 0, 1, 0]
  kernel = sparse.coo_array(([0.25, 0.5, 0.25, 1.0], (rows, columns)), (2, 2))
  mdp = make(
    kernel=kernel,
    reward=lambda mu: np.zeros((2, 1)),
    initial_distribution=[1, 0],
  )
  np.testing.assert_array_equal(mdp.kernel.toarray(), [[0.5, 0.5], [1, 0]])
  assert mdp.kernel.nnz == 3


def test_arguments_are_copied():
  kernel = sparse.csr_array(KERNEL.reshape(6, 3))
  initial = np.array([0.5, 0.0, 0.5])
  mdp = make(kernel=kernel, initial_distribution=initial)
  kernel.data[:] = 7.0
  initial[:] = 7.0
  np.testing.assert_array_equal(mdp.kernel.toarray(), KERNEL.reshape(6, 3))
  np.testing.assert_array_equal(mdp.initial_distribution, [0.5, 0, 0.5])


def test_fields_are_frozen():
  mdp = make()
  with pytest.raises(AttributeError):
    mdp.discount = 0.5
  with pytest.raises(ValueError, match="read-only"):
    mdp.initial_distribution[0] = 1.0


def test_kernel_that_depends_on_the_mean_field():
  other = np.roll(KERNEL, 1, axis=2)
  mdp = make(kernel=lambda mu: (1 - mu[0]) * KERNEL + mu[0] * other)
  assert not mdp.has_fixed_kernel
  kernel = mdp.kernel_at(np.array([0.25, 0.75, 0.0]))
  assert isinstance(kernel, sparse.csr_array)
  np.testing.assert_allclose(
    kernel.toarray(), (0.75 * KERNEL + 0.25 * other).reshape(6, 3)
  )


def test_moving_kernel_is_checked_each_time():
  mdp = make(kernel=lambda mu: KERNEL * (1 + mu[1]))
  with pytest.raises(ValueError, match=r"state 0 and action 0 sums to 1\.5"):
    mdp.kernel_at(np.array([0.5, 0.5, 0.0]))
  with pytest.raises(ValueError, match="kernel must have shape"):
    make(kernel=lambda mu: KERNEL[0])


def test_crowd_aversion():
  reward = mdp_lib.CrowdAversion(BASE, 0.5)(np.array([1.0, 0.5, 0.0]))
  # -0.5 log 0.5 = 0.3465..., and an empty state has density 1e-25.
  expected = BASE + np.array([0.0, 0.3465735903, 28.7823136624])[:, None]
  np.testing.assert_allclose(reward, expected, rtol=1e-10, atol=1e-15)


def test_reward_is_checked_each_time():
  mdp = make(reward=lambda mu: BASE / (1 - mu[1]))
  with (
    np.errstate(divide="ignore", invalid="ignore"),
    pytest.raises(
      ValueError, match="reward must be finite, it is inf in state 0 for action"
    ),
  ):
    mdp.reward_at(np.array([0.0, 1.0, 0.0]))


@pytest.mark.parametrize(
  "later", [BASE[0], BASE[:, :1], BASE[:2], BASE.T, 1.0, BASE[..., None]]
)
def test_rewards_keep_their_shape(later):
  mdp = make(reward=lambda mu: BASE if mu[0] else later)
  shape = np.shape(later)
  with pytest.raises(
    ValueError,
    match=r"^reward must return shape \(3, 2\) for every mean field, as for"
    rf" initial_distribution, got {re.escape(str(shape))}\.$",
  ):
    mdp.reward_at(np.array([0.0, 1.0, 0.0]))


@pytest.mark.parametrize(
  ("later", "match"),
  [
    (KERNEL[0], r"must have shape \(6, 3\), .*, got \(2, 3\)"),
    (KERNEL[:, :1], r"must have shape \(6, 3\), .*, got \(3, 1, 3\)"),
    (KERNEL * np.nan, "must .* the row of state 0 and action 0 sums to nan"),
    (KERNEL + 0j, "must be an array of numbers, got a ndarray of complex128"),
    (KERNEL.astype(str), "must be an array of numbers, got a ndarray of <U"),
    (None, "must be an array of numbers, got None"),
  ],
)
def test_a_moving_kernel_stays_a_kernel(later, match):
  mdp = make(kernel=lambda mu: KERNEL if mu[0] else later)
  with pytest.raises(ValueError, match=f"^kernel {match}") as info:
    mdp.kernel_at(np.array([0.0, 1.0, 0.0]))
  assert "\n" not in str(info.value)


def test_pickle():
  mdp = pickle.loads(pickle.dumps(make(action_names=("stay", "go"))))
  np.testing.assert_array_equal(mdp.kernel.toarray(), KERNEL.reshape(6, 3))
  np.testing.assert_array_equal(mdp.reward_at(np.ones(3)), BASE)
  assert mdp.action_names == ("stay", "go")


def changed(index, value):
  kernel = KERNEL.copy()
  kernel[index] = value
  return kernel


@pytest.mark.parametrize(
  ("name", "value", "match"),
  [
    ("discount", 1.0, r"number in \[0, 1\), got 1.0"),
    ("discount", -0.1, r"number in \[0, 1\), got -0.1"),
    ("discount", np.nan, r"number in \[0, 1\), got nan"),
    ("discount", "0.9", r"number in \[0, 1\), got '0.9'"),
    ("initial_distribution", [], r"list of numbers.*shape \(0,\)"),
    ("initial_distribution", [[0.5, 0.5]], r"list of numbers.*shape \(1, 2\)"),
    ("initial_distribution", 1.0, r"list of numbers.*shape \(\)"),
    ("initial_distribution", [0.5, 0.5, 0.5], "sum to 1, it sums to 1.5"),
    ("initial_distribution", [1.5, -0.5, 0.0], "entry 1 is -0.5"),
    ("initial_distribution", [np.nan, 0.5, 0.5], "finite, entry 0"),
    ("initial_distribution", "uniform", "array of numbers, got 'uniform'"),
    ("initial_distribution", [[1], [0, 0]], "array of numbers"),
    ("reward", BASE, "be a function of the mean field"),
    ("reward", None, "be a function of the mean field, got NoneType"),
    ("reward", lambda mu: BASE[:2], r"shape \(3, number .* got \(2, 2\)"),
    ("reward", lambda mu: BASE[0], r"shape \(3, number .* got \(2,\)"),
    ("reward", lambda mu: BASE[:, :0], r"shape \(3, number .* got \(3, 0\)"),
    ("reward", lambda mu: None, "array of numbers, got None"),
    ("reward", lambda mu: BASE + 0j, "array of numbers, .* of complex128"),
    ("reward", lambda mu: BASE.astype(str), "array of numbers, .* of <U"),
    ("reward", lambda mu: BASE.astype(object), "numbers, .* of object"),
    ("reward", lambda mu: "much", "array of numbers, got 'much'"),
    ("reward", lambda mu: BASE * np.nan, "finite, it is nan in state 0"),
    ("kernel", None, "array of numbers, got None"),
    ("kernel", KERNEL + 0j, "array of numbers, .* of complex128"),
    (
      "kernel",
      sparse.csr_array(KERNEL.reshape(6, 3) + 0j),
      "array of numbers, got a csr_array of complex128",
    ),
    ("kernel", lambda mu: KERNEL + 0j, "array of numbers, .* of complex128"),
    (
      "kernel",
      np.full((3, 2, 3), 1 / 3, np.float32),
      r"1\.0000000\d+ .*; probabilities in float32 must be normalized again",
    ),
    ("kernel", "abc", "array of numbers, got 'abc'"),
    ("kernel", KERNEL[:2], r"shape \(6, 3\).*, got \(2, 2, 3\)"),
    # The action is the first axis.
    ("kernel", KERNEL.swapaxes(0, 1), r"got \(2, 3, 3\)"),
    ("kernel", KERNEL.reshape(3, 6), r"have 3 columns.*, got shape \(3, 6\)"),
    ("kernel", KERNEL.ravel(), r"have 3 columns.*, got shape \(18,\)"),
    ("kernel", KERNEL[None], r"got \(1, 3, 2, 3\)"),
    (
      "kernel",
      sparse.csr_array((3, 6)),
      r"have 3 columns.*, got shape \(3, 6\)",
    ),
    ("kernel", sparse.csr_array((6, 3)), "state 0 and action 0 sums to 0"),
    ("kernel", changed((1, 0, 0), 0.5), "state 1 and action 0 sums to 1.25"),
    ("kernel", changed((2, 1, 1), np.nan), "state 2 and action 1 sums to nan"),
    ("kernel", changed((0, 1), [0.5, -0.5, 1]), "state 0 and action 1 .* -0.5"),
    ("kernel", changed((2, 0), [2, 0, -1]), "state 2 and action 0 .* entry -1"),
    ("action_names", ("stay",), r"have 2 entries, got \('stay',\)"),
    ("action_names", ("a", "b", "c"), "have 2 entries"),
  ],
)
def test_bad_field(name, value, match):
  with pytest.raises(ValueError, match=f"^{name} must .*{match}") as info:
    make(**{name: value})
  assert "\n" not in str(info.value)


def test_initial_distribution_and_kernel_of_different_sizes():
  with pytest.raises(
    ValueError,
    match=r"^kernel must have 2 columns, one for each entry of"
    r" initial_distribution, got shape \(3, 2, 3\)\.$",
  ):
    make(initial_distribution=[0.5, 0.5])


def test_rounding_of_the_kernel_is_allowed_for():
  make(kernel=KERNEL * (1 + 1e-12))
  with pytest.raises(ValueError, match=r"sums to 1\.0000001"):
    make(kernel=KERNEL * (1 + 1e-7))
