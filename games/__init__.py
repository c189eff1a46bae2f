"""Mean-field games of this package; importing this folder registers them.

Each game is a module with its parameters and the mean-field MDP that they
define. This subpackage imports `mdp` and `utils`. Start reading at
`four_rooms`. `game_settings` has the settings of the paper, and `factory`
creates games by their names.
"""

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi
from mftrpo_openspiel.games import game_settings
from mftrpo_openspiel.games import two_islands
