"""OpenSpiel's own example programs and tests, with our algorithms and games.

Each program is read from the installed OpenSpiel and run twice: unchanged, and
with the line that imports the algorithm changed, as by `sed`. Both must print
the same.
"""

import contextlib
import io
import pathlib
import re
import sys
import types
import unittest
from unittest import mock

from absl import flags
from absl.testing import flagsaver
import numpy as np
import open_spiel
from open_spiel.python import policy
from open_spiel.python.mfg.algorithms import nash_conv
from open_spiel.python.mfg.games import factory
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401 (Registers our games.)

NUM_ITERATIONS = 3
MFG = pathlib.Path(open_spiel.__file__).parent / "python/mfg"
# Small games as settings, because the programs have no flag for parameters.
SMALL = {
  "small_crowd": {"size": 6, "horizon": 4},
  "small_grid": {
    "size": 4,
    "horizon": 4,
    "only_distribution_reward": True,
    "initial_distribution": "[0|0;1|2]",
    "initial_distribution_value": "[0.7;0.3]",
  },
  "small_garnet": {"size": 5, "horizon": 4},
  "small_prey": {"horizon": 3},
  "small_islands": {"horizon": 5},
  "small_rooms": {"horizon": 4},
}
# Decision nodes share children in the first three.
GAMES = {
  "small_crowd": "python_mfg_crowd_modelling",
  "small_grid": "mfg_crowd_modelling_2d",
  "small_prey": "python_mfg_predator_prey",
  "small_garnet": "mfg_garnet",
  "small_islands": "python_mfg_two_islands",
  "small_rooms": "python_mfg_four_rooms_poi",
}
SHARING_CHILDREN = ("small_crowd", "small_grid", "small_prey")


class Writer:
  """Replaces a writer of summaries, which needs TensorFlow.

  Attributes:
    values: The numbers that were logged.
  """

  def __init__(self):
    self.values = []

  def write_hparams(self, hparams):
    assert list(hparams) == ["learning_rate"]

  def write_scalars(self, step, scalars):
    assert step == len(self.values)
    self.values.append(scalars["exploitability"])

  def flush(self):
    pass


@pytest.fixture
def run_example(monkeypatch):
  """Runs an example with changes to its source, and returns its numbers."""
  for setting, parameters in SMALL.items():
    monkeypatch.setitem(factory.GAME_SETTINGS, setting, parameters)

  def run(name, changes=(), **arguments):
    source = (MFG / f"examples/{name}.py").read_text(encoding="utf-8")
    for old, new in changes:
      assert len(re.findall(f"{old}$", source, re.MULTILINE)) == 1
      source = re.sub(f"{old}$", new, source, flags=re.MULTILINE)
    writer = Writer()
    metrics = types.ModuleType("metrics")
    metrics.create_default_writer = lambda logdir, just_logging: writer
    monkeypatch.setitem(sys.modules, "open_spiel.python.utils.metrics", metrics)
    module = {"__name__": name}
    given = [f"--{flag}={value}" for flag, value in arguments.items()]
    printed = io.StringIO()
    with flagsaver.flagsaver(), contextlib.redirect_stdout(printed):
      exec(compile(source, name, "exec"), module)
      flags.FLAGS([name, *given])
      module["main"]([name])
    numbers = re.findall(
      r": *(-?[0-9.e+-]+)$|policy (-?[0-9.e+-]+)$",
      printed.getvalue(),
      re.MULTILINE,
    )
    return np.array(writer.values + [float(a or b) for a, b in numbers])

  return run


def ours(module):
  """The line that `sed` changes."""
  return (
    f"from open_spiel.python.mfg.algorithms import {module}",
    f"from mftrpo_openspiel.algorithms import {module}",
  )


# OpenSpiel's class, without the table that changes while it is read.
FROZEN = (
  "from open_spiel.python.mfg.algorithms import mirror_descent",
  "from mftrpo_openspiel.algorithms import openspiel_algorithm as frozen\n"
  "import types\n"
  "mirror_descent = types.SimpleNamespace("
  "MirrorDescent=frozen.FrozenTableMirrorDescent)",
)


def assert_equal(one, other):
  assert one.size
  np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("setting", GAMES)
def test_fictitious_play(run_example, setting):
  arguments = {
    "game_name": GAMES[setting],
    "setting": setting,
    "num_iterations": NUM_ITERATIONS,
  }
  if setting in ("small_crowd", "small_islands"):
    arguments["learning_rate"] = 0.4
  name = "mfg_fictitious_play"
  theirs = run_example(name, **arguments)
  assert len(set(theirs)) == NUM_ITERATIONS
  changes = [ours("fictitious_play")]
  assert_equal(run_example(name, changes, **arguments), theirs)


def test_fictitious_play_on_the_default_game(run_example):
  """The default game is symmetric: best actions are not unique, softmax is."""
  soft = (
    r"fictitious_play.FictitiousPlay\(game\)",
    "fictitious_play.FictitiousPlay(game, temperature=0.1)",
  )
  name = "mfg_fictitious_play"
  theirs = run_example(name, [soft], num_iterations=1)
  changes = [soft, ours("fictitious_play")]
  assert_equal(run_example(name, changes, num_iterations=1), theirs)


@pytest.mark.parametrize("setting", GAMES)
def test_mirror_descent(run_example, setting):
  arguments = {
    "game_name": GAMES[setting],
    "setting": setting,
    "num_iterations": NUM_ITERATIONS,
    "learning_rate": 0.2,
  }
  name = "mfg_mirror_descent"
  theirs = run_example(name, **arguments)
  mine = run_example(name, [ours("mirror_descent")], **arguments)
  assert_equal(mine, run_example(name, [FROZEN], **arguments))
  is_textbook = setting not in SHARING_CHILDREN
  assert np.allclose(mine, theirs, rtol=1e-9) == is_textbook


def test_linear_quadratic(run_example):
  shorter = (r"  for j in range\(1000\):", "  for j in range(2):")
  arguments = {"size": 5, "horizon": 3}
  name = "linear_quadratic_example"
  both = [ours("fictitious_play"), ours("mirror_descent")]
  mine = run_example(name, [shorter, *both], **arguments)
  # Three of the uniform and theoretical policy, and four of each iteration.
  assert len(mine) == 11
  expected = run_example(name, [shorter, FROZEN], **arguments)
  assert_equal(mine, expected)
  fp_only = run_example(name, [shorter, both[0]], **arguments)
  theirs = run_example(name, [shorter], **arguments)
  assert_equal(fp_only, theirs)


def test_psro_runs_on_our_games(run_example):
  """It has its own algorithms. No player can gain by deviating from it."""
  shorter = (
    r"GAME_SETTINGS = \{",
    'GAME_SETTINGS = {"python_mfg_two_islands": {"horizon": 2},',
  )
  numbers = run_example(
    "mfg_psro",
    [shorter],
    game_name="python_mfg_two_islands",
    n_iter=2,
    regret_steps_per_step=4,
    value_estimator="exact",
  )
  regrets, cce_gaps, ce_gaps, welfares = numbers.reshape(2, 4).T
  game = pyspiel.load_game("python_mfg_two_islands(horizon=2)")
  uniform = nash_conv.NashConv(game, policy.UniformRandomPolicy(game))
  for gaps in (regrets, cce_gaps):
    assert (gaps > 0).all()
    assert (gaps < uniform.nash_conv()).all()
  assert (ce_gaps == 0).all()  # Not computed.
  assert np.isfinite(welfares).all()


@pytest.mark.parametrize("setting", [None, "two_islands_imbalanced"])
def test_our_games_by_name(run_example, setting):
  arguments = {"game_name": "python_mfg_two_islands", "num_iterations": 1}
  if setting:
    arguments["setting"] = setting
  name = "mfg_fictitious_play"
  theirs = run_example(name, **arguments)
  assert_equal(
    run_example(name, [ours("fictitious_play")], **arguments), theirs
  )


@pytest.mark.parametrize(
  ("module", "num_tests"),
  [
    ("boltzmann_policy_iteration", 2),
    ("fictitious_play", 5),
    ("fixed_point", 4),
    ("munchausen_mirror_descent", 2),
  ],
)
def test_openspiels_own_tests(module, num_tests, monkeypatch):
  """Except for those of networks, and of a class that we do not have."""
  for name in ("jax", "open_spiel.python.jax"):
    monkeypatch.setitem(sys.modules, name, mock.MagicMock())
  file = MFG / f"algorithms/{module}_test.py"
  source, count = re.subn(*ours(module), file.read_text(encoding="utf-8"))
  assert count == 1
  namespace = {"__name__": module}
  exec(compile(source, file.name, "exec"), namespace)
  (case,) = (
    value
    for value in namespace.values()
    if isinstance(value, type) and issubclass(value, unittest.TestCase)
  )
  names = [
    name
    for name in unittest.TestLoader().getTestCaseNames(case)
    if not name.startswith(("test_dqn", "test_average"))
  ]
  assert len(names) == num_tests
  result = unittest.TestResult()
  unittest.TestSuite(map(case, names)).run(result)
  assert result.testsRun == num_tests
  assert not result.failures + result.errors
