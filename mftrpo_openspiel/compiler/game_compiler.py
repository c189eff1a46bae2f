"""Chooses the form in which a game is compiled: the fastest that is exact."""

from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import compilation
from mftrpo_openspiel.compiler import enumerated_layers
from mftrpo_openspiel.compiler import enumeration
from mftrpo_openspiel.compiler import game_rewards
from mftrpo_openspiel.compiler import known_moves
from mftrpo_openspiel.compiler import layered_game
from mftrpo_openspiel.compiler import mdp_layers
from mftrpo_openspiel.compiler import probing
from mftrpo_openspiel.compiler import reenumerated_layers
from mftrpo_openspiel.compiler import telling
from mftrpo_openspiel.compiler import walked_rewards
from mftrpo_openspiel.mdp import mdp_game


def compile_game(
  game: pyspiel.Game,
  root_state: pyspiel.State | None,
  moves_are_fixed: bool = False,
) -> tuple[layered_game.LayeredGame, list[str]]:
  """Returns the game in layers, and what its user should know of it.

  Args:
    game: A mean-field game.
    root_state: Where plays start; the game's initial states for None.
    moves_are_fixed: Whether that is known of the game, whatever players are
      told.

  Raises:
    ValueError: If a random mean field shows that it is not true.
  """
  notes = []
  moves_are_fixed |= known_moves.are_fixed(game)
  if isinstance(game, mdp_game.MDPGame):
    layers = mdp_layers.MDPLayers(game)
    agrees = layers.agrees_with_game()
    if agrees and (root_state is None or not root_state.history()):
      return layers, notes
    if not agrees:
      notes.append("plays are not those of its MDP, so it is enumerated.")
    moves_are_fixed |= agrees and game.mean_field_mdp().has_fixed_kernel
  roots = game.new_initial_states() if root_state is None else [root_state]
  return _compile_states(game, roots, moves_are_fixed, notes), notes


def _compile_states(
  game: pyspiel.Game,
  roots: Sequence[pyspiel.State],
  moves_are_fixed: bool,
  notes: list[str],
) -> layered_game.LayeredGame:
  """Returns a game in layers, from its states.

  Args:
    game: The game.
    roots: Where plays start.
    moves_are_fixed: Whether that is known.
    notes: To which is added what the user should know.
  """
  states = {}

  def keep(index, layer, layer_states):
    if layer.kind == enumeration.MEAN_FIELD:
      states[index] = layer_states

  layers = enumeration.enumerate_layers(roots, visit=keep)
  num_actions = game.num_distinct_actions()
  masses = probing.random_masses(layers, np.random.default_rng(0))
  probe = probing.probe(roots, layers, telling.these(masses))
  if probe.by_mean_field and moves_are_fixed:
    raise ValueError(
      "moves_are_fixed must be true if it is said, but under a random mean"
      f" field {probe.by_mean_field}."
    )
  if probe.by_mean_field or (
    not moves_are_fixed and _moves_at_extremes(roots, layers)
  ):
    _note_path_dependence(probing.probe(roots, layers), notes)
    return reenumerated_layers.ReenumeratedLayers(roots, layers, num_actions)
  _note_path_dependence(probe, notes)
  carrying = compilation.carriers(layers)
  if moves_are_fixed:
    paying = _paying(layers, probe.rewards)
    compiled = compilation.compile_layers(layers, num_actions, carrying, paying)
    rewards = game_rewards.StateRewards(layers, states, paying)
    # Rewards that depend on the mean field of an earlier time do not agree.
    if _close(rewards(masses), probe.rewards):
      by_density = game_rewards.density_rewards(game, layers, compiled)
      if by_density and _same_rewards(by_density, rewards, layers, compiled):
        rewards = by_density
      elif by_density:
        notes.append(
          "it does not pay as expected, so rewards are read from states."
        )
      return enumerated_layers.EnumeratedLayers(
        roots, layers, compiled, rewards
      )
  # Whatever pays nothing now may pay something under another mean field.
  compiled = compilation.compile_layers(
    layers, num_actions, carrying, range(len(layers))
  )
  rewards = walked_rewards.WalkedRewards(roots, layers)
  return enumerated_layers.EnumeratedLayers(roots, layers, compiled, rewards)


def _moves_at_extremes(
  roots: Sequence[pyspiel.State], layers: Sequence[enumeration.Layer]
) -> bool:
  """Returns whether a crowd at one place changes the moves."""
  return any(
    probing.probe(roots, layers, tell, num_states=1).by_mean_field
    for tell in telling.EXTREMES
  )


def _paying(
  layers: Sequence[enumeration.Layer], rewards: np.ndarray
) -> frozenset[int]:
  """Returns the layers that may pay something.

  If a layer does, under one of two mean fields, so may those of the same type
  as many moves after another mean-field layer.

  Args:
    layers: The enumerated game.
    rewards: Of all nodes under another mean field than that of `layers`.
  """
  places = []
  for layer in layers:
    if layer.kind == enumeration.MEAN_FIELD or not places:
      places.append((layer.kind, 0))
    else:
      places.append((layer.kind, places[-1][1] + 1))
  offsets = np.cumsum([len(layer) for layer in layers])[:-1]
  pays = {
    place
    for place, layer, others in zip(places, layers, np.split(rewards, offsets))
    if layer.rewards.any() or others.any()
  }
  return frozenset(i for i, place in enumerate(places) if place in pays)


def _same_rewards(
  by_density: game_rewards.DensityRewards,
  by_state: game_rewards.StateRewards,
  layers: Sequence[enumeration.Layer],
  compiled: compilation.CompiledLayers,
) -> bool:
  """Returns whether two sources of rewards agree on random mean fields."""
  rng = np.random.default_rng(1)
  for _ in range(2):
    masses = probing.random_masses(layers, rng)
    mean_field = np.zeros(len(compiled.nodes))
    for index, rows in compiled.carried.items():
      mean_field[rows] = masses[index]
    rewards, _ = compiled.rewards(by_state(masses))
    if not _close(by_density(mean_field), rewards):
      return False
  return True


def _close(first: np.ndarray, second: np.ndarray) -> bool:
  """Returns whether rewards are the same beside the largest of them."""
  scale = max(np.abs(first).max(), np.abs(second).max())
  return bool(np.abs(first - second).max() <= probing.TOLERANCE * scale)


def _note_path_dependence(probe: probing.Probe, notes: list[str]) -> None:
  worst = probe.worst()
  if worst:
    notes.append(
      "what happens at a node depends on more than its observation string, and"
      f" values on which path comes first: the {worst} between"
      " paths, of a few to each node that were compared."
    )
