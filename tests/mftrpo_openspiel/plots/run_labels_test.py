"""Tests of run_labels."""

import pytest

from mftrpo_openspiel.plots import run_labels


def config(algorithm="mf_trpo", model="stationary", options=(), **changes):
  experiment = {
    "game_name": None,
    "setting": "four_rooms",
    "game_parameters": {},
    "model": model,
    "model_options": {},
    "algorithm": algorithm,
    "options": dict(options),
    "num_iterations": 10,
    "regularization": 0.05,
  }
  return {"experiment": {**experiment, **changes}, "model": model}


@pytest.mark.parametrize(
  "configs, expected",
  [
    ([config()], ["MF-TRPO"]),
    # Labels contain neither seeds nor options of recording.
    (
      [
        config(game_parameters={"seed": 1}),
        config(game_parameters={"seed": 2}, num_iterations=20),
      ],
      ["MF-TRPO", "MF-TRPO"],
    ),
    (
      [
        config(
          model="sampled",
          game_parameters={"seed": seed},
          model_options={"seed": seed, "estimator": estimator},
        )
        for seed in (1, 2)
        for estimator in ("published", "baseline")
      ],
      ["estimator = published", "estimator = baseline"] * 2,
    ),
    # An option of a model does not distinguish it from another model.
    (
      [config(), config(model="sampled", model_options={"num_particles": 9})],
      ["stationary", "sampled"],
    ),
    # An option of an algorithm does not distinguish it from another one.
    (
      [config(options={"warm_start": True}), config("fictitious_play")],
      ["MF-TRPO", "Fictitious Play"],
    ),
    (
      [
        config(options={"warm_start": True}),
        config(),
        config("mirror_descent"),
      ],
      ["MF-TRPO, warm_start = True", "MF-TRPO", "Mirror Descent"],
    ),
    (
      [
        config("mirror_descent", options={"regularization": eta})
        for eta in (0.05, 0.3)
      ],
      ["regularization = 0.05", "regularization = 0.3"],
    ),
    # If eta is not given, the algorithm has its default, or only phi_eta has
    # one.
    (
      [
        config(),
        config(options={"regularization": 0.1}, regularization=0.1),
        config("mirror_descent"),
        config("annealed_mf_trpo"),
      ],
      [
        "MF-TRPO, regularization = 0.05",
        "MF-TRPO, regularization = 0.1",
        "Mirror Descent",
        "MF-TRPO (annealed)",
      ],
    ),
    (
      [config("mirror_descent", regularization=eta) for eta in (0.05, 0.3)],
      [f"evaluation_regularization = {eta}" for eta in (0.05, 0.3)],
    ),
    (
      [
        config(game_parameters={"crowd_aversion": 0.4}),
        config(),
        config(model="compiled"),
      ],
      ["stationary, crowd_aversion = 0.4", "stationary", "compiled"],
    ),
  ],
)
def test_labels_contain_the_differences_of_runs(configs, expected):
  assert run_labels.labels(configs) == expected


def test_group_by():
  configs = [
    config(game_parameters={"seed": seed}, options={"regularization": eta})
    for seed in (1, 2)
    for eta in (0.05, 0.3)
  ]
  assert run_labels.labels(configs, ["seed"]) == [
    "seed = 1",
    "seed = 1",
    "seed = 2",
    "seed = 2",
  ]
  assert (
    run_labels.labels(configs, ["algorithm", "regularization"])
    == [
      "MF-TRPO, regularization = 0.05",
      "MF-TRPO, regularization = 0.3",
    ]
    * 2
  )
  with pytest.raises(ValueError, match=r"group_by must be .*seed.* got 'sed'"):
    run_labels.labels(configs, ["sed"])


def test_the_order_of_fields_does_not_depend_on_the_order_of_runs():
  one = config(options={"num_policy_updates": 1, "max_step_count": 10})
  other = config(options={"max_step_count": 20, "num_policy_updates": 2})
  expected = [
    f"max_step_count = {10 * k}, num_policy_updates = {k}" for k in (1, 2)
  ]
  assert run_labels.labels([one, other]) == expected
  assert run_labels.labels([other, one]) == expected[::-1]


@pytest.mark.parametrize(
  "configs, expected",
  [
    ([config()], "four_rooms, MF-TRPO"),
    (
      [
        config(model="sampled", model_options={"seed": seed, "estimator": "x"})
        for seed in (1, 2)
      ],
      "four_rooms, sampled, MF-TRPO, estimator = x",
    ),
    # Without the regularization of phi_eta for algorithms without eta.
    (
      [config("fictitious_play"), config("mirror_descent")],
      "four_rooms",
    ),
    (
      [
        config(options={"regularization": 0.3, "warm_start": warm})
        for warm in (True, False)
      ],
      "four_rooms, MF-TRPO, regularization = 0.3",
    ),
    (
      [
        config(game_parameters={"crowd_aversion": 0.4, "seed": seed})
        for seed in (1, 2)
      ],
      "four_rooms, MF-TRPO, crowd_aversion = 0.4",
    ),
    (
      [config(), config(setting="two_islands")],
      "MF-TRPO",
    ),
  ],
)
def test_titles_contain_the_common_fields_of_runs(configs, expected):
  assert run_labels.shared(configs) == expected


def sweep(algorithms, etas):
  return [
    config(algorithm, options={"regularization": eta})
    for algorithm in algorithms
    for eta in etas
  ]


def test_each_label_has_a_color_if_there_are_enough():
  configs = sweep(("mf_trpo", "mirror_descent", "fictitious_play"), (1, 2, 3))
  looks = run_labels.looks(configs)
  assert looks == [(label, "") for label in run_labels.labels(configs)]


def test_otherwise_colors_show_one_field_and_line_styles_the_others():
  configs = sweep(
    ("mf_trpo", "mirror_descent", "fictitious_play"), (1, 2, 3, 4)
  )
  looks = run_labels.looks(configs)
  assert looks == [
    (algorithm, f"regularization = {eta}")
    for algorithm in ("mf_trpo", "mirror_descent", "fictitious_play")
    for eta in (1, 2, 3, 4)
  ]
  # Colours show the field with more values.
  configs = sweep(("mf_trpo", "mirror_descent"), range(1, 9))
  assert run_labels.looks(configs)[:2] == [
    (str(eta), "algorithm = mf_trpo") for eta in (1, 2)
  ]


def test_labels_are_groups_if_there_are_too_many_values():
  configs = sweep(("mf_trpo", "mirror_descent"), range(1, 30))
  looks = run_labels.looks(configs)
  assert looks == [(label, "") for label in run_labels.labels(configs)]
