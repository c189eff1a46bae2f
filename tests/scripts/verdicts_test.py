"""Tests of the statements of programs at the end of a run."""

import dataclasses

import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.scripts import verdicts


def records_of(*values):
  """Returns records of iterations and their phi_0 and phi_eta."""
  return [
    iteration_loop.Record(iteration, 0.0, plain, regularized, 0.0, 0.0, 0.0)
    for iteration, plain, regularized in values
  ]


# Neither falls after the middle.
STALLED = records_of(
  (0, 3.0, 2.0), (10, 1.5, 1.0), (90, 4.0, 3.0), (100, 2.0, 3.0)
)
# On a sampled model.
SAMPLED = [
  dataclasses.replace(record, environment_steps=7 * record.iteration)
  for record in STALLED
]
# With a fixed eta phi_0 ends at a bias.
BIASED = records_of((0, 3.0, 2.0), (10, 1.5, 1.0), (100, 1.5, 0.9))


@pytest.mark.parametrize(
  ("records", "stalled", "said"),
  [
    (
      STALLED,
      True,
      "Exploitability did not fall in the last half of the run: it was 1.5 at"
      " iteration 10, and is 2 at the end.",
    ),
    # In the middle.
    (
      records_of((0, 3.0, 2.0), (50, 1.5, 1.0), (100, 1.5, 1.0)),
      True,
      "Exploitability did not fall in the last half of the run: it was 1.5 at"
      " iteration 50, and is 1.5 at the end.",
    ),
    (
      records_of(
        (0, 3.0, 2.0), (10, 1.5, 1.0), (90, 1.4, 3.0), (100, 1.2, 3.0)
      ),
      False,
      "phi_0 still fell in the last half of the run: from 1.5 at iteration 10"
      " to 1.2. More iterations may reduce it further.",
    ),
    # It fell, and rose again.
    (
      records_of(
        (0, 3.0, 2.0), (10, 1.5, 1.0), (90, 1.2, 3.0), (100, 1.7, 3.0)
      ),
      False,
      "phi_0 still fell in the last half of the run: from 1.5 at iteration 10"
      " to 1.2 at iteration 90, and is 1.7 at the end. More iterations may"
      " reduce it further.",
    ),
    (
      BIASED,
      False,
      "phi_0 did not fall in the last half of the run (it was 1.5 at iteration"
      " 10, and is 1.5 at the end), but phi_0.05 did (0.9).",
    ),
    # It has reached rounding errors, or was there from the beginning.
    (
      records_of((0, 3.0, 2.0), (10, 1.5, 1e-12), (100, 1.5, 2e-12)),
      False,
      "phi_0 did not fall in the last half of the run (it was 1.5 at iteration"
      " 10, and is 1.5 at the end), but phi_0.05 has reached the level of"
      " rounding errors (2e-12).",
    ),
    (
      records_of((0, 0.0, 2.0), (10, 0.0, 2.0)),
      False,
      "phi_0 has reached the level of rounding errors, 0.",
    ),
    # Nothing to compare.
    (records_of((0, 3.0, 2.0)), False, None),
  ],
)
def test_a_run_says_whether_exploitability_fell(records, stalled, said):
  experiment = experiment_lib.Experiment(
    setting="two_islands", algorithm="mirror_descent"
  )
  assert verdicts.is_stalled(records) == stalled
  verdict = verdicts.verdict(experiment, records)
  assert (verdict and verdict.splitlines()[0]) == said


def test_a_run_says_that_it_stopped():
  experiment = experiment_lib.Experiment(
    setting="two_islands", stop_below=1.51, num_iterations=1000
  )
  assert verdicts.verdict(experiment, BIASED) == (
    "Stopped after iteration 100: phi_0 is 1.5, less than 1.51."
  )


@pytest.mark.parametrize(
  ("algorithm", "options", "records", "advice"),
  [
    ("mf_trpo", {}, STALLED, "--warm_start removes the floor"),
    (
      "mf_trpo",
      {"warm_start": True},
      STALLED,
      "Try a --population_update_rate below 0.01, or auto",
    ),
    (
      "mf_trpo",
      {"warm_start": True, "population_update_rate": "auto"},
      STALLED,
      "--algorithm=annealed_mf_trpo",
    ),
    ("mf_trpo", {}, BIASED, "is the bias of --regularization=0.05."),
    (
      "mirror_descent",
      {"regularization": 0.3},
      BIASED,
      "is the bias of --regularization=0.3.",
    ),
    ("annealed_mf_trpo", {}, STALLED, "Try --algorithm=mf_trpo --warm_start"),
    ("mirror_descent", {}, STALLED, "Try a --learning_rate below 0.01, or"),
    (
      "openspiel_mirror_descent",
      {"lr": 0.5},
      STALLED,
      "Try a --learning_rate below 0.5, or",
    ),
    ("fictitious_play", {}, STALLED, "about as 1 / iterations"),
    ("fictitious_play", {"lr": 0.1}, STALLED, "Omit --learning_rate"),
    ("fictitious_play", {"temperature": 0.1}, STALLED, "a lower --temperature"),
    ("line_search_fictitious_play", {}, STALLED, "about as 1 / iterations"),
    ("proximal_point", {}, STALLED, "Try a --learning_rate below 0.1 if"),
    ("fixed_point", {}, STALLED, "Best responses seldom converge"),
    (
      "fixed_point",
      {"regularization": 0.1},
      STALLED,
      "Try a higher --regularization if",
    ),
    ("prior_descent", {}, STALLED, "Try a higher --temperature if"),
    ("boltzmann_policy_iteration", {}, STALLED, "--algorithm=mirror_descent"),
  ],
)
def test_a_stalled_run_gives_advice(algorithm, options, records, advice):
  experiment = experiment_lib.Experiment(
    setting="two_islands", algorithm=algorithm, options=options
  )
  said = verdicts.verdict(experiment, records)
  assert advice in said.splitlines()[1]


def sampled(**changes):
  return experiment_lib.Experiment(
    setting="two_islands",
    model="sampled",
    algorithm="mf_trpo",
    num_iterations=100,
    **changes,
  )


def test_it_says_that_a_budget_is_spent():
  stalled = (
    "Exploitability did not fall in the last half of the run: it was 1.5 at"
    " iteration 10, and is 2 at the end.\n"
    "The rest may be sampling noise; larger --num_trajectories and"
    " --num_particles reduce it.\n"
    "As printed in the paper, MF-TRPO starts from the uniform policy in each"
    " iteration, so its exploitability cannot fall below a floor. --warm_start"
    " removes the floor, and more --num_policy_updates lower it."
  )
  assert verdicts.verdict(sampled(), SAMPLED) == stalled
  for budget in (699, 700):
    assert verdicts.verdict(sampled(max_environment_steps=budget), SAMPLED) == (
      "Stopped after iteration 100: 700 environment steps have been simulated,"
      f" of a budget of {budget}.\n{stalled}"
    )
  unspent = sampled(max_environment_steps=701)
  assert verdicts.verdict(unspent, SAMPLED) == stalled
  # Below the first record nothing can be compared.
  spent = sampled(max_environment_steps=1)
  (first,) = records_of((3, 1.0, 1.0))
  first = dataclasses.replace(first, environment_steps=5)
  assert verdicts.verdict(spent, [first]) == (
    "Stopped after iteration 3: 5 environment steps have been simulated, of a"
    " budget of 1."
  )
