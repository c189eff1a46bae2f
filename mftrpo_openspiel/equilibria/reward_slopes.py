"""Derivatives of rewards in the mean field.

Newton's method needs dr(s, a, mu) / dmu(x). Where a reward sees the mass of its
own state alone, that is one number for each action; else it is a sparse matrix.
"""

from collections.abc import Callable
import dataclasses
from typing import Any

import numpy as np
from scipy import sparse

from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.models import stationary_model


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


def of_model(model: model_lib.MeanFieldModel) -> Source:
  """Returns the derivatives of the rewards of a model.

  Raises:
    ValueError: If they are not known.
  """
  if isinstance(model, stationary_model.StationaryModel):
    return _of_mdp(model.mdp)
  if isinstance(model, compiled_game.CompiledGame):
    form = model.form
    if isinstance(form, mdp_form.MDPForm):
      return _in_layers(_of_mdp(model.game.mean_field_mdp()), model)
    source = getattr(form, "reward_source", None)
    if isinstance(source, reward_sources.DensityRewards):
      return _of_densities(source, model)
  raise ValueError(
    "game must have rewards whose derivatives in the mean field are known, got"
    f" {model.game_name}; annealed_mf_trpo does without."
  )


def _of_mdp(mdp: mdp_lib.MeanFieldMDP) -> Source:
  """Returns the derivatives of the rewards of an MDP, (S * A,)."""
  reward, num_actions = mdp.reward, mdp.num_actions
  if isinstance(reward, mdp_lib.CrowdAversion):

    def slopes(mean_field: np.ndarray) -> Slopes:
      own = -reward.crowd_aversion / (mean_field + mdp_lib.DENSITY_FLOOR)
      return Slopes(np.repeat(own, num_actions))

    return slopes
  if isinstance(reward, declared_rewards.LinearReward):
    weights = sparse.csr_array(reward.weights)
    constant = Slopes(np.zeros(reward.base.size), weights)
    return lambda _: constant
  raise ValueError(
    "reward must be a CrowdAversion or a LinearReward for its derivatives to be"
    f" known, got a {type(reward).__name__}; annealed_mf_trpo does without."
  )


def _in_layers(source: Source, model: compiled_game.CompiledGame) -> Source:
  """Returns the derivatives of rewards gamma^t r(x, a, mu_t) in all layers."""
  num_layers = int(model.layers[-1]) + 1
  num_actions = model.legal_actions_mask.shape[1]
  discounts = np.repeat(model.discounts, num_actions)

  def slopes(mean_field: np.ndarray) -> Slopes:
    found = [source(law) for law in np.split(mean_field, num_layers)]
    own = np.concatenate([layer.own for layer in found]) * discounts
    if found[0].coupling is None:
      return Slopes(own)
    couplings: Any = [layer.coupling for layer in found]
    blocks = sparse.csr_array(sparse.block_diag(couplings))
    return Slopes(own, sparse.csr_array(sparse.diags_array(discounts) @ blocks))

  return slopes


def _of_densities(
  source: reward_sources.DensityRewards, model: compiled_game.CompiledGame
) -> Source:
  num_actions = model.legal_actions_mask.shape[1]
  rows = np.repeat(np.arange(len(model.layers)), num_actions)
  coupling = source.weights[rows] if source.weights.nnz else None
  return lambda mean_field: Slopes(
    source.log_slopes(mean_field)[rows], coupling
  )
