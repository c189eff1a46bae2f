"""Derivatives of rewards in the mean field.

Newton's method needs dr(s, a, mu) / dmu(x). Known are those of crowd aversion,
of linear rewards, and of OpenSpiel's games with a `known_games.DensityFormula`.
All others are central differences,

    (r(mu + h) - r(mu - h)) / 2h,

exact where rewards are quadratic, and good enough for Newton's method where
they are smooth. If rewards see no more than the mass of their own state, two
evaluations give all of them; a masses' step is a small part of the mass itself,
so that none gets negative. Else one state of each layer is moved at a time.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np
from scipy import sparse

from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import stationary_model

# Of the mass, the step of a difference: the cube root of the rounding error.
STEP = 6e-6
# Rewards of more states than these, that see several masses, have to declare
# their derivatives.
MOST_STATES = 500
# Rewards are the same up to this share of the largest one.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Slopes:
  """The derivatives dr(s, a, mu) / dmu(x) of E pairs (s, a) and N states x.

  Attributes:
    own: (E,), the derivative in the mass of the pair's own state, but for what
      `coupling` has of it.
    coupling: (E, N), derivatives in the masses of all states; None for zeros.
  """

  own: np.ndarray
  coupling: sparse.csr_array | None = None


# From the (N,) mean field of a model to the slopes of all its N * A pairs, that
# of state s and action a being s * A + a.
Source = Callable[[np.ndarray], Slopes]
# From the (N,) mean field to (N, A) rewards.
_Rewards = Callable[[np.ndarray], np.ndarray]


def of_model(model: model_lib.MeanFieldModel) -> Source:
  """Returns the derivatives of the rewards of a model.

  Raises:
    ValueError: If they are not known.
  """
  if isinstance(model, stationary_model.StationaryModel):
    return _of_mdp(model.mdp)
  if isinstance(model, compiled_game.CompiledGame):
    if isinstance(model.form, mdp_form.MDPForm):
      assert isinstance(model.game, mdp_game.MDPGame)
      return _in_layers(_of_mdp(model.game.mean_field_mdp()), model)
    return _of_game(model)
  raise ValueError(
    f"game must be a game, or a model of its arrays, got {model!r}."
  )


def _of_mdp(mdp: mdp_lib.MeanFieldMDP) -> Source:
  """Returns the derivatives of the rewards of an MDP, (S * A,)."""
  reward, num_actions = mdp.reward, mdp.num_actions
  if isinstance(reward, mdp_lib.CrowdAversion):
    weight = reward.crowd_aversion

    def slopes(mean_field: np.ndarray) -> Slopes:
      own = -weight / (mean_field + mdp_lib.DENSITY_FLOOR)
      return Slopes(np.repeat(own, num_actions))

    return slopes
  if isinstance(reward, declared_rewards.LinearReward):
    weights = sparse.csr_array(reward.weights)
    constant = Slopes(np.zeros(reward.base.size), weights)
    return lambda _: constant
  if isinstance(reward, declared_rewards.LocalReward) or _is_local(
    mdp.reward_at, mdp.num_states
  ):
    return lambda mean_field: _own_differences(mdp.reward_at, mean_field)
  if mdp.num_states > MOST_STATES:
    raise ValueError(
      "reward must be a CrowdAversion, LocalReward or LinearReward where there"
      f" are more than {MOST_STATES} states, got {mdp.num_states};"
      " annealed_mf_trpo needs no derivatives."
    )
  layers = np.zeros(mdp.num_states, int)
  return lambda law: _all_differences(mdp.reward_at, law, STEP * law, layers)


def _in_layers(source: Source, model: compiled_game.CompiledGame) -> Source:
  """Returns the derivatives of rewards gamma^t r(x, a, mu_t) in all layers."""
  num_layers = int(model.layers[-1]) + 1
  num_actions = model.legal_actions_mask.shape[1]
  discounts = np.repeat(model.discounts, num_actions)

  def slopes(mean_field: np.ndarray) -> Slopes:
    found = [source(law) for law in np.split(mean_field, num_layers)]
    own = np.concatenate([layer.own for layer in found]) * discounts
    couplings: Any = [layer.coupling for layer in found]
    if couplings[0] is None:
      return Slopes(own)
    blocks = sparse.csr_array(sparse.block_diag(couplings))
    return Slopes(own, sparse.csr_array(sparse.diags_array(discounts) @ blocks))

  return slopes


def _of_game(model: compiled_game.CompiledGame) -> Source:
  """Returns the derivatives of the rewards of a game that was enumerated.

  Raises:
    ValueError: If rewards see more than the mass of their own state, and it is
      not known how.
  """
  form, num_actions = model.form, model.legal_actions_mask.shape[1]
  source = getattr(form, "reward_source", None)
  if isinstance(source, reward_sources.DensityRewards):
    by_density = source
    rows = np.repeat(np.arange(len(model.layers)), num_actions)
    coupling = source.weights[rows] if source.weights.nnz else None
    return lambda mean_field: Slopes(
      by_density.log_slopes(mean_field)[rows], coupling
    )

  def rewards(mean_field: np.ndarray) -> np.ndarray:
    mdp, _ = form.dynamics(mean_field)
    return mdp.action_rewards(*form.rewards(mean_field))

  if known_games.has_quadratic_rewards(model.game):
    steps = np.ones(len(model.layers))
    return lambda mean_field: _all_differences(
      rewards, mean_field, steps, model.layers
    )
  if _is_local(rewards, len(model.layers)):
    return lambda mean_field: _own_differences(rewards, mean_field)
  raise ValueError(
    "game must have rewards that see the mass of the own state alone, or whose"
    f" derivatives are known, got {model.game_name}; annealed_mf_trpo needs no"
    " derivatives."
  )


def _is_local(rewards: _Rewards, num_states: int) -> bool:
  """Returns whether rewards seem to see the mass of their own state alone.

  In two mixtures of random masses each state must pay what it does under those
  from which its own mass is taken.
  """
  rng = np.random.default_rng(0)
  for _ in range(2):
    first, second = rng.dirichlet(np.ones(num_states), 2)
    is_first = rng.random(num_states) < 0.5
    paid = rewards(first), rewards(second)
    expected = np.where(is_first[:, None], *paid)
    found = rewards(np.where(is_first, first, second))
    scale = max(np.abs(paid[0]).max(), np.abs(paid[1]).max())
    if np.abs(found - expected).max() > _TOLERANCE * scale:
      return False
  return True


def _own_differences(rewards: _Rewards, mean_field: np.ndarray) -> Slopes:
  """Returns derivatives in the own mass, 0 where there is none."""
  up, down = mean_field * (1 + STEP), mean_field * (1 - STEP)
  difference = rewards(up) - rewards(down)
  width = np.where(up > down, up - down, np.inf)
  return Slopes((difference / width[:, None]).ravel())


def _all_differences(
  rewards: _Rewards,
  mean_field: np.ndarray,
  steps: np.ndarray,
  layers: np.ndarray,
) -> Slopes:
  """Returns derivatives in all masses of the own layer.

  Args:
    rewards: What is differentiated.
    mean_field: (N,).
    steps: (N,), how far each mass is moved; 0 where there is no derivative.
    layers: (N,), from 0 on, in order.
  """
  starts = np.searchsorted(layers, layers)
  places = np.arange(len(layers)) - starts
  num_actions = rewards(mean_field).shape[1]
  pairs = np.arange(len(layers) * num_actions)
  rows, columns, entries = [], [], []
  for place in range(places.max() + 1):
    moved = np.where(places == place, steps, 0.0)
    up, down = mean_field + moved, mean_field - moved
    difference = (rewards(up) - rewards(down)).ravel()
    # The state of each pair's layer that was moved.
    column = np.repeat(starts + place, num_actions)
    width = np.append(up - down, 0.0)[np.minimum(column, len(layers))]
    found = np.flatnonzero((difference != 0) & (width > 0))
    rows.append(pairs[found])
    columns.append(column[found])
    entries.append(difference[found] / width[found])
  coupling = sparse.csr_array(
    (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))),
    shape=(len(pairs), len(layers)),
  )
  return Slopes(np.zeros(len(pairs)), coupling)
