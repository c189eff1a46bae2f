"""Tests of the list of the paper's experiments."""

from mftrpo_openspiel.paper import experiments


def test_every_method_has_both_eta_and_baselines_also_have_none():
  names = list(experiments.create_experiments())
  for setting in experiments.PANELS:
    etas = {}
    for name in names:
      if name.setting == setting:
        etas.setdefault(name.method, set()).add(name.eta)
    assert etas == {
      "MF-TRPO": {0.05, 0.3},
      "MF-TRPO warm": {0.05, 0.3},
      "FP": {None, 0.05, 0.3},
      "FP regularized": {0.05, 0.3},
      "OMD": {None, 0.05, 0.3},
    }
  assert len({name.file_name for name in names}) == len(names) == 38
  assert [name.method == "MF-TRPO" for name in names] == [True] * 6 + [
    False
  ] * 32


def test_file_names():
  name = experiments.RunName("four_rooms", "MF-TRPO warm", 0.3)
  assert name.file_name == "four_rooms_mf_trpo_warm_eta_0.3"
  name = experiments.RunName("two_islands", "FP", None)
  assert name.file_name == "two_islands_fp_plain"


def test_mean_fields_are_stored_for_the_figures():
  kept = experiments.mean_field_iterations
  assert kept("two_islands", 5000) == [0, 100, 5000]
  assert kept("four_rooms", 500) == [0, 30, 500]
  assert kept("four_rooms_high_aversion", 5000) == [0, 5000]
  # Each of these iterations has a record.
  for name, experiment in experiments.create_experiments().items():
    assert set(kept(name.setting, 5000)) <= set(experiment.record_at())
