"""Boltzmann policy iteration.

Cui and Koeppl (2021), "Approximately Solving Mean Field Games via
Entropy-Regularized Deep Reinforcement Learning", arXiv:2102.01585. An iteration

1. evaluates the policy in its own mean field, Q = Q^pi_{mu^pi},
2. replaces it by the Boltzmann policy pi = softmax(lr Q).

It is Online Mirror Descent without the sum over past action values. It is also
OpenSpiel's BoltzmannPolicyIteration, including games in which decision nodes
share children.
"""

import numpy as np
from open_spiel.python.mfg import value as value_lib
import pyspiel

from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.utils import rows


class BoltzmannPolicyIteration(mirror_descent.MirrorDescent):
  """Boltzmann policy iteration; `mean_field` is that of `policy`."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    state_value: value_lib.ValueFunction | None = None,
    lr: float = 0.01,
    root_state: pyspiel.State | None = None,
  ):
    """Initializes the algorithm.

    Args:
      game: A game, which is compiled, or a model.
      state_value: None or an empty table; see `MirrorDescent`.
      lr: Inverse temperature of the softmax, > 0.
      root_state: State in which plays start; see `MirrorDescent`.

    Raises:
      ValueError: If a parameter is out of range, as in `MirrorDescent`.
    """
    super().__init__(game, state_value, lr, root_state)

  def iteration(self, learning_rate: float | None = None) -> None:
    """Performs one iteration.

    Args:
      learning_rate: Not used, as in OpenSpiel's class: the softmax uses the
        `lr` of the constructor.
    """
    del learning_rate
    super().iteration()

  def _step(
    self, logits: np.ndarray, action_values: np.ndarray, learning_rate: float
  ) -> np.ndarray:
    """Returns lr Q, up to a constant in each row."""
    del logits
    highest = rows.maximum(action_values)[:, None]
    return learning_rate * (action_values - highest)
