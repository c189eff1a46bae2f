"""Tests of drawn_figures and game_policies."""

import dataclasses

from matplotlib import quiver
import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.plots import drawn
from mftrpo_openspiel.plots import drawn_figures
from mftrpo_openspiel.plots import game_policies
from mftrpo_openspiel.plots import placement
from mftrpo_openspiel.utils import tabular_policies

pytestmark = pytest.mark.filterwarnings("ignore:.*depend on the path to a node")


def uniform(game_name, name="uniform", model_name="compiled", **parameters):
  if game_name in factory.GAME_SETTINGS:
    game = factory.create_game(setting=game_name)
  else:
    game = pyspiel.load_game(game_name, parameters)
  model = from_game.create_model(model_name, game)
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  return drawn.of_model(model, policy, model.mean_field(policy), 7, name)


def titles(figure):
  return [axes.get_title() for axes in figure.axes if axes.get_subplotspec()]


def rows(figure):
  """Returns the number of panels in each row."""
  panels = [axes for axes in figure.axes if axes.get_subplotspec()]
  return [
    sum(axes.get_subplotspec().rowspan.start == row for axes in panels)
    for row in range(panels[0].get_gridspec().nrows)
  ]


@pytest.mark.parametrize("kind", ["mean_field_figure", "policy_figure"])
def test_populations_are_columns_and_moments_rows(kind, is_cut_off):
  figure = getattr(drawn_figures, kind)(
    [uniform("python_mfg_predator_prey", horizon=3)]
  )
  assert rows(figure) == [3, 3, 3]
  assert titles(figure)[:4] == [
    "t = 0, population 0",
    "t = 0, population 1",
    "t = 0, population 2",
    "t = 1, population 0",
  ]
  assert figure.get_suptitle() == "python_mfg_predator_prey"
  assert not is_cut_off(figure)


@pytest.mark.parametrize(
  "game_name",
  [
    "mfg_crowd_modelling",
    "mfg_crowd_modelling_2d",
    "mean_field_lin_quad",
    "mfg_garnet",
    "mfg_dynamic_routing",
    "two_islands",
  ],
)
@pytest.mark.parametrize("kind", ["mean_field_figure", "policy_figure"])
def test_titles_of_every_kind_of_drawing(game_name, kind, is_cut_off):
  run = uniform(game_name)
  figure = getattr(drawn_figures, kind)([run])
  assert figure.get_suptitle() == run.game_title
  assert titles(figure) == [
    f"t = {t}" for t in run.choose(run.mean_fields, None)
  ]
  assert not is_cut_off(figure)


def test_runs_are_rows():
  one, other = (uniform("mfg_garnet", name) for name in ("One", "Other"))
  figure = drawn_figures.mean_field_figure([one, other], [0, 2])
  assert rows(figure) == [2, 2]
  assert titles(figure) == [
    "One\nt = 0",
    "One\nt = 2",
    "Other\nt = 0",
    "Other\nt = 2",
  ]


def test_the_title_of_a_difference_names_both_iterations():
  one = uniform("two_islands", "One", "stationary")
  other = dataclasses.replace(
    one, name="Other", mean_fields={9: one.mean_fields[7][:, ::-1]}
  )
  figure = drawn_figures.difference_figure([one, other])
  assert titles(figure) == [
    "Other, 9 iterations\n\N{MINUS SIGN} One, 7 iterations"
  ]


def test_moves_equal_those_of_the_game(monkeypatch):
  received = {}
  monkeypatch.setattr(
    game_policies.policy_plots,
    "moves_figure",
    lambda drawing, moves, reached, title, columns: received.update(
      moves=moves, reached=reached
    ),
  )
  run = uniform("mfg_crowd_modelling", size=4, horizon=2)
  drawn_figures.policy_figure([run], [0])
  thirds = (np.eye(4) + np.eye(4)[[1, 2, 3, 0]] + np.eye(4)[[3, 0, 1, 2]]) / 3
  np.testing.assert_allclose(received["moves"]["t = 0"].toarray(), thirds)
  assert received["reached"]["t = 0"].all()


def test_places_without_players_are_not_reached(monkeypatch):
  received = {}
  monkeypatch.setattr(
    game_policies.policy_plots,
    "moves_figure",
    lambda drawing, moves, reached, title, columns: received.update(reached),
  )
  run = uniform("python_mfg_predator_prey", horizon=2)
  drawn_figures.policy_figure([run], [0])
  for population, corner in enumerate((0, 4, 20)):
    reached = received[f"t = 0, population {population}"]
    np.testing.assert_array_equal(np.flatnonzero(reached), [corner])


@pytest.mark.parametrize("is_torus, way", [(True, -1), (False, 1)])
def test_arrows_on_a_torus_have_the_shorter_direction(is_torus, way):
  cells = np.array([[0, 0], [0, 1], [0, 2]])
  grid = drawing.Grid(np.zeros((1, 3), bool), cells, is_torus=is_torus)
  # From the first cell to the last, in one action.
  moves = placement.certain_moves(np.array([[2], [1], [2]]))
  figure = game_policies.policy_figure(
    placement.GameDrawing(grid, placement.locate_place_and_time, moves),
    {"": np.ones((3, 1))},
    {},
  )
  (arrows,) = [
    item
    for item in figure.axes[0].collections
    if isinstance(item, quiver.Quiver)
  ]
  assert np.sign(arrows.U).tolist() == [way]
  assert arrows.V.tolist() == [0]


def test_invalid_arguments():
  rooms = uniform("four_rooms_poi_5x5", "rooms")
  crowd = uniform("mfg_garnet", "crowd")
  with pytest.raises(
    ValueError, match=r"runs must have the same .* got rooms and crowd"
  ):
    drawn_figures.mean_field_figure([rooms, crowd])
  with pytest.raises(ValueError, match="runs must be at least one, got none"):
    drawn_figures.policy_figure([])
  with pytest.raises(ValueError, match=r"runs must be two for a diff.* got 1"):
    drawn_figures.difference_figure([rooms])
  still = placement.GameDrawing(
    rooms.game_drawing.drawing, rooms.game_drawing.locate
  )
  with pytest.raises(
    ValueError, match="moves of the GameDrawing must be given"
  ):
    drawn_figures.policy_figure(
      [dataclasses.replace(rooms, game_drawing=still)]
    )
