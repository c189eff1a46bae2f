import pytest

from mftrpo_openspiel.paper import companion
from mftrpo_openspiel.paper import companion_study


@pytest.fixture(autouse=True)
def small(monkeypatch):
  monkeypatch.setattr(companion_study, "NUM_TRAJECTORIES", 20_000)
  monkeypatch.setattr(companion_study, "NUM_POLICY_UPDATES", (1,))
  monkeypatch.setattr(companion_study, "MAX_ROLLOUT_STEPS", (1, 30))
  monkeypatch.setattr(companion_study, "SEEDS", (0,))


def test_samples_are_worse_than_the_exact_run_and_short_returns_are_biased():
  rows = list(companion_study.table("open_grid_poi_5x5"))
  assert [(row["eta"], row["T"]) for row in rows] == [
    (eta, length) for eta in companion.NUM_SEEDS for length in (1, 30)
  ]
  for row in rows:
    assert row["phi_eta"] > row["exact"] > 0
    # Each trajectory is led to its state, and plays at most T steps from there.
    assert row["steps"] <= 20_000 * (row["T"] + 30)
  # The floor of L = 1, by exact action values alone: far above 0.
  assert rows[0]["exact"] == rows[1]["exact"] == pytest.approx(0.1, abs=0.05)
  # Where noise matters less, it is the bias that is seen.
  assert rows[2]["phi_eta"] > 1.5 * rows[3]["phi_eta"]


def test_the_table_in_markdown_has_a_line_for_each_row():
  lines = companion_study.markdown("open_grid_poi_5x5").splitlines()
  assert len(lines) == 2 + 4
  assert {line.count("|") for line in lines} == {7}
