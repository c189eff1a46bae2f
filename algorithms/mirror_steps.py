"""Mirror-descent steps on logits, shared by the algorithms.

A policy pi = softmax(y) is stored as its logits y, (N, A), with -inf where an
action is not legal, so that log pi is never computed from a tiny pi.

PolicyUpdate of MF-TRPO (Algorithm 1, lines 5 to 11) is such a step with
learning rate 1 / (eta (l + 2)). In a model of finite horizon the action values
at time t include the factor gamma^t, and eta has to be multiplied by it as
well: `MeanFieldModel.discounts` has these factors.
"""

import numpy as np

from mftrpo_openspiel.utils import memo
from mftrpo_openspiel.utils import rows


def uniform_logits(legal_actions_mask: np.ndarray) -> np.ndarray:
  """Returns the (N, A) logits of the uniform policy."""
  return np.where(legal_actions_mask, 0.0, -np.inf)


# Most steps use the same legal actions as the step before.
_uniform_logits = memo.Memo(uniform_logits)


def mirror_step(
  logits: np.ndarray,
  action_values: np.ndarray,
  learning_rate: float | np.ndarray,
  regularization: float | np.ndarray = 0.0,
) -> np.ndarray:
  """Returns the logits after a step of regularized mirror descent.

  The step y <- y + lr (Q - eta log pi) for pi = softmax(y), up to a constant in
  each row: (1 - lr eta) y + lr Q.

  Args:
    logits: (N, A), y; -inf where an action is not legal.
    action_values: (N, A), Q; -inf where an action is not legal.
    learning_rate: lr >= 0; a number, or (N, 1) for one per state.
    regularization: eta in [0, 1 / lr]; a number, or (N, 1).

  Returns:
    (N, A), with a largest entry of 0 in each row.
  """
  is_legal = action_values > -np.inf
  several = rows.with_several(is_legal)
  if several is not None:
    # Where only one action is legal, its logit is the largest one, 0.
    stepped = _uniform_logits(is_legal).copy()
    rate, weight = (
      each[several] if isinstance(each, np.ndarray) and each.ndim else each
      for each in (learning_rate, regularization)
    )
    stepped[several] = _step(
      logits[several], action_values[several], rate, weight
    )
    return stepped
  return _step(logits, action_values, learning_rate, regularization)


def _step(
  logits: np.ndarray,
  action_values: np.ndarray,
  learning_rate: float | np.ndarray,
  regularization: float | np.ndarray,
) -> np.ndarray:
  share = 1 - learning_rate * regularization
  if np.all(share * learning_rate):
    stepped = share * logits + learning_rate * action_values
  else:
    # A factor of 0 gives NaN for actions that are not legal: 0 * -inf.
    with np.errstate(invalid="ignore"):
      stepped = share * logits + learning_rate * action_values
    stepped[np.isneginf(action_values)] = -np.inf
  return stepped - rows.maximum(stepped)[:, None]


def inverse(weights: np.ndarray) -> np.ndarray:
  """Returns 1 / weights; 0 where a weight is 0 or subnormal."""
  is_normal = weights >= np.finfo(np.float64).tiny
  return np.divide(1.0, weights, out=np.zeros_like(weights), where=is_normal)
