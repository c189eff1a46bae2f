"""The options of a model of simulated plays, as programs take them."""

import inspect

from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.simulators import best_responses
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.utils import program_options

# What a model can be sampled from.
SAMPLED_FROM = ("compiled", "stationary")

_DEFAULTS = {
  name: parameter.default
  for name, parameter in inspect.signature(
    sampled_model.SampledModel
  ).parameters.items()
}
# By the names of the parameters of `sampled_model.SampledModel`; and what that
# is made from, by a name.
OPTIONS = {
  option.flag: option
  for option in (
    program_options.Option(
      "num_trajectories",
      int,
      "Plays from which action values are estimated, each time (default"
      f" {_DEFAULTS['num_trajectories']}).",
    ),
    program_options.Option(
      "num_particles",
      int,
      "Players whose places estimate a mean field (default"
      f" {_DEFAULTS['num_particles']}).",
    ),
    program_options.Option(
      "estimator",
      str,
      f"How plays become action values (default {_DEFAULTS['estimator']})."
      " published: as in the paper on finite samples; baseline: less the mean"
      " of the other plays of the state; pair_averages: the mean of each state"
      " and action.",
      tuple(estimators.ESTIMATORS),
    ),
    program_options.Option(
      "simulator",
      str,
      f"What plays (default {_DEFAULTS['simulator']}): arrays; or openspiel,"
      " the states of the game, which is slow.",
      tuple(sampled_model.SIMULATORS),
    ),
    program_options.Option(
      "best_response",
      str,
      "Where optimal action values come from, which fictitious_play and"
      f" fixed_point need (default {_DEFAULTS['best_response']})."
      " sampled_kernel: the exact ones of the sampled transitions and rewards;"
      " q_learning: tabular Q-learning.",
      tuple(best_responses.BEST_RESPONSES),
    ),
    program_options.Option(
      "seed",
      int,
      f"Of all random numbers of the model (default {_DEFAULTS['seed']}).",
    ),
    program_options.Option(
      "max_rollout_steps",
      int,
      "Longest play after an action; not given: until the discount has fallen"
      " to a tenth, over a finite horizon to the end.",
    ),
    program_options.Option(
      "num_particle_steps",
      int,
      "Steps of the players that stand for the limit of many (default"
      f" {_DEFAULTS['num_particle_steps']}).",
    ),
    program_options.Option(
      "num_best_response_steps",
      int,
      "Most steps that are played for optimal action values, each time; not"
      " given: as many as --num_trajectories plays of --max_rollout_steps"
      " have.",
    ),
    program_options.Option(
      "sampled_from",
      str,
      "Which game is played: stationary, over an infinite horizon, the default"
      " of games over a mean-field MDP; or compiled, over the game's own finite"
      " horizon, the default of all others.",
      SAMPLED_FROM,
    ),
  )
}
