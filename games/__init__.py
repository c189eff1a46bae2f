"""Mean-field games of this package; importing them registers them."""

from mftrpo_openspiel.games import four_rooms
from mftrpo_openspiel.games import four_rooms_poi
from mftrpo_openspiel.games import two_islands
