"""The rewards of all nodes of an OpenSpiel game under a mean field.

`StateRewards` is for games whose moves are known not to depend on the mean
field: it tells every mean-field state what the mean field is, and reads what
follows. (Of other games see `walked_rewards`.) `DensityRewards` is for the
games in `FORMS`, whose rewards depend on the mean field in one of a few ways
that take no more than array operations:

    r(s, mu) = constant(s) + log_weight * log(mu(s) + floor)
               + sum over populations p of weight_p * mu_p(place of s)

The weights are parameters of the game, and the constants (of the first path to
a node, where they depend on the path) are read from the states. Whether the
outcome is right is for the caller to see, by comparison with `StateRewards`.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from typing import Any

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import compilation
from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import known_moves
from mftrpo_openspiel.mdp import mean_field_mdp

# What OpenSpiel's games in C++ add to a density; they keep it in 32 bits.
_FLOOR_CPP = float(np.float32(mean_field_mdp.DENSITY_FLOOR))


class StateRewards:
  """Rewards read from the states of a game whose moves are known."""

  def __init__(
    self,
    layers: Sequence[enumeration.Layer],
    states: Mapping[int, list[pyspiel.State]],
    paying: frozenset[int],
  ):
    """Initializes the reader.

    Args:
      layers: The enumerated game.
      states: The states of each mean-field layer.
      paying: The layers whose nodes may pay something.
    """
    self._layers = layers
    self._states = states
    self._paying = paying
    self._offsets = np.cumsum([0] + [len(layer) for layer in layers])
    self._constant = np.zeros(self._offsets[-1])
    # The first mean-field layer pays before anybody is told anything.
    for index in range(min(states, default=len(layers) - 1) + 1):
      self._part(self._constant, index)[:] = layers[index].rewards

  def _part(self, rewards: np.ndarray, index: int) -> np.ndarray:
    return rewards[self._offsets[index] : self._offsets[index + 1]]

  def __call__(self, masses: Mapping[int, np.ndarray]) -> np.ndarray:
    """Returns the rewards of all nodes.

    Args:
      masses: What players are told in each mean-field layer.
    """
    rewards = self._constant.copy()
    for index, states in self._states.items():
      layer, below = self._layers[index], self._layers[index + 1]
      laws = [
        enumeration.told(masses[index], support) for support in layer.supports
      ]
      followers = [None] * len(below)
      for node, state in enumerate(states):
        place = layer.children[node]
        if below.parents[place] == node:
          law = laws[layer.support_of[node]]
          followers[place] = enumeration.updated(state, law)
      self._read(index + 1, followers, rewards)
    return rewards

  def _read(
    self, index: int, states: list[pyspiel.State], rewards: np.ndarray
  ) -> None:
    """Reads what is paid from a layer on, up to the next mean-field layer."""
    last = index
    while last + 1 < len(self._layers) and (
      self._layers[last].kind != enumeration.MEAN_FIELD
    ):
      last += 1
    last = max((i for i in self._paying if index <= i <= last), default=-1)
    for current in range(index, last + 1):
      if current > index:
        layer = self._layers[current]
        states = [
          states[parent].child(action)
          for parent, action in zip(
            layer.parents.tolist(), layer.parent_actions.tolist()
          )
        ]
      if current in self._paying:
        self._part(rewards, current)[:] = [
          enumeration.reward(state) for state in states
        ]


@dataclasses.dataclass(frozen=True)
class Form:
  """How the rewards of a game depend on the mean field.

  Attributes:
    log_weight: Of the logarithm of the density.
    floor: What is added to the density.
    weights: (P, P), the weights of the densities of all populations in the
      reward of each.
  """

  log_weight: float
  floor: float
  weights: np.ndarray


_Parameters = Mapping[str, Any]


def log_density(log_weight: float, floor: float) -> Form:
  """Returns log_weight * log(mu + floor), for one population."""
  return Form(log_weight, floor, np.zeros((1, 1)))


def _crowd_modelling_2d(parameters: _Parameters) -> Form | None:
  if parameters["with_congestion"]:
    return None  # The weight of the density depends on the last action.
  return log_density(-parameters["crowd_aversion_coef"], _FLOOR_CPP)


def _matrix(parameters: _Parameters, name: str) -> np.ndarray:
  players = parameters["players"]
  numbers = [float(number) for number in parameters[name].split()]
  return np.reshape(numbers, (players, players))


def _predator_prey(parameters: _Parameters) -> Form:
  return Form(
    -parameters["congestion_coeff"],
    mean_field_mdp.DENSITY_FLOOR,
    _matrix(parameters, "reward_matrix"),
  )


def _crowd_avoidance(parameters: _Parameters) -> Form:
  congestion = _matrix(parameters, "congestion_matrix")
  return Form(0.0, 1.0, -parameters["coef_congestion"] * congestion)


def _periodic_aversion(parameters: _Parameters) -> Form:
  width = (parameters["xmax"] - parameters["xmin"]) / (parameters["size"] - 1)
  # The game takes the logarithm of mu(s) / width + 1e-15.
  return log_density(
    -parameters["coef_aversion"] * parameters["dt"], 1e-15 * width
  )


# By the short names of the games.
FORMS: dict[str, Callable[[_Parameters], Form | None]] = {
  "mfg_crowd_modelling": lambda _: log_density(-1.0, _FLOOR_CPP),
  "mfg_crowd_modelling_2d": _crowd_modelling_2d,
  "mfg_garnet": lambda parameters: log_density(-parameters["eta"], _FLOOR_CPP),
  "python_mfg_crowd_avoidance": _crowd_avoidance,
  "python_mfg_crowd_modelling": lambda _: log_density(
    -1.0, mean_field_mdp.DENSITY_FLOOR
  ),
  "python_mfg_periodic_aversion": _periodic_aversion,
  "python_mfg_predator_prey": _predator_prey,
}


class DensityRewards:
  """Rewards from the densities at a place; see the module."""

  def __init__(
    self,
    form: Form,
    layers: Sequence[enumeration.Layer],
    compiled: compilation.CompiledLayers,
  ):
    """Initializes the rewards.

    Args:
      form: How they depend on the densities.
      layers: The enumerated game.
      compiled: Its states, each of which follows a mean-field node or comes
        before all of them.
    """
    self._floor = form.floor
    self._has_log = form.log_weight != 0
    self._is_linear = bool(form.weights.any())
    size, num_populations = len(compiled.nodes), len(form.weights)
    self._log_weights = np.zeros(size)
    self._weights = np.zeros((size, num_populations))
    # The last state is followed by one without mass: no play leads there.
    self._places = np.full((size, num_populations), size)
    for index in compiled.carried:
      layer = layers[index]
      told = compiled.carried[index]
      self._log_weights[told] = form.log_weight
      if self._is_linear:
        self._weights[told] = form.weights[layer.populations]
        places = _same_place(layer, num_populations)
        self._places[told] = np.append(told, size)[places]
    self._constants = np.zeros(size)
    masses = np.concatenate([layer.masses for layer in layers])
    rewards = np.concatenate([layer.rewards for layer in layers])
    self._constants = rewards[compiled.nodes] - self(masses[compiled.nodes])

  def __call__(self, mean_field: np.ndarray) -> np.ndarray:
    """Returns (N,): the rewards of the states under the (N,) mean field."""
    rewards = self._constants
    if self._has_log:
      rewards = rewards + self._log_weights * np.log(mean_field + self._floor)
    if self._is_linear:
      densities = np.append(mean_field, 0.0)[self._places]
      rewards = rewards + np.einsum("np,np->n", self._weights, densities)
    return rewards


def _same_place(layer: enumeration.Layer, num_populations: int) -> np.ndarray:
  """Returns (n, P): the nodes of all populations at the place of each node.

  In the lists that nodes ask for, the populations of a place come one after
  the other. -1 where no play leads to.
  """
  places = np.empty((len(layer), num_populations), dtype=np.int64)
  for node, which in enumerate(layer.support_of):
    support = layer.supports[which].reshape(-1, num_populations)
    places[node] = support[np.flatnonzero((support == node).any(axis=1))[0]]
  return places


def density_rewards(
  game: pyspiel.Game,
  layers: Sequence[enumeration.Layer],
  compiled: compilation.CompiledLayers,
) -> DensityRewards | None:
  """Returns the rewards by densities; None if the game is not known for them.

  Args:
    game: The game.
    layers: The enumerated game.
    compiled: Its layered chain.
  """
  make_form = FORMS.get(game.get_type().short_name)
  form = make_form and make_form(known_moves.parameters_of(game))
  if form is None or compiled.spread is not None:
    return None
  return DensityRewards(form, layers, compiled)
