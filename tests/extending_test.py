"""What docs/extending.md shows: a game and an algorithm of a user's own."""

import importlib
import inspect
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
from open_spiel.python.mfg.algorithms import fixed_point as openspiel_lib
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.scripts import example_own_algorithm

DOCUMENT = (
  pathlib.Path(__file__).parents[1] / "docs" / "extending.md"
).read_text()
FILES = dict(
  re.findall(
    r"<!-- file: (\w+\.py) -->\n```python\n(.*?)```", DOCUMENT, re.DOTALL
  )
)


def examples(language):
  return re.findall(
    rf"<!-- example -->\n```{language}\n(.*?)```", DOCUMENT, re.DOTALL
  )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder with the modules of the document."""
  path = tmp_path_factory.mktemp("extending")
  for name, text in FILES.items():
    (path / name).write_text(text)
  return path


@pytest.fixture(scope="module")
def modules(folder):
  """The modules of the document."""
  sys.path.insert(0, str(folder))
  yield [importlib.import_module(name.removesuffix(".py")) for name in FILES]
  sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def market(modules):
  return modules[0]


@pytest.fixture(scope="module")
def method(modules):
  return modules[1]


def test_all_blocks_are_run():
  num_examples = len(examples("python")) + len(examples("bash"))
  assert list(FILES) == ["my_market.py", "my_method.py"]
  assert DOCUMENT.count("```") == 2 * (len(FILES) + num_examples)


def test_the_algorithm_is_that_of_the_example_program():
  source = inspect.getsource(example_own_algorithm.SmoothedPolicyIteration)
  assert source in FILES["my_method.py"]


@pytest.mark.slow
def test_the_commands_run_one_after_the_other(folder, tmp_path):
  for name in FILES:
    (tmp_path / name).write_text((folder / name).read_text())
  programs = pathlib.Path(sys.executable).parent
  environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
  commands = "".join(examples("bash"))
  result = subprocess.run(
    ["bash", "-euo", "pipefail", "-c", commands],
    cwd=tmp_path,
    env=environment,
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stdout + result.stderr
  assert "algorithm_options.step is ignored for annealed_mf_trpo" in (
    result.stdout
  )
  for name in ("curves.pdf", "crowd.png", "policy.png", "sweep.pdf"):
    assert (tmp_path / name).stat().st_size > 1000
  # annealed_mf_trpo takes no step; two sizes.
  assert len(list((tmp_path / "sweep").glob("*/solution.npz"))) == 2 * (1 + 2)
  for name, below in (("smoothed", 0.2), ("annealed", 1e-4)):
    records = run_directory.load_run(tmp_path / "runs" / name).records
    assert records[-1].exploitability < below < records[0].exploitability

  _, example = examples("python")
  result = subprocess.run(
    [sys.executable, "-c", example],
    cwd=tmp_path,
    capture_output=True,
    text=True,
  )
  assert result.returncode == 0, result.stderr
  assert 0 < float(result.stdout) < 2


def test_the_drawing_of_a_circle(monkeypatch):
  monkeypatch.setattr(
    game_drawings, "_FUNCTIONS", dict(game_drawings._FUNCTIONS)
  )
  example, _ = examples("python")
  exec(example, {})
  circle = game_drawings._FUNCTIONS["python_mfg_my_circle"]
  game = pyspiel.load_game("mfg_crowd_modelling", {"size": 5})
  ours, known = circle(game), game_drawings.of_game(game)
  assert ours.drawing.num_places == known.drawing.num_places
  np.testing.assert_array_equal(ours.moves.toarray(), known.moves.toarray())
  assert ours.locate("(3, 2)") == known.locate("(3, 2)") == (2, 0, 3)


def test_who_walks_into_a_crowd_may_not_get_through(market):
  mdp = market.MarketGame({"size": 2, "congestion": 0.5}).mean_field_mdp()
  assert mdp.action_names == ("stay", "left", "right", "up", "down")
  kernel = mdp.kernel_at(np.array([0.1, 0.6, 0.3, 0.0])).toarray()
  kernel = kernel.reshape(4, 5, 4)
  for cell in range(4):
    np.testing.assert_array_equal(kernel[cell, 0], np.eye(4)[cell])
  # Cells 0 1 / 2 3: to the right, down, and into the wall.
  np.testing.assert_allclose(kernel[0, 2], [0.3, 0.7, 0, 0])
  np.testing.assert_allclose(kernel[0, 4], [0.15, 0, 0.85, 0])
  np.testing.assert_allclose(kernel[0, 1], [1, 0, 0, 0])
  np.testing.assert_allclose(kernel[3, 3], [0, 0.7, 0, 0.3])


def test_the_market_is_an_openspiel_game(market):
  game = pyspiel.load_game("python_mfg_market(size=2,horizon=3)")
  assert isinstance(game, market.MarketGame)
  assert isinstance(game, mdp_game.MDPGame)
  assert str(pyspiel.load_game(str(game))) == str(game)
  pyspiel.random_sim_test(game, num_sims=2, serialize=True, verbose=False)


@pytest.mark.parametrize(
  "name",
  ["python_mfg_market(size=3,horizon=4)", "python_mfg_two_islands(horizon=3)"],
)
def test_with_whole_steps_it_is_the_fixed_point_iteration(market, method, name):
  game = pyspiel.load_game(name)
  ours = method.SmoothedPolicyIteration(game, step=1.0)
  theirs = openspiel_lib.FixedPoint(game)
  for _ in range(3):
    ours.iteration()
    theirs.iteration()
    values = [
      nash_conv.NashConv(game, solver.get_policy()).nash_conv()
      for solver in (ours, theirs)
    ]
    assert values[0] == pytest.approx(values[1], abs=1e-10)


def test_the_mean_of_responses_is_taken_without_a_step(method, monkeypatch):
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  solver = method.SmoothedPolicyIteration(game)
  responses = [solver.policy]
  greedy = method.tabular_policies.greedy_policy

  def recorded(action_values):
    responses.append(greedy(action_values))
    return responses[-1]

  monkeypatch.setattr(method.tabular_policies, "greedy_policy", recorded)
  for _ in range(4):
    solver.iteration()
    np.testing.assert_allclose(
      solver.policy, np.mean(responses, axis=0), atol=1e-12
    )
