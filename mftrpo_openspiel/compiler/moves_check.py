"""Whether moves are the same under a mean field, for OpenSpiel's utilities."""

import numpy as np
from open_spiel.python.mfg import distribution as distribution_lib
import pyspiel

from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import probing
from mftrpo_openspiel.compiler import telling


def no_check(distribution: distribution_lib.Distribution) -> None:
  """Of games whose moves are known not to depend on the mean field."""


class MovesCheck:
  """Refuses mean fields under which moves are not those of a uniform crowd."""

  def __init__(self, roots: list[pyspiel.State]):
    """Tries random mean fields, and crowds at one place.

    Raises:
      ValueError: If they change a move.
    """
    self._roots = roots
    self._layers = enumeration.enumerate_layers(roots)
    rng = np.random.default_rng(0)
    self._compare(telling.these(probing.random_masses(self._layers, rng)))
    for tell in telling.EXTREMES:
      self._compare(tell)

  def __call__(self, distribution: distribution_lib.Distribution) -> None:
    """Raises a ValueError if the distribution changes a move."""
    masses = {
      index: np.array(
        [distribution.value_str(key, 0.0) for key in layer.strings]
      )
      for index, layer in enumerate(self._layers)
      if layer.kind == enumeration.MEAN_FIELD
    }
    self._compare(telling.these(masses))

  def _compare(self, tell: telling.Telling) -> None:
    walk = probing.probe(self._roots, self._layers, tell, num_states=1)
    if walk.by_mean_field:
      raise ValueError(
        "game must have moves that do not depend on the mean field for model"
        f" 'openspiel', but with it {walk.by_mean_field}; model 'compiled'"
        " takes such games."
      )
