"""Compares openspiel_drawings with the states of OpenSpiel's games."""

import importlib
import pkgutil
import re

import numpy as np
from open_spiel.python.mfg import games
from open_spiel.python.mfg.games import factory
import pyspiel
import pytest

from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import openspiel_drawings
from mftrpo_openspiel.utils import tabular_policies

WALLS = "[0|2;1|0;3|1]"
GAMES = {
  "ring": ("mfg_crowd_modelling", {"size": 5, "horizon": 3}),
  "ring in Python": ("python_mfg_crowd_modelling", {"size": 5, "horizon": 3}),
  "grid": (
    "mfg_crowd_modelling_2d",
    {
      "size": 4,
      "horizon": 3,
      "forbidden_states": WALLS,
      "initial_distribution": "[3|0;2|2]",
      "initial_distribution_value": "[0.5;0.5]",
    },
  ),
  "predator and prey": ("python_mfg_predator_prey", {"horizon": 3}),
  "on a torus": ("python_mfg_predator_prey", {"horizon": 3, "geometry": 1}),
  "avoidance": ("python_mfg_crowd_avoidance", {"horizon": 3}),
  "aversion": (
    "python_mfg_periodic_aversion",
    {"size": 7, "horizon": 3, "n_actions_per_side": 2},
  ),
  "quadratic": ("mean_field_lin_quad", {"horizon": 3}),
  "garnet": ("mfg_garnet", {"size": 6, "horizon": 3}),
  "braess": ("python_mfg_dynamic_routing", {}),
  "braess in C++": ("mfg_dynamic_routing", {}),
  "line in C++": ("mfg_dynamic_routing", {"network": "line"}),
}
SETTINGS = {
  "line": ("python_mfg_dynamic_routing", "dynamic_routing_line"),
  "sioux falls": (
    "python_mfg_dynamic_routing",
    "dynamic_routing_sioux_falls_dummy_demand",
  ),
  "four rooms": ("mfg_crowd_modelling_2d", "crowd_modelling_2d_four_rooms"),
  "four populations": ("python_mfg_predator_prey", "predator_prey_5x5x4"),
}


def load(name):
  if name in SETTINGS:
    return factory.create_game_with_setting(*SETTINGS[name])
  return pyspiel.load_game(*GAMES[name])


def plays(game, num_plays=20, max_states=200):
  """Yields decision states of random plays under a uniform mean field."""
  rng = np.random.default_rng(0)
  count = 0
  for play in range(num_plays):
    population = play % game.num_players()
    state = game.new_initial_states()[population]
    while not state.is_terminal() and count < max_states:
      if state.current_player() == pyspiel.PlayerId.MEAN_FIELD:
        size = len(state.distribution_support())
        state.update_distribution([game.num_players() / max(size, 1)] * size)
      elif state.is_chance_node():
        outcomes, chances = zip(*state.chance_outcomes())
        state.apply_action(int(rng.choice(outcomes, p=chances)))
      else:
        count += 1
        yield population, state
        state.apply_action(int(rng.choice(state.legal_actions())))


def place_in(game_drawing, state):
  """Returns the place of an OpenSpiel state, from its attributes or string."""
  paper = game_drawing.drawing
  if hasattr(state, "_vehicle_location"):
    name = state._vehicle_location
  elif " at " in str(state) or "Location" in str(state):
    name = re.search(r"[^ =]+->[^ ,]+", str(state))[0]
  elif hasattr(state, "pos"):
    x, y = state.pos
    return paper.cells.tolist().index([y, x])
  elif hasattr(state, "x"):
    return state.x
  else:
    numbers = list(map(int, re.findall(r"\d+", str(state))))
    if hasattr(paper, "cells"):
      return paper.cells.tolist().index([numbers[1], numbers[0]])
    return numbers[0]
  # Action 0 means to wait.
  return game_drawing.action_names.index(name) - 1


@pytest.mark.parametrize("name", [*GAMES, *SETTINGS])
def test_locations_and_moves_equal_those_of_the_states(name):
  game = load(name)
  game_drawing = game_drawings.of_game(game)
  met = set()
  for population, state in plays(game):
    location = game_drawing.locate(state.observation_string(0))
    assert location.population == population
    assert location.place == place_in(game_drawing, state)
    if hasattr(state, "t"):
      assert location.time == state.t
    met.add(location)
    if game_drawing.moves is None:
      continue
    size = game_drawing.drawing.num_places
    moves = game_drawing.moves.toarray().reshape(size, -1, size)
    for action in state.legal_actions():
      aim = np.eye(size)[place_in(game_drawing, state.child(action))]
      np.testing.assert_array_equal(moves[location.place, action], aim)
  assert len(met) > 3
  assert {location.time for location in met} >= {0, 1, 2}


# Values, for which there may be a warning, are not used.
@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
@pytest.mark.parametrize("name", sorted({*GAMES, *SETTINGS} - {"sioux falls"}))
def test_all_players_have_a_location_at_all_times(name):
  model = compiled_game.CompiledGame(load(name))
  placed = game_drawings.of_model(model)
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  mean_field = model.mean_field(policy)
  for masses in placed.mean_fields(mean_field).values():
    np.testing.assert_allclose(masses.sum(axis=1), 1, rtol=1e-12)
  for time, laws in placed.policies(policy, mean_field).items():
    known = laws.any(axis=2)
    np.testing.assert_allclose(laws[known].sum(axis=1), 1, rtol=1e-12)
    assert (placed.mean_fields(mean_field)[time][~known] == 0).all()


@pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
def test_walls_of_the_modelling_grid_have_x_first_and_the_start_y_first():
  game_drawing = game_drawings.of_game(load("grid"))
  grid = game_drawing.drawing
  walls = {(x, y) for y, x in np.argwhere(grid.walls).tolist()}
  assert walls == {(0, 2), (1, 0), (3, 1)}
  model = compiled_game.CompiledGame(load("grid"))
  masses = game_drawings.of_model(model).mean_fields(
    model.mean_field(tabular_policies.uniform_policy(model.legal_actions_mask))
  )[0][0]
  starts = grid.cells[masses > 0][:, ::-1].tolist()
  # In the parameter: 3|0 and 2|2.
  assert sorted(starts) == [[0, 3], [2, 2]]


def test_every_mean_field_game_of_openspiel_has_an_entry():
  names = {x for x in pyspiel.registered_names() if x.startswith("mfg_")}
  for found in pkgutil.iter_modules(games.__path__, f"{games.__name__}."):
    game_type = getattr(importlib.import_module(found.name), "_GAME_TYPE", None)
    if game_type is not None:
      names.add(game_type.short_name)
  assert len(names) > 10
  # A normal-form game has only one state, so that there is nothing to draw.
  assert names - {"mean_field_nfg"} == openspiel_drawings.DRAWINGS.keys()


@pytest.mark.parametrize("name", ["braess", "line", "sioux falls"])
def test_nodes_of_networks_do_not_coincide(name):
  nodes = game_drawings.of_game(load(name)).drawing.nodes
  gaps = np.linalg.norm(nodes[:, None] - nodes, axis=2)
  np.fill_diagonal(gaps, np.inf)
  assert gaps.min() > 0


def test_links_connect_their_nodes():
  game_drawing = game_drawings.of_game(load("braess"))
  network = game_drawing.drawing
  names = [
    "->".join(network.node_names[node] for node in link)
    for link in network.links
  ]
  assert names == list(game_drawing.action_names[1:])
  # As in dynamic_routing_data.py.
  place = network.node_names.index("C")
  assert network.nodes[place].tolist() == [2, -1]


def test_nodes_without_positions_are_in_the_order_of_their_links():
  network = game_drawings.of_game(load("line")).drawing
  tails, heads = network.nodes[network.links].swapaxes(0, 1)
  np.testing.assert_array_equal(heads - tails, [[1, 0]] * 4)
