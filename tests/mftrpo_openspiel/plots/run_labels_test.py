"""Tests of run_labels."""

import pytest

from mftrpo_openspiel.plots import run_labels


def config(algorithm="mf_trpo", model="stationary", options=(), **changes):
  experiment = {
    "game_name": None,
    "setting": "four_rooms",
    "game_parameters": {},
    "model": None,
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
    # Seeds and how a run was recorded make no difference.
    (
      [
        config(game_parameters={"seed": 1}),
        config(game_parameters={"seed": 2}, num_iterations=20),
      ],
      ["MF-TRPO", "MF-TRPO"],
    ),
    # An option of one algorithm tells nothing of another.
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
def test_what_tells_runs_apart(configs, expected):
  assert run_labels.labels(configs) == expected


def test_group_by():
  configs = [
    config(game_parameters={"seed": seed}, regularization=eta)
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
