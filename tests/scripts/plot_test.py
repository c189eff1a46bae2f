"""Tests of mftrpo-plot on small runs."""

import command_line
import numpy as np
from PIL import Image
import pytest

from mftrpo_openspiel.plots import drawn_figures
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import run_curves
from mftrpo_openspiel.plots import run_drawings
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.scripts import plot

SMALL = "four_rooms_poi_5x5"
EXPERIMENTS = {
  "trpo": {"setting": SMALL, "log_distribution": True, "log_policy": True},
  "omd": {"setting": SMALL, "algorithm": "mirror_descent"},
  "compiled": {
    "setting": SMALL,
    "game_parameters": {"horizon": 4},
    "model": "compiled",
  },
  "openspiel": {
    "setting": SMALL,
    "game_parameters": {"horizon": 4},
    "model": "openspiel",
  },
  "islands": {"setting": "two_islands"},
  "crowd": {
    "game_name": "mfg_crowd_modelling",
    "game_parameters": {"size": 4, "horizon": 2},
    "algorithm": "mirror_descent",
  },
  "other_crowd": {
    "game_name": "mfg_crowd_modelling",
    "game_parameters": {"size": 4, "horizon": 2},
    "algorithm": "fictitious_play",
  },
  "prey": {
    "game_name": "python_mfg_predator_prey",
    "game_parameters": {"horizon": 3},
    "algorithm": "mirror_descent",
  },
  "roads": {
    "game_name": "python_mfg_dynamic_routing",
    "setting": "dynamic_routing_line",
    "algorithm": "mirror_descent",
  },
  "undrawn": {
    "game_name": "mfg_garnet",
    "game_parameters": {"horizon": 2},
    "algorithm": "mirror_descent",
  },
  **{
    f"seed_{seed}": {
      "setting": "two_islands",
      "game_parameters": {"seed": seed},
      "algorithm": "mirror_descent",
    }
    for seed in range(3)
  },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder with a run directory for each of EXPERIMENTS."""
  path = tmp_path_factory.mktemp("runs")
  for name, fields in EXPERIMENTS.items():
    experiment.run_experiment(
      experiment.Experiment(**{"num_iterations": 4, **fields}),
      path / name,
    )
  return path


def main(folder, names, *options):
  """Runs the program on some runs."""
  with command_line.given(plot.define_flags, *options):
    plot.main([str(folder / name) for name in names])


def labelled(folder, *names):
  return [
    run_labels.Run(
      name, str(folder / name), run_directory.load_run(folder / name)
    )
    for name in names
  ]


@pytest.mark.parametrize(
  "names, options",
  [
    (["trpo", "omd"], ["--x=seconds", "--x=iterations", "--log_x"]),
    (["crowd"], ["--regularized"]),
    (["trpo", "omd"], ["--kind=mean_field", "--moments=4", "--scale=linear"]),
    (["trpo", "omd"], ["--kind=policy", "--labels=One,Other"]),
    (["trpo"], ["--kind=policy", "--moments=0,2,4"]),
    (["openspiel"], ["--kind=policy", "--moments=0,3"]),
    # All runs of a folder.
    ([""], ["--group_by=algorithm,setting"]),
    (["compiled", "openspiel"], ["--kind=difference", "--moments=2"]),
    (["crowd", "other_crowd"], ["--kind=mean_field"]),
    (["crowd", "other_crowd"], ["--kind=difference"]),
    (["crowd"], ["--kind=policy"]),
    (["prey"], ["--kind=mean_field", "--scale=linear"]),
    (["prey"], ["--kind=policy", "--moments=1"]),
    (["roads"], ["--kind=mean_field"]),
    (["islands"], ["--kind=policy"]),
  ],
)
def test_draws(folder, tmp_path, names, options):
  path = tmp_path / "figure.png"
  main(folder, names, f"--output={path}", *options)
  assert list(tmp_path.iterdir()) == [path]
  with Image.open(path) as picture:
    assert len(set(picture.convert("L").resize((99, 99)).tobytes())) > 20


@pytest.mark.parametrize(
  "name, options, num_frames",
  [
    ("trpo", ["--max_frames=3", "--size=500x321"], 3),
    ("compiled", [], 4),
    ("prey", [], 3),
    ("roads", [], 5),
  ],
)
def test_animates(folder, tmp_path, name, options, num_frames):
  path = tmp_path / "crowd.gif"
  options = [*options, f"--output={path}", "--frames_per_second=1"]
  main(folder, [name], "--kind=animation", *options)
  with Image.open(path) as gif:
    assert gif.n_frames == num_frames
    if "--size=500x321" in options:
      assert gif.size == (500, 321)


def test_seeds_become_median_and_band(folder):
  runs = labelled(folder, "seed_0", "seed_1", "seed_2")
  alike = [run_labels.Run("OMD", run.path, run.result) for run in runs]
  figure = run_curves.figure(alike, regularized=True)
  (axes,) = figure.axes
  (line,) = axes.lines
  np.testing.assert_array_equal(
    line.get_ydata(),
    np.median(
      [
        [record.regularized_exploitability for record in run.result.records]
        for run in runs
      ],
      axis=0,
    ),
  )
  assert line.get_label() == "OMD (3 runs)"
  assert axes.get_ylabel().startswith("Discounted exploitability, regularized")


def test_both_models_of_finite_horizon_have_the_same_moments(folder):
  compiled, openspiel = map(
    run_drawings.drawn_run, labelled(folder, "compiled", "openspiel")
  )
  assert compiled.mean_fields.keys() == set(range(4))
  for t, mean_field in compiled.mean_fields.items():
    np.testing.assert_allclose(
      openspiel.mean_fields[t], mean_field, rtol=0, atol=1e-12
    )
    known = openspiel.policies[t].any(axis=2)
    assert (mean_field[~known] == 0).all()
    np.testing.assert_allclose(
      openspiel.policies[t][known], compiled.policies[t][known], atol=1e-12
    )


def test_difference_is_second_minus_first(folder):
  runs = labelled(folder, "trpo", "omd")
  figure = drawn_figures.difference_figure(run_drawings.drawn_runs(runs))
  axes = figure.axes[0]
  assert axes.get_title() == "omd\n\N{MINUS SIGN} trpo\n4 iterations"
  assert figure.get_suptitle() == SMALL
  first, second = (run.result.solution.mean_field for run in runs)
  np.testing.assert_array_equal(
    axes.images[0].get_array().compressed(), second - first
  )


@pytest.mark.parametrize(
  "names, options, match",
  [
    ([], [], "RUN_DIR must be one or more"),
    (["none"], [], "must be a run directory or .* got .*none"),
    (["undrawn"], ["--kind=mean_field"], r"game must have a drawing.*register"),
    (["undrawn"], ["--kind=policy"], r"game must have a drawing.*register"),
    (
      ["trpo", "islands"],
      ["--kind=policy"],
      r"have the same drawing .* two_isl",
    ),
    (["omd"], ["--kind=animation"], "with --log_distribution"),
    (["trpo", "omd"], ["--kind=animation"], "name 1 run.* kind 'ani.* got 2"),
    (["trpo"], ["--kind=difference"], "must name 2 run.* kind 'diff.* got 1"),
    (["trpo", "islands"], ["--kind=difference"], "have the same drawing"),
    (["trpo", "compiled"], ["--kind=difference"], "over the same horizon"),
    (["compiled"], ["--kind=animation", "--size=9"], "as in 640x480, got '9'"),
    (["compiled"], ["--kind=animation", "--size=9x200"], "width of .* got 9"),
    (["trpo"], ["--kind=policy", "--size=9x9"], "--size is not an option of"),
    (
      ["trpo"],
      ["--kind=mean_field", "--moments=9"],
      "moments must .* from 0 to 4, got 9; the nearest is 4",
    ),
    (["trpo"], ["--kind=policy", "--moments=a"], "whole numbers, got 'a'"),
    (["trpo"], ["--kind=policy", "--log_x"], "--log_x is not an option of"),
    (["trpo"], ["--labels=a,b"], "labels must be one per run, 1 .*, got 2"),
    (["trpo"], ["--labels=a", "--group_by=seed"], "must not both be given"),
    (["trpo"], ["--output=a.gif"], "path must end in one of pdf, png, svg"),
    (["trpo"], ["--output=no/a.pdf"], "path must lie in a writable folder"),
  ],
)
def test_refuses(folder, tmp_path, monkeypatch, names, options, match):
  monkeypatch.chdir(tmp_path)
  monkeypatch.delitem(game_drawings._FUNCTIONS, "mfg_garnet")
  with pytest.raises(ValueError, match=match) as error:
    main(folder, names, *options)
  assert "\n" not in str(error.value)
  assert not list(tmp_path.iterdir())


def test_as_a_program(program, folder, tmp_path):
  path = tmp_path / "curves.svg"
  result = program("plot", str(folder / "trpo"), f"--output={path}")
  assert result.stderr == ""
  assert str(path) in result.stdout
  assert path.read_text().startswith("<?xml")
