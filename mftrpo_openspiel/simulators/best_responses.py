"""The methods that learn optimal action values, by name."""

from collections.abc import Callable

import numpy as np

from mftrpo_openspiel.simulators import learning_task
from mftrpo_openspiel.simulators import q_learning
from mftrpo_openspiel.simulators import sampled_kernel

BestResponse = Callable[
  [learning_task.LearningTask, np.random.Generator],
  learning_task.OptimalValues,
]

BEST_RESPONSES: dict[str, BestResponse] = {
  "q_learning": q_learning.optimal_values,
  "sampled_kernel": sampled_kernel.optimal_values,
}
