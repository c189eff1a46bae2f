"""Mean-field games of this package; importing them registers them.

A game is a module: its parameters, and the mean-field MDP that they make. It
imports `mdp`, `openspiel` and `utils`. A newcomer starts with `four_rooms`;
`game_settings` has the settings of the paper, `factory` games by their names.
"""

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi
from mftrpo_openspiel.games import game_settings
from mftrpo_openspiel.games import two_islands
