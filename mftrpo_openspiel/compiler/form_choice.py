"""Chooses the form in which a game is compiled: the fastest that is exact."""

from collections.abc import Sequence

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import fixed_moves_form
from mftrpo_openspiel.compiler import folding
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.compiler import moving_form
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.compiler import road_network
from mftrpo_openspiel.compiler import routing_form
from mftrpo_openspiel.mdp import mdp_game


def compile_game(
  game: pyspiel.Game,
  root_state: pyspiel.State | None,
  moves_are_fixed: bool = False,
) -> tuple[game_form.GameForm, list[str]]:
  """Returns the form of a game, and warnings for its user.

  Args:
    game: A mean-field game.
    root_state: The initial state; None for the initial states of the game.
    moves_are_fixed: Whether it is known that the transitions of the game do not
      depend on the mean field.

  Raises:
    ValueError: If `moves_are_fixed`, but a random mean field changes a
      transition.
  """
  notes: list[str] = []
  moves_are_fixed |= known_games.has_fixed_moves(game)
  starts_at_root = root_state is None or not root_state.history()
  if isinstance(game, mdp_game.MDPGame):
    form = mdp_form.MDPForm(game)
    agrees = form.agrees_with_game()
    if agrees and starts_at_root:
      return form, notes
    if not agrees:
      notes.append("plays do not agree with its MDP, so it is enumerated.")
    moves_are_fixed |= agrees and game.mean_field_mdp().has_fixed_kernel
  network = road_network.read(game)
  if network and starts_at_root and not moves_are_fixed:
    routing = routing_form.RoutingForm(game, network)
    if routing.agrees_with_game():
      return routing, notes
    notes.append("plays do not agree with its network, so it is enumerated.")
  roots = game.new_initial_states() if root_state is None else [root_state]
  return _compile_states(game, roots, moves_are_fixed, notes), notes


def _compile_states(
  game: pyspiel.Game,
  roots: Sequence[pyspiel.State],
  moves_are_fixed: bool,
  notes: list[str],
) -> game_form.GameForm:
  """Returns the form of a game that is enumerated, and adds to the notes."""
  levels = []
  states = {}
  for index, (level, groups) in enumerate(game_walk.walk(roots)):
    levels.append(level)
    if level.kind == game_walk.MEAN_FIELD:
      states[index] = [first.state for (first,) in groups]
  num_actions = game.num_distinct_actions()
  masses = crowds.random_masses(levels, np.random.default_rng(0))
  random = comparison.compare(roots, levels, crowds.announced(masses))
  if random.by_mean_field and moves_are_fixed:
    raise ValueError(
      "moves_are_fixed must only be set if transitions do not depend on the"
      f" mean field, but under a random mean field {random.by_mean_field}."
    )
  if random.by_mean_field or (
    not moves_are_fixed
    and any(
      comparison.compare(roots, levels, crowd, num_states=1).by_mean_field
      for crowd in crowds.EXTREMES  # Each population is at one place.
    )
  ):
    _note_path_dependence(comparison.compare(roots, levels), notes)
    return moving_form.MovingForm(roots, levels, num_actions)
  _note_path_dependence(random, notes)
  carriers = folding.mass_carriers(levels)
  if moves_are_fixed:
    paying = _paying_levels(levels, random.rewards)
    folded = folding.fold_levels(levels, num_actions, carriers, paying)
    by_state = reward_sources.StateRewards(folded, states, paying)
    # They differ if rewards depend on the mean field of an earlier time.
    if _are_close(by_state.node_rewards(masses), random.rewards):
      formula = known_games.density_formula(game)
      if formula and folded.visits is None:
        by_density = reward_sources.DensityRewards(folded, formula)
        if _rewards_agree(by_density, by_state, folded):
          return fixed_moves_form.FixedMovesForm(roots, folded, by_density)
        notes.append(
          "rewards differ from the known formula, so they are read from states."
        )
      return fixed_moves_form.FixedMovesForm(roots, folded, by_state)
  # A node without reward now may have one under another mean field.
  folded = folding.fold_levels(
    levels, num_actions, carriers, range(len(levels))
  )
  walked = reward_sources.WalkedRewards(folded, roots)
  return fixed_moves_form.FixedMovesForm(roots, folded, walked)


def _paying_levels(
  levels: Sequence[game_walk.Level], rewards: np.ndarray
) -> frozenset[int]:
  """Returns the levels whose nodes may have rewards.

  A level is included if any level of the same type, at the same distance from
  the last mean-field level before it, has a reward: either under its own mean
  field, or under the mean field of `rewards`, the rewards of all nodes.
  """
  places: list[tuple[pyspiel.StateType, int]] = []
  for level in levels:
    begins = level.kind == game_walk.MEAN_FIELD or not places
    places.append((level.kind, 0 if begins else places[-1][1] + 1))
  offsets = np.cumsum([len(level) for level in levels])[:-1]
  pays = {
    place
    for place, level, others in zip(places, levels, np.split(rewards, offsets))
    if level.rewards.any() or others.any()
  }
  return frozenset(i for i, place in enumerate(places) if place in pays)


def _rewards_agree(
  by_density: reward_sources.DensityRewards,
  by_state: reward_sources.StateRewards,
  folded: folding.FoldedGame,
) -> bool:
  """Returns whether two reward sources agree on random mean fields."""
  rng = np.random.default_rng(1)
  for _ in range(2):
    mean_field = np.zeros(len(folded.nodes))
    for index, masses in crowds.random_masses(folded.levels, rng).items():
      mean_field[folded.mass_rows[index]] = masses
    if not _are_close(by_density(mean_field)[0], by_state(mean_field)[0]):
      return False
  return True


def _are_close(first: np.ndarray, second: np.ndarray) -> bool:
  """Returns whether rewards are equal up to a tolerance.

  It is relative to the largest reward.
  """
  scale = max(np.abs(first).max(), np.abs(second).max())
  return bool(np.abs(first - second).max() <= comparison.TOLERANCE * scale)


def _note_path_dependence(
  found: comparison.Comparison, notes: list[str]
) -> None:
  worst = found.worst()
  if worst:
    notes.append(
      "rewards or transitions depend on the path to a node, not only on its"
      " observation string; values use the first path found. Largest"
      f" difference between the compared paths (a few per node): {worst}."
    )
