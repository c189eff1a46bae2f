"""Mean-field games of this package; importing them registers them.

A game is a module: its parameters, and the mean-field MDP that they make. It
imports `mdp`, `openspiel` and `utils`. A newcomer starts with `four_rooms`;
`factory` has the settings of the paper.
"""

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi
from mftrpo_openspiel.games import two_islands
