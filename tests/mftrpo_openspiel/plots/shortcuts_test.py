"""Tests of figures in one line."""

import numpy as np
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.plots import figures

plots = mftrpo_openspiel.plots
GAME = "python_mfg_two_islands(horizon=4)"


def solvers():
  game = pyspiel.load_game(GAME)
  model = mftrpo_openspiel.StationaryModel(game.mean_field_mdp(), game)
  return [
    mftrpo_openspiel.MFTRPO(model, warm_start=True),
    mftrpo_openspiel.MirrorDescent(model, lr=0.1),
    mftrpo_openspiel.MirrorDescent(model, lr=0.5),
  ]


def experiment(**changes):
  fields = {
    "game_name": GAME,
    "algorithm": "fictitious_play",
    "num_iterations": 20,
    "log_distribution": True,
  }
  return mftrpo_openspiel.Experiment(**{**fields, **changes})


def texts(figure):
  """Returns all texts of a figure."""
  figure.draw_without_rendering()
  return "\n".join(
    text.get_text() for text in figure.findobj(lambda x: hasattr(x, "get_text"))
  )


def test_curves_show_the_measurements():
  solver, *_ = solvers()
  history = solver.run(20)
  for what in (solver, history, [solver], {"label": solver}):
    figure = plots.exploitability(what)
    assert isinstance(figure, figures.Figure)
    (line,) = figure.axes[0].get_lines()
    assert line.get_xdata().tolist() == history.iterations.tolist()
    assert line.get_ydata().tolist() == history.exploitability.tolist()
  (line,) = plots.exploitability(solver, regularized=True).axes[0].get_lines()
  assert line.get_ydata().tolist() == (
    history.regularized_exploitability.tolist()
  )
  (line,) = plots.exploitability(solver, x="seconds").axes[0].get_lines()
  assert line.get_xdata().tolist() == history.seconds.tolist()


def test_curves_of_sampled_models_against_environment_steps():
  exact = solvers()[0]
  few = {"num_trajectories": 20, "num_particles": 50}
  listed = [
    mftrpo_openspiel.MFTRPO(
      mftrpo_openspiel.SampledModel(exact.model, **few, **options)
    )
    for options in ({}, {"seed": 1}, {"estimator": "published"})
  ]
  for solver in listed:
    solver.run(3)
  figure = plots.exploitability(listed[2], x="environment_steps")
  (line,) = figure.axes[0].get_lines()
  history = listed[2].history
  assert line.get_xdata().tolist() == history.environment_steps.tolist()
  assert line.get_ydata().tolist() == history.exploitability.tolist()
  assert "Discounted exploitability" in figure.axes[0].get_ylabel()
  shown = texts(plots.exploitability(listed, x="environment_steps"))
  assert "estimator = published" in shown
  assert "MF-TRPO (2 runs)" in shown
  exact.run(1)
  with pytest.raises(ValueError, match=r"^x must be iterations or seconds for"):
    plots.exploitability(exact, x="environment_steps")
  # Locations are those of the exact model.
  assert plots.mean_field(listed[0]).axes


def test_labels_of_curves_are_their_differences():
  listed = solvers()
  for solver in listed:
    solver.run(5)
  shown = texts(plots.exploitability(listed))
  for label in (
    "MF-TRPO",
    "Mirror Descent, lr = 0.1",
    "Mirror Descent, lr = 0.5",
  ):
    assert label in shown
  shown = texts(plots.exploitability({"one": listed[0], "two": listed[1]}))
  assert "one" in shown
  assert "two" in shown


def test_curves_of_runs_folders_and_openspiel_algorithms(tmp_path):
  path = tmp_path / "run"
  result = mftrpo_openspiel.run_experiment(experiment(model="openspiel"), path)
  solver = mftrpo_openspiel.OpenSpielAlgorithm(
    pyspiel.load_game(GAME), openspiel_omd.MirrorDescent, lr=0.1
  )
  solver.run(5)
  figure = plots.exploitability([solver, result, path, str(path)])
  shown = texts(figure)
  assert "Mirror Descent (OpenSpiel)" in shown
  # The same run three times.
  assert "Fictitious Play" in shown
  assert "3 runs" in shown


def test_a_solver_and_a_run_of_a_setting_share_their_game():
  solver = mftrpo_openspiel.MFTRPO(pyspiel.load_game("python_mfg_two_islands"))
  solver.run(2)
  given = experiment(game_name=None, setting="two_islands", model="compiled")
  result = mftrpo_openspiel.run_experiment(given)
  shown = texts(plots.exploitability([solver, result]))
  assert "python_mfg_two_islands" in shown
  assert "\ntwo_islands" not in shown
  assert "Fictitious Play" in shown.splitlines()


@pytest.mark.parametrize("model", ["stationary", "compiled"])
def test_maps_of_solvers_and_runs(model, tmp_path):
  game = pyspiel.load_game(GAME)
  given = experiment(model=model)
  path = tmp_path / "run"
  result = mftrpo_openspiel.run_experiment(given, path)
  on = (
    mftrpo_openspiel.StationaryModel(game.mean_field_mdp(), game)
    if model == "stationary"
    else game
  )
  solver = mftrpo_openspiel.FictitiousPlay(on)
  solver.run(20)
  assert np.array_equal(solver.mean_field, result.mean_field)
  last = 20 if model == "stationary" else 3
  for what in (solver, result, path):
    for draw in (plots.mean_field, plots.policy):
      figure = draw(what, moments=[last])
      assert isinstance(figure, figures.Figure)
      title = "20 iterations" if model == "stationary" else "t = 3"
      assert title in texts(figure)
  with pytest.raises(ValueError, match=r"moments must be among the .* got 77"):
    plots.mean_field(solver, [77])


def test_differences_and_several_maps_are_named():
  mf_trpo, omd, other = solvers()
  for solver in (mf_trpo, omd, other):
    solver.run(5)
  shown = texts(plots.difference(omd, mf_trpo))
  assert "MF-TRPO\n\N{MINUS SIGN} Mirror Descent" in shown
  shown = texts(plots.mean_field([omd, other]))
  assert "lr = 0.1" in shown
  assert "lr = 0.5" in shown
  # The same solver twice.
  shown = texts(plots.mean_field([omd, omd]))
  assert "Mirror Descent (2)" in shown
  shown = texts(plots.policy({"ours": mf_trpo, "theirs": omd}))
  assert "ours" in shown
  assert "theirs" in shown


@pytest.mark.parametrize(
  ("draw", "message"),
  [
    (lambda solver: plots.exploitability([]), "runs must be at least one, got"),
    (
      lambda solver: plots.exploitability([solver, 3]),
      r"runs\[1\] must be a MeanFieldAlgorithm or RunResult or str or PathLike"
      " or History, got 3",
    ),
    (lambda solver: plots.mean_field(3.5), "runs must be a MeanFieldAlgorithm"),
    (
      lambda solver: plots.exploitability(solver),
      "must have records to draw, it has none",
    ),
    (
      lambda solver: plots.exploitability(solver, x="time"),
      "x must be one of environment_steps, iterations, seconds, got 'time'",
    ),
    (
      lambda solver: plots.exploitability(solver, regularized=True),
      "regularized must be False for runs without a regularized"
      " exploitability, such as Fictitious Play",
    ),
    (lambda solver: plots.policy("nothing"), "path must be a run directory"),
  ],
)
def test_invalid_arguments(draw, message):
  solver = mftrpo_openspiel.FictitiousPlay(pyspiel.load_game(GAME))
  with pytest.raises(ValueError, match=message):
    draw(solver)


def test_only_public_names_are_listed():
  assert dir(plots) == sorted(plots.__all__)
  with pytest.raises(AttributeError, match="has no attribute 'histogram'"):
    plots.histogram  # noqa: B018 (is looked up)
