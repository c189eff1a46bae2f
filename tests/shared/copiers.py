"""All ways to copy a state of a game, by name."""

import copy
import pickle

import pyspiel


def copiers_of(game):
  return {
    "clone": lambda state: state.clone(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda state: pickle.loads(pickle.dumps(state)),
    "serialize": lambda state: game.deserialize_state(state.serialize()),
    "serialize_game_and_state": lambda state: (
      pyspiel.deserialize_game_and_state(
        pyspiel.serialize_game_and_state(game, state)
      )[1]
    ),
  }
