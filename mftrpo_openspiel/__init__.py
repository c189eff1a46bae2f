"""Mean-field games and Mean-Field TRPO for OpenSpiel.

Importing the package registers its games with OpenSpiel.
"""

from mftrpo_openspiel import startup  # isort: skip (Before what takes long.)

from mftrpo_openspiel import games
from mftrpo_openspiel.mdp.mean_field_mdp import MeanFieldMDP
from mftrpo_openspiel.models.compiled_game import CompiledGame
from mftrpo_openspiel.models.openspiel_model import OpenSpielModel
from mftrpo_openspiel.models.stationary_model import StationaryModel
