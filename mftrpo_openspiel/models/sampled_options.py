"""The options of `sampled_model.SampledModel` for programs."""

import inspect

from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.simulators import best_responses
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.utils import program_options

# The exact models from which a model can be sampled.
SAMPLED_FROM = ("compiled", "stationary")

_DEFAULTS = {
  name: parameter.default
  for name, parameter in inspect.signature(
    sampled_model.SampledModel
  ).parameters.items()
}
# They have the names of the parameters of `sampled_model.SampledModel`, except
# `sampled_from`, which names the exact model.
OPTIONS = {
  option.flag: option
  for option in (
    program_options.Option(
      "num_trajectories",
      int,
      "Number of simulated plays per estimate of action values (default"
      f" {_DEFAULTS['num_trajectories']}).",
    ),
    program_options.Option(
      "num_particles",
      int,
      "Number of simulated players per estimate of a mean field (default"
      f" {_DEFAULTS['num_particles']}).",
    ),
    program_options.Option(
      "estimator",
      str,
      "Estimator of action values from plays (default"
      f" {_DEFAULTS['estimator']}). published: as in the paper on finite"
      " samples; baseline: minus the mean return of the other plays of the"
      " state; pair_averages: the mean return of each state and action.",
      tuple(estimators.ESTIMATORS),
    ),
    program_options.Option(
      "simulator",
      str,
      f"Simulator of plays (default {_DEFAULTS['simulator']}): arrays; or"
      " openspiel, the states of the OpenSpiel game, which is slow.",
      tuple(sampled_model.SIMULATORS),
    ),
    program_options.Option(
      "best_response",
      str,
      "Method for optimal action values, which fictitious_play and fixed_point"
      f" need (default {_DEFAULTS['best_response']}). sampled_kernel: exact"
      " values of an MDP estimated from sampled transitions and rewards;"
      " q_learning: tabular Q-learning.",
      tuple(best_responses.BEST_RESPONSES),
    ),
    program_options.Option(
      "seed",
      int,
      f"Seed of all random numbers of the model (default {_DEFAULTS['seed']}).",
    ),
    program_options.Option(
      "max_rollout_steps",
      int,
      "Number of decisions after which a return is truncated. By default, when"
      " the discount factor has decreased to 0.1; on a finite horizon, the end"
      " of the play.",
    ),
    program_options.Option(
      "num_particle_steps",
      int,
      "Number of steps of the players that approximate the limit of infinitely"
      f" many (default {_DEFAULTS['num_particle_steps']}).",
    ),
    program_options.Option(
      "num_best_response_steps",
      int,
      "Largest number of simulated steps per estimate of optimal action values"
      " (default: num_trajectories times max_rollout_steps).",
    ),
    program_options.Option(
      "sampled_from",
      str,
      "Exact model to sample from: stationary, over an infinite horizon, the"
      " default for games over a mean-field MDP; or compiled, over the game's"
      " own finite horizon, the default for all others.",
      SAMPLED_FROM,
    ),
  )
}
