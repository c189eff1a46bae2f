"""Tests of mftrpo-benchmark: its figures against independent ones."""

import csv

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import mirror_descent
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.benchmarks import growth_table
from mftrpo_openspiel.benchmarks import head_to_head
from mftrpo_openspiel.benchmarks import markdown_tables as document_lib
from mftrpo_openspiel.benchmarks import time_to_accuracy
from mftrpo_openspiel.models import compiled_game

LIMITS = (3, 60.0)


def compiled(name):
  return compiled_game.CompiledGame(game_names.load(name))


def reached_by(algorithm, game, num_iterations=3):
  for _ in range(num_iterations):
    algorithm.iteration()
  return nash_conv.NashConv(game, algorithm.get_policy()).nash_conv()


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
@pytest.mark.parametrize(
  "name",
  [
    "mfg_garnet",
    # Its map is symmetric, so that best responses tie.
    "mfg_crowd_modelling_2d(size=4,horizon=5,only_distribution_reward=true,"
    "initial_distribution=[0|0],initial_distribution_value=[1.0])",
    "python_mfg_two_islands(horizon=5)",
  ],
)
def test_rows_agree_with_openspiel(name):
  model = compiled(name)
  rows = [
    comparison.compare_nash_conv(model),
    comparison.compare_fictitious_play(model, *LIMITS),
    comparison.compare_mirror_descent(model, *LIMITS, lr=0.1),
  ]
  for row in rows:
    assert row["difference"] < 1e-9
    assert row["ratio"] == row["OpenSpiel, s"] / row["ours, s"]
  assert [row["count"] for row in rows] == [4, 3, 3]
  for row, rival in zip(
    rows[1:],
    [
      fictitious_play.FictitiousPlay(model.game),
      mirror_descent.MirrorDescent(model.game, lr=0.1),
    ],
  ):
    assert row["OpenSpiel reached"] == reached_by(rival, model.game)


def test_a_difference_is_detected():
  """A model of another game must not be reported as equal."""
  model = compiled("python_mfg_two_islands(horizon=3)")
  model.game = pyspiel.load_game("python_mfg_two_islands(horizon=3,seed=1)")
  assert comparison.compare_nash_conv(model)["difference"] > 1e-3


def test_mf_trpo_reaches_the_equilibrium():
  model = compiled("python_mfg_two_islands(horizon=5)")
  algorithm = mf_trpo.MFTRPO(
    model, regularization=0.3, population_update_rate=0.3, warm_start=True
  )
  row = comparison.run_alone("MF-TRPO", algorithm, 60.0)
  assert 0 <= row["phi_eta"] < comparison.EQUILIBRIUM
  # The bias of eta, which phi_eta does not have.
  assert row["ours reached"] > 1e-3


def test_head_to_head_is_measured_by_openspiel(tmp_path, monkeypatch):
  monkeypatch.setattr(
    game_names, "HEAD_TO_HEAD", ["python_mfg_two_islands(horizon=3)"]
  )
  monkeypatch.setattr(head_to_head, "MAX_ITERATIONS", 3)
  rows = list(head_to_head.table(60.0, str(tmp_path)))
  assert [row["method"] for row in rows] == list(head_to_head.METHODS)
  game = pyspiel.load_game("python_mfg_two_islands(horizon=3)")
  values = {row["method"]: row["NashConv"] for row in rows}
  assert values["FP (OpenSpiel)"] == reached_by(
    fictitious_play.FictitiousPlay(game), game
  )
  # In this package's games OpenSpiel's OMD is the same as the textbook's.
  assert values["OMD (textbook)"] == pytest.approx(
    values["OMD (OpenSpiel, shipped)"], rel=1e-9
  )
  for row in rows:
    assert row["iterations"] == 3
    assert row["difference"] < 1e-9
  assert {path.name for path in tmp_path.iterdir()} == {
    "head_to_head_iterations.png",
    "head_to_head_seconds.png",
  }


def test_growth_counts_the_transitions(monkeypatch):
  monkeypatch.setattr(growth_table, "ROOM_SIZES", (1, 2))
  rows = list(growth_table.table())
  assert [row["cells"] for row in rows] == [8, 20]
  for row, room_size in zip(rows, (1, 2)):
    game = pyspiel.load_game("python_mfg_four_rooms", {"room_size": room_size})
    nonzero = np.count_nonzero(game.mean_field_mdp().kernel.toarray())
    assert row["transitions"] == nonzero * growth_table.HORIZON
  assert rows[0]["slope so far"] is None
  ratio = rows[1]["iteration, s"] / rows[0]["iteration, s"]
  assert rows[1]["slope so far"] == pytest.approx(
    np.log(ratio) / np.log(20 / 8)
  )


def test_games_may_have_parameters_and_settings():
  assert game_names.parse("mfg_garnet(size=5,horizon=3), two_islands") == [
    "mfg_garnet(size=5,horizon=3)",
    "two_islands",
  ]
  assert game_names.parse("all") == game_names.ALL
  game = game_names.load("python_mfg_predator_prey:predator_prey_5x5x4")
  assert game.num_players() == 4
  with pytest.raises(ValueError, match="games must be"):
    game_names.parse("mfg_garnet,,two_islands")


@pytest.mark.slow
def test_the_program_prints_and_writes_the_same(program, tmp_path):
  document = tmp_path / "document.md"
  document.write_text(
    "".join(
      f"<!-- begin {name} -->\n<!-- end {name} -->\n"
      for name in ("lint", "comparison")
    )
  )
  result = program(
    "benchmark",
    "--games=mfg_garnet,python_mfg_dynamic_routing:dynamic_routing_line",
    "--tables=comparison,lint",
    "--models=compiled,openspiel",
    "--algorithms=mirror_descent,mf_trpo",
    "--num_iterations=2",
    "--seconds=0.2",
    f"--logdir={tmp_path}",
    f"--document={document}",
  )
  blocks = document_lib.blocks(document.read_text())
  with (tmp_path / "comparison.csv").open() as file:
    rows = list(csv.DictReader(file))
  with (tmp_path / "lint.csv").open() as file:
    verdicts = {row["game"]: row for row in csv.DictReader(file)}
  assert len(rows) == 2 * 2 * 4
  for row in rows:
    if row["difference"]:
      assert float(row["difference"]) < 1e-9
  for row in rows:
    line = next(
      line
      for line in result.stdout.splitlines()
      if line.split()[:2] == [row["game"], row["model"]]
      and f" {row['what']} " in line
    )
    if row["OpenSpiel, s"]:
      assert f"{float(row['OpenSpiel, s']):.4g}" in line
  for name, block in blocks.items():
    assert "`mftrpo-benchmark --games=mfg_garnet," in block
    for row in rows:
      assert row["game"] in block, name
  assert verdicts["mfg_garnet"]["rewards"] == "NO"
  assert verdicts["mfg_garnet"]["own_children"] == "yes?"


@pytest.mark.slow
def test_a_document_has_the_figure_of_its_table(program, tmp_path, monkeypatch):
  monkeypatch.setattr(
    time_to_accuracy,
    "GAMES",
    {"two_islands": time_to_accuracy.Game("stationary")},
  )
  document = tmp_path / "docs" / "document.md"
  document.parent.mkdir()
  document.write_text("<!-- begin accuracy -->\n<!-- end accuracy -->\n")
  program(
    "benchmark",
    "--tables=accuracy",
    "--seconds=0.01",
    f"--logdir={tmp_path}",
    f"--document={document}",
  )
  (block,) = document_lib.blocks(document.read_text()).values()
  assert "![accuracy](../time_to_accuracy.png)" in block
  assert (tmp_path / "time_to_accuracy.png").exists()
  with (tmp_path / "accuracy.csv").open() as file:
    rows = list(csv.DictReader(file))
  assert [row["method"] for row in rows] == list(time_to_accuracy.METHODS)
  for row in rows:
    assert f"\n| {row['method']} | {row['setting']} |" in block


def test_a_document_without_markers_is_refused_at_once(program, tmp_path):
  document = tmp_path / "document.md"
  document.write_text("")
  result = program(
    "benchmark", "--tables=scale", f"--document={document}", status=2
  )
  assert "without scale" in result.stderr and not result.stdout


@pytest.mark.slow
def test_an_error_on_a_game_is_shown_in_its_row(program):
  result = program(
    "benchmark",
    "--games=python_mfg_two_islands,mfg_garnet(size=0)",
    "--algorithms=",
  )
  *_, last = result.stdout.strip().splitlines()
  assert "mfg_garnet(size=0)" in last and "game must have a move" in last
