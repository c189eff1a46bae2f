"""Mean-field games and Mean-Field TRPO for OpenSpiel.

Importing the package registers its games with OpenSpiel.
"""

from mftrpo_openspiel import startup  # isort: skip (Before what takes long.)

from mftrpo_openspiel import games
from mftrpo_openspiel.compiled_game import CompiledGame
from mftrpo_openspiel.mdp import MeanFieldMDP
from mftrpo_openspiel.openspiel_model import OpenSpielModel
from mftrpo_openspiel.stationary_model import StationaryModel
