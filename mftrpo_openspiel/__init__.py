"""Mean-field games and Mean-Field TRPO for OpenSpiel.

Importing the package registers its games with OpenSpiel.
"""

from mftrpo_openspiel import games
from mftrpo_openspiel.mdp import MeanFieldMDP
