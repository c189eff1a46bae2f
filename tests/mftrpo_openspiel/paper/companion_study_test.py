import pytest

from mftrpo_openspiel.paper import companion
from mftrpo_openspiel.paper import companion_study


@pytest.fixture(autouse=True)
def small(monkeypatch):
  monkeypatch.setattr(companion_study, "NUM_TRAJECTORIES", 20_000)
  monkeypatch.setattr(companion_study, "NUM_POLICY_UPDATES", (1,))
  monkeypatch.setattr(companion_study, "MAX_ROLLOUT_STEPS", (1, 30))
  monkeypatch.setattr(companion_study, "SEEDS", (0,))


def test_samples_add_noise_and_short_returns_add_bias():
  rows = list(companion_study.table("open_grid_poi_5x5"))
  assert [(row["eta"], row["T"]) for row in rows] == [
    (eta, length) for eta in companion.NUM_SEEDS for length in (1, 30)
  ]
  for row in rows:
    assert row["phi_eta"] > row["exact"] > 0
    # A trajectory first reaches its state, and then has at most T steps.
    assert row["steps"] <= 20_000 * (row["T"] + 30)
  # The floor of L = 1 with exact action values is far above 0.
  assert rows[0]["exact"] == rows[1]["exact"] == pytest.approx(0.1, abs=0.05)
  # With the higher eta noise matters less, and the bias dominates.
  assert rows[2]["phi_eta"] > 1.5 * rows[3]["phi_eta"]


def test_the_table_in_markdown_has_a_line_for_each_row():
  lines = companion_study.markdown("open_grid_poi_5x5").splitlines()
  assert len(lines) == 2 + 4
  assert {line.count("|") for line in lines} == {7}
