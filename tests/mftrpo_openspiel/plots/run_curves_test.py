"""Tests of run_curves, and of loading the runs to draw."""

import numpy as np
import pytest

from mftrpo_openspiel.plots import run_curves
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment
from mftrpo_openspiel.runs import run_directory

ISLANDS = {
  "setting": "two_islands",
  "algorithm": "mf_trpo",
  "num_iterations": 2,
}
EXPERIMENTS = {
  "trpo": ISLANDS,
  "trpo_high": {
    **ISLANDS,
    "options": {"regularization": 0.3},
    "regularization": 0.3,
  },
  "omd": {**ISLANDS, "algorithm": "mirror_descent"},
  "compiled": {
    **ISLANDS,
    "model": "compiled",
    "game_parameters": {"horizon": 2},
  },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder with a run directory for each of EXPERIMENTS, and a file."""
  path = tmp_path_factory.mktemp("sweep")
  for name, fields in EXPERIMENTS.items():
    experiment.run_experiment(experiment.Experiment(**fields), path / name)
  (path / "results.csv").write_text("")
  (path / "empty").mkdir()
  return path


def figure(folder, *names, **options):
  paths = [str(folder / name) for name in names]
  return run_curves.figure(run_labels.load_runs(paths), **options)


@pytest.mark.parametrize(
  "names, regularized, title, ylabel",
  [
    (
      ["trpo", "omd"],
      False,
      "two_islands",
      r"Discounted exploitability ($\phi_0$)",
    ),
    (
      ["trpo"],
      True,
      "two_islands, MF-TRPO",
      "Discounted exploitability, regularized\n"
      r"($\phi_\eta$, $\eta$ = 0.05)",
    ),
    (
      ["trpo", "trpo_high"],
      True,
      "two_islands, MF-TRPO",
      "Discounted exploitability, regularized\n"
      r"($\phi_\eta$, $\eta$ of each curve)",
    ),
    (
      ["compiled"],
      False,
      "two_islands, MF-TRPO, horizon = 2",
      r"NashConv ($\phi_0$)",
    ),
    (
      ["trpo", "compiled"],
      False,
      "two_islands, MF-TRPO",
      r"Exploitability ($\phi_0$)",
    ),
  ],
)
def test_titles_and_labels_name_the_game_and_the_exploitability(
  folder, names, regularized, title, ylabel
):
  drawn = figure(folder, *names, regularized=regularized)
  assert drawn.get_suptitle() == title
  assert drawn.axes[0].get_ylabel() == ylabel


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
  """A folder with runs on samples of three seeds, and an exact one."""
  path = tmp_path_factory.mktemp("sampled")
  for seed in range(3):
    experiment.run_experiment(
      experiment.Experiment(
        **ISLANDS,
        model="sampled",
        model_options={
          "seed": seed,
          "num_trajectories": 30,
          "num_particles": 50,
        },
      ),
      path / f"seed={seed}",
    )
  experiment.run_experiment(experiment.Experiment(**ISLANDS), path / "exact")
  return path


def test_curves_against_environment_steps_have_a_band_over_seeds(sampled):
  names = [f"seed={seed}" for seed in range(3)]
  drawn = figure(sampled, *names, xs=["environment_steps"], spread="quartiles")
  (axes,) = drawn.axes
  assert axes.get_xlabel() == "Environment steps"
  (line,) = axes.get_lines()
  assert line.get_label() == "MF-TRPO (3 runs)"
  results = [run_directory.load_run(sampled / name) for name in names]
  steps = [result.columns["environment_steps"] for result in results]
  # Runs with different seeds have different numbers of steps per record.
  assert len({tuple(x) for x in steps}) == 3
  common = np.unique(np.concatenate(steps))
  common = common[common <= min(x[-1] for x in steps)]
  assert line.get_xdata().tolist() == common.tolist()
  values = np.exp(
    [
      np.interp(common, x, np.log(result.columns["exploitability"]))
      for x, result in zip(steps, results)
    ]
  )
  np.testing.assert_allclose(line.get_ydata(), np.median(values, axis=0))
  (band,) = axes.collections
  edges = band.get_paths()[0].vertices
  low, high = np.quantile(values, [0.25, 0.75], axis=0)
  for x, y in ((common[1], low[1]), (common[1], high[1])):
    assert np.isclose(edges, [x, y]).all(axis=1).any()


def test_an_exact_run_has_no_environment_steps(sampled):
  with pytest.raises(ValueError) as error:
    figure(sampled, "seed=0", "exact", xs=["environment_steps"])
  assert str(error.value) == (
    f"x must be iterations or seconds for {sampled / 'exact'}, whose model,"
    " stationary, has no environment steps."
  )
  # In one figure they have different labels, and the same exploitability.
  drawn = figure(sampled, "seed=0", "exact")
  assert [line.get_label() for line in drawn.axes[0].get_lines()] == [
    "sampled",
    "stationary",
  ]
  assert drawn.axes[0].get_ylabel() == r"Discounted exploitability ($\phi_0$)"


def test_a_folder_stands_for_all_its_runs(folder):
  runs = run_labels.load_runs([str(folder)])
  assert [run.path for run in runs] == [
    str(folder / name) for name in sorted(EXPERIMENTS)
  ]
  assert len({run.label for run in runs}) == len(EXPERIMENTS)
  one = str(folder / "omd")
  assert [run.path for run in run_labels.load_runs([one, str(folder)])] == [
    one,
    *(run.path for run in runs),
  ]


def test_given_names(folder):
  paths = [str(folder / "omd"), str(folder / "trpo")]
  runs = run_labels.load_runs(paths, ["a", "b"])
  assert [run.label for run in runs] == ["a", "b"]


@pytest.mark.parametrize(
  "names, options, match",
  [
    (["empty"], {}, "RUN_DIR must be a run .*, such as that of a .*empty.$"),
    (["none"], {}, "RUN_DIR must be a run directory or .*none.$"),
    (["results.csv"], {}, "RUN_DIR must be a run directory or .*csv.$"),
    ([""], {"names": ["a"]}, "labels must be one per run, 4 .*, got 1."),
    (["omd"], {"names": ["a"], "group_by": ["model"]}, "must not both be giv"),
  ],
)
def test_invalid_arguments(folder, names, options, match):
  with pytest.raises(ValueError, match=match) as error:
    run_labels.load_runs([str(folder / name) for name in names], **options)
  assert "\n" not in str(error.value)
