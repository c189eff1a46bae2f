"""Tests of game_drawings."""

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import placement
from mftrpo_openspiel.utils import tabular_policies


@pytest.fixture(autouse=True)
def table(monkeypatch):
  """Restores the table of drawings after each test."""
  monkeypatch.setattr(
    game_drawings, "_FUNCTIONS", dict(game_drawings._FUNCTIONS)
  )


def pair_game(paper=None):
  """Two states; action 0 stays and action 1 leaves with probability 0.9."""
  stay = np.array([[0.9, 0.1], [0.1, 0.9]])
  mdp = mdp_lib.MeanFieldMDP(
    kernel=np.stack([stay, stay[::-1]], axis=1),
    reward=lambda mean_field: np.zeros((2, 2)),
    discount=0.5,
    initial_distribution=[0.25, 0.75],
    drawing=paper,
    action_names=("stay", "leave"),
  )
  return mdp_game.MDPGame(mdp, horizon=3)


@pytest.mark.parametrize("model_name", ["stationary", "compiled", "openspiel"])
def test_states_of_a_game_over_an_mdp(model_name):
  model = from_game.create_model(model_name, pair_game(drawing.Ring(2)))
  placed = game_drawings.of_model(model)
  times = (0,) if model_name == "stationary" else (0, 1, 2)
  assert placed.times == times
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  fields = placed.mean_fields(model.mean_field(policy))
  for time in times:
    at_start = model_name != "stationary" and time == 0
    expected = [0.25, 0.75] if at_start else [0.5, 0.5]
    np.testing.assert_allclose(fields[time], [expected], rtol=1e-12)
  assert placed.game_drawing.action_names == ("stay", "leave")


def test_on_a_grid_the_target_of_an_action_is_the_most_likely_next_cell():
  moves = game_drawings.of_game(pair_game(drawing.Ring(2))).moves
  np.testing.assert_array_equal(
    moves.toarray(), [[0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.9, 0.1]]
  )
  grid = drawing.Grid(np.zeros((1, 2), bool), np.array([[0, 0], [0, 1]]))
  moves = game_drawings.of_game(pair_game(grid)).moves
  np.testing.assert_array_equal(
    moves.toarray(), [[1, 0], [0, 1], [0, 1], [1, 0]]
  )


def test_moves_of_four_rooms_lead_to_neighbours():
  game_drawing = game_drawings.of_game(
    factory.create_game(setting="four_rooms_poi_5x5")
  )
  cells = game_drawing.drawing.cells
  moves = game_drawing.moves.tocoo()
  origins, actions = np.divmod(moves.row, 5)
  steps = np.abs(cells[moves.col] - cells[origins]).sum(axis=1)
  assert steps.max() == 1
  assert (steps[actions == 0] == 0).all()


def test_a_registered_function_has_precedence():
  game = pair_game(drawing.Ring(2))
  name = game.get_type().short_name
  own = placement.GameDrawing(drawing.Ring(3), lambda string: None)
  game_drawings.register(name, lambda asked: own if asked is game else None)
  assert game_drawings.of_game(game) is own


def test_the_error_for_a_game_without_drawing_gives_a_solution():
  with pytest.raises(ValueError) as error:
    game_drawings.of_game(pair_game())
  name = pair_game().get_type().short_name
  assert str(error.value) == (
    f"game must have a drawing, {name} has none: give its MeanFieldMDP one,"
    " such as drawing=mftrpo_openspiel.mdp.drawing.Line(positions), or call"
    f" plots.game_drawings.register('{name}', function)."
  )


@pytest.mark.parametrize(
  "name, shown",
  [
    ("python_mfg_mdp", "mean-field MDP"),
    ("python_mfg_mdp(horizon=9)", "mean-field MDP (horizon=9)"),
    ("python_mfg_mdp_of_mine", "python_mfg_mdp_of_mine"),
    ("mfg_garnet(seed=1)", "mfg_garnet(seed=1)"),
  ],
)
def test_games_without_a_registered_type_are_called_what_they_are(name, shown):
  assert game_drawings.shown_name(name) == shown


def test_invalid_arguments():
  with pytest.raises(ValueError, match=r"function must be a function .* int"):
    game_drawings.register("mfg_garnet", 3)
  with pytest.raises(ValueError, match="short_name must be a str, got 3"):
    game_drawings.register(3, lambda game: None)
  game_drawings.register("mfg_garnet", lambda game: drawing.Ring(10))
  with pytest.raises(
    ValueError, match=r"registered for mfg_garnet must be a Ga"
  ):
    game_drawings.of_game(pyspiel.load_game("mfg_garnet"))
