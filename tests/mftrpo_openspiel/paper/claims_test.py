"""Tests of each claim on made-up results for which it is true or false."""

import dataclasses

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import run_to_rest

ITERATIONS = (0, 10, 1000, 5000)
# phi_eta after these iterations.
OURS = (1.0, 0.5, 1e-6, 1e-9)
THEIRS = (1.0, 0.1, 1e-3, 1e-4)

SUPERIOR, EARLY, CONVERGED, SPARSE, SPREAD, AVERSION, ENTROPY, ATTRACTION = (
  claims.CLAIMS
)
NUM_CASES = dict(zip(claims.CLAIMS, (6, 6, 2, 2, 3, 2, 3, 2)))


def law(size, distance, heavy=(), light=()):
  """A distribution at `distance` from uniform, except for some states."""
  masses = np.full(size, (1 - distance) / size)
  masses[0] += distance
  masses[list(heavy)] *= 3
  masses[list(light)] /= 3
  return masses / masses.sum()


def result(values, laws, entropy=0.5):
  records = [
    iteration_loop.Record(iteration, 1.0, value, value, 0.0, 0.0, entropy)
    for iteration, value in zip(ITERATIONS, values, strict=True)
  ]
  shape = (len(laws[-1]), 2)
  return run_to_rest.RunToRest(
    records, dict(zip((0, 1000, 5000), laws)), np.full(shape, 0.5), 5000
  )


def confirmed():
  """Results that confirm all claims."""
  results = {}
  for name in experiments.create_experiments():
    size = 14 if name.setting == "two_islands" else 104
    details = {
      "heavy": range(98, 104) if name.setting == "four_rooms_poi" else (),
      "light": (6,) if size == 14 else (),
    }
    distances = {"high": 0.1, "low": 0.3}
    word = name.setting.split("_")[-2]
    end = distances.get(word, 0.3 if name.setting == "four_rooms" else 0.1)
    if name.method != claims.MF_TRPO:
      details = {}
    results[name] = result(
      OURS if name.method.startswith("MF-TRPO") else THEIRS,
      [law(size, distance, **details) for distance in (0.9, 0.5, end)],
      0.3 + (name.eta or 0),
    )
  return results


def with_values(results, method, values):
  return {
    name: result(values, list(old.mean_fields.values()))
    if name.method == method
    else old
    for name, old in results.items()
  }


def with_final_law(results, method, change):
  """Changes the last mean field of each run of a method."""
  changed = dict(results)
  for name, old in results.items():
    if name.method == method:
      mean_fields = old.mean_fields | {5000: change(name, old.final_mean_field)}
      changed[name] = dataclasses.replace(old, mean_fields=mean_fields)
  return changed


def crowded(results):
  """The crowd stays in its initial state."""
  return with_final_law(
    results, claims.MF_TRPO, lambda _, old: law(old.size, 0.99)
  )


def swapped_aversion(results):
  """Distances to the uniform distribution increase with the crowd aversion."""

  def change(name, old):
    is_high = name.setting in ("four_rooms_high_aversion", "four_rooms_poi")
    return law(old.size, 0.3 if is_high else 0.1)

  return with_final_law(results, claims.WARM, change)


def without_eta(results):
  """Entropies decrease with eta."""
  return {
    name: result(OURS, list(old.mean_fields.values()), 0.5 - (name.eta or 0))
    for name, old in results.items()
  }


# Claim -> change of the results that makes it false.
CHANGES = {
  SUPERIOR: lambda r: with_values(r, "FP", (1, 0.1, 1e-6, 1e-10)),
  EARLY: lambda r: with_values(r, claims.MF_TRPO, (1, 0.05, 1e-6, 1e-9)),
  CONVERGED: lambda r: with_values(r, claims.MF_TRPO, (1, 0.5, 0.1, 1e-9)),
  SPARSE: lambda r: with_final_law(
    r, claims.MF_TRPO, lambda _, old: law(old.size, 0.1, heavy=(6,))
  ),
  SPREAD: crowded,
  AVERSION: swapped_aversion,
  ENTROPY: without_eta,
  ATTRACTION: lambda r: with_final_law(
    r,
    claims.MF_TRPO,
    lambda name, old: (
      law(old.size, 0.1, light=range(98, 104))
      if name.setting == "four_rooms_poi"
      else old
    ),
  ),
}


def verdicts(results):
  return {
    claim: [case.holds for case in cases]
    for claim, cases in claims.judge(results).items()
  }


def test_all_claims_can_be_confirmed():
  assert verdicts(confirmed()) == {
    claim: [True] * count for claim, count in NUM_CASES.items()
  }


@pytest.mark.parametrize("claim", CHANGES, ids=lambda claim: claim[:40])
def test_each_claim_can_fail(claim):
  found = verdicts(CHANGES[claim](confirmed()))
  assert found[claim] == [False] * NUM_CASES[claim]


def test_two_uniform_mean_fields_are_said_to_be_uniform():
  both = with_final_law(
    confirmed(), claims.WARM, lambda _, old: law(old.size, 1e-14)
  )
  for case in claims.judge(both)[AVERSION]:
    assert not case.holds
    assert case.text.endswith("(both uniform up to rounding)")
  for case in claims.judge(confirmed())[AVERSION]:
    assert "rounding" not in case.text


def test_only_a_better_baseline_refutes_the_claim():
  for distance, holds in ((0.0, True), (0.9e-12, True), (1.1e-12, False)):
    values = (*THEIRS[:-1], OURS[-1] - distance)
    found = verdicts(with_values(confirmed(), "OMD", values))
    assert found[SUPERIOR] == [holds] * NUM_CASES[SUPERIOR]


def test_each_case_has_its_own_verdict():
  results = confirmed()
  name = experiments.RunName("two_islands", claims.MF_TRPO, 0.3)
  slow = result((1, 0.5, 0.1, 1e-9), list(results[name].mean_fields.values()))
  first, second = claims.judge({**results, name: slow})[CONVERGED]
  assert first.holds and not second.holds
  assert "eta 0.3" in second.text and "1.0e-01" in second.text
