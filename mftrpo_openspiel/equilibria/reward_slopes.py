"""Derivatives of rewards with respect to the mean field.

Newton's method needs dr(s, a, mu) / dmu(x). There are formulas for crowd
aversion, for linear rewards, and for OpenSpiel's games with a
`known_games.DensityFormula`. All other derivatives are central differences,

    (r(mu + h) - r(mu - h)) / 2h,

which are exact for quadratic rewards, and sufficient for Newton's method if
rewards are smooth. If rewards depend only on the mass of their own state, two
evaluations give all derivatives. The step of a mass is then a small fraction of
the mass itself, so that masses do not become negative. Otherwise the mass of
one state of each layer is changed at a time.
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

# Step of a difference, relative to the mass: the cube root of machine epsilon.
STEP = 6e-6
# With more states than this, rewards that depend on several masses must declare
# their derivatives.
MOST_STATES = 500
# Tolerance of comparisons of rewards, relative to the largest one.
_TOLERANCE = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class Slopes:
  """The derivatives dr(s, a, mu) / dmu(x) of E pairs (s, a) and N states x.

  Attributes:
    own: (E,), the derivative with respect to the mass of the pair's own state,
      to which the entry of `coupling` is added.
    coupling: (E, N), derivatives with respect to the masses of all states; None
      for zeros.
  """

  own: np.ndarray
  coupling: sparse.csr_array | None = None


# From the (N,) mean field of a model to the slopes of all its N * A pairs. The
# pair of state s and action a has the index s * A + a.
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
      "reward must be a CrowdAversion, LocalReward or LinearReward if there are"
      f" more than {MOST_STATES} states, got {mdp.num_states};"
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
    ValueError: If rewards depend on more than the mass of their own state, and
      their derivatives are not known.
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
    "game must have rewards that depend only on the mass of their own state, or"
    f" whose derivatives are known, got {model.game_name}; annealed_mf_trpo"
    " needs no derivatives."
  )


def _is_local(rewards: _Rewards, num_states: int) -> bool:
  """Returns whether rewards seem to depend only on the mass of their own state.

  The masses are taken at random from one of two random distributions, twice.
  The reward of each state must be that under the distribution from which its
  own mass is taken.
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
  """Returns derivatives with respect to the own mass, 0 for states without."""
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
  """Returns derivatives with respect to all masses of the own layer.

  Args:
    rewards: The function to differentiate.
    mean_field: (N,).
    steps: (N,), the step of each mass; 0 if there is no derivative.
    layers: (N,), the layer of each state, in ascending order from 0.
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
    # The state in each pair's layer whose mass was changed.
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
