"""Tests of the report with made-up results."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import report
from mftrpo_openspiel.paper import run_to_rest


@pytest.mark.parametrize(
  ("holds", "expected"),
  [
    ([True, True], "confirmed"),
    ([True, False, True], "confirmed in 2 of 3 cases"),
    ([False], "not confirmed"),
  ],
)
def test_verdicts(holds, expected):
  assert report.verdict([claims.Evidence(h, "") for h in holds]) == expected


def test_a_row_shows_the_last_record_and_a_claim_its_evidence(monkeypatch):
  records = [
    iteration_loop.Record(0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0),
    iteration_loop.Record(100, 0.5, 3.25e-3, 4.5e-6, 0.0, 0.0, 0.0),
  ]
  result = run_to_rest.RunToRest(records, {0: np.ones(1)}, np.ones((1, 2)), 50)
  monkeypatch.setattr(
    claims,
    "CLAIMS",
    {"Claim": lambda _: iter([claims.Evidence(True, "numbers")])},
  )
  lines = report.report(
    {
      experiments.RunName("two_islands", "FP", None): result,
      experiments.RunName("four_rooms", "OMD", 0.3): result,
    }
  ).splitlines()
  assert lines[2].startswith("Stationary model, 100 iterations.")
  table = [line for line in lines if line.startswith("| ")]
  assert table[1:] == [
    "| four_rooms | OMD | 0.3 | 4.5e-06 | 3.2e-03 | 50 | 10.00 |",
    "| two_islands | FP | none | 4.5e-06 | 3.2e-03 | 50 | 10.00 |",
  ]
  assert lines[-3:] == ["### Claim: confirmed", "", "- yes: numbers"]
