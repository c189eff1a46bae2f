"""Tests of the companion experiment: its runs and its verdicts."""

import dataclasses

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.paper import companion


def record(iteration, phi_eta, phi, steps):
  return iteration_loop.Record(
    iteration=iteration,
    seconds=0.0,
    exploitability=phi,
    regularized_exploitability=phi_eta,
    mean_field_change=0.0,
    policy_change=0.0,
    entropy=1.0,
    environment_steps=steps,
  )


def made_up_results(finals):
  """Returns results whose runs end at the given phi_eta, by eta and budget."""
  results = {}
  for eta, by_budget in finals.items():
    for budget, values in by_budget.items():
      for seed, value in enumerate(values):
        steps = None if budget is None else 10 * budget
        results[companion.RunName(eta, budget, seed)] = [
          record(0, 9.0, 9.0, steps and 0),
          record(1, 7.0, 8.0, steps),
          record(2, value, value + 1, steps and 2 * steps),
        ]
  return results


# Medians divided by floors: 4.5 / 2 and 3.0 / 2; 1.9 / 1 and 2.5 / 1.
FINALS = {
  0.05: {None: [2.0], 100: [9.0, 2.0, 4.5], 1000: [100.0, 3.0, 0.1]},
  0.3: {None: [1.0], 100: [1.9], 1000: [2.5]},
}


def test_verdicts_are_by_the_median_over_the_floor():
  verdicts = companion.judge(made_up_results(FINALS))
  found = [(v.eta, v.num_trajectories, v.ratio, v.holds) for v in verdicts]
  assert found == [
    (0.05, 100, 2.25, False),
    (0.05, 1000, 1.5, True),
    (0.3, 100, 1.9, True),
    (0.3, 1000, 2.5, False),
  ]
  assert verdicts[1].num_steps == 20_000
  assert verdicts[1].unregularized == 4.0


def test_the_report_judges_the_largest_budget():
  text = companion.report(made_up_results(FINALS), "open_grid_poi_5x5")
  *_, low, high = text.strip().splitlines()
  assert low == (
    "- eta 0.05: the median of phi_eta is 1.50 times the floor of the exact"
    " run, within the factor 2."
  )
  assert high == (
    "- eta 0.3: the median of phi_eta is 2.50 times the floor of the exact run,"
    " not within the factor 2."
  )
  assert (
    "| 0.05 | 1 | 8 | 1,000 | 2.0e+04 | 3 | 0.1 | 100 | 4 | 2 | 1.50 |" in text
  )


def test_the_figure_has_a_band_over_seeds_beside_the_exact_run():
  figure = companion.figure(made_up_results(FINALS), "four_rooms_poi_5x5")
  assert len(figure.axes) == 4
  axes = figure.axes[0]
  lines = {line.get_label(): line for line in axes.lines}
  last = {name: line.get_ydata()[-1] for name, line in lines.items()}
  assert sorted(last.values()) == [2.0, 3.0, 4.5]
  assert lines["exact"].get_xdata().tolist() == [10_000, 20_000]
  # The full range of 3 seeds; two budgets in `FINALS` have 3 seeds.
  bands = [band.get_paths()[0].vertices[:, 1] for band in axes.collections]
  assert sorted((band.min(), band.max()) for band in bands) == [
    (0.1, 100.0),
    (2.0, 9.0),
  ]


@pytest.mark.parametrize("setting", companion.SETTINGS)
def test_runs_are_those_of_the_paper(setting):
  experiments = companion.create_experiments(setting, [1000, 20_000])
  seeds = {}
  for name, experiment in experiments.items():
    assert experiment.regularization == name.eta
    assert experiment.options["regularization"] == name.eta
    assert experiment.setting == setting
    seeds.setdefault((name.eta, name.num_trajectories), []).append(name.seed)
    if name.num_trajectories is None:
      assert experiment.model == "stationary"
      assert not experiment.model_options
    else:
      options = experiment.model_options
      assert options["seed"] == name.seed
      updates = experiment.options["num_policy_updates"]
      assert options["num_trajectories"] * updates == name.num_trajectories
  assert {key: len(values) for key, values in seeds.items()} == {
    (0.05, 1000): 10,
    (0.05, 20_000): 10,
    (0.05, None): 1,
    (0.3, 1000): 3,
    (0.3, 20_000): 3,
    (0.3, None): 1,
  }
  assert len({name.folder for name in experiments}) == len(experiments)


def test_sampled_and_exact_runs_differ_in_the_model_only():
  """Both start from the uniform distribution."""
  experiments = companion.create_experiments("open_grid_poi_5x5", [1000])
  exact = experiments[companion.RunName(0.3, None, 0)]
  sampled = experiments[companion.RunName(0.3, 1000, 2)]
  changed = dataclasses.replace(
    sampled, model=exact.model, model_options=exact.model_options
  )
  assert changed == exact
  game = exact.create_game()
  model = from_game.create_model("stationary", game)
  np.testing.assert_allclose(model.initial_mean_field(), 1 / 25)
