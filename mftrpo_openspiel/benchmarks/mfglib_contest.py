"""Comparison with MFGLib (PyTorch), on the paper's finite-horizon four rooms.

The MFGLib environment is created from the arrays of our MDP, with discounted
rewards, as in our OpenSpiel game. Both packages start from the uniform policy,
and the methods have the same parameters. MFGLib runs in float32, PyTorch's
default, and is compared with our float64.
"""

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import functools
from typing import Any

from mfglib import alg
from mfglib import env as mfglib_env
from mfglib import scoring
import numpy as np
import torch

from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import prior_descent
from mftrpo_openspiel.benchmarks import other_packages
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.openspiel import policies as policies_lib

LEARNING_RATE = 0.1
NUM_ITERATIONS = 30

_THEIRS: dict[str, Callable[[], Any]] = {
  "OMD": lambda: alg.OnlineMirrorDescent(LEARNING_RATE),
  "FP": alg.FictitiousPlay,
  "prior descent": lambda: alg.PriorDescent(1 / LEARNING_RATE, n_inner=1),
}
_OURS: dict[str, Callable[..., algorithm_lib.MeanFieldAlgorithm]] = {
  "OMD": lambda model: mirror_descent.MirrorDescent(model, lr=LEARNING_RATE),
  "FP": fictitious_play.FictitiousPlay,
  "prior descent": lambda model: prior_descent.PriorDescent(
    model, 1 / LEARNING_RATE, num_prior_iterations=1
  ),
}


def contests() -> Iterator[other_packages.Contest]:
  """Yields the comparison on the four rooms of the paper."""
  game = factory.create_game(setting="four_rooms")
  mdp = game.mean_field_mdp()
  model = compiled_game.CompiledGame(game)
  policies = other_packages.random_policies(mdp.num_states, mdp.num_actions)
  single = environment(mdp, game.horizon)
  theirs = {name: _solver(create, single) for name, create in _THEIRS.items()}
  ours = {
    name: other_packages.solver(functools.partial(create, model))
    for name, create in _OURS.items()
  }
  with default_dtype(torch.float64):
    exact = environment(mdp, game.horizon)
    difference = 0.0
    for policy in policies:
      their_value = scoring.exploitability_score(
        exact, torch.tensor(policy).expand(game.horizon, -1, -1)
      )
      our_value = model.exploitability(
        model.from_openspiel(policies_lib.StationaryPolicy(game, policy))
      )
      difference = max(difference, abs(their_value / our_value - 1))
  yield other_packages.Contest(
    f"{mdp.num_states} cells, horizon {game.horizon}",
    theirs,
    ours,
    [(name, name) for name in theirs],
    NUM_ITERATIONS,
    difference,
  )


def environment(
  mdp: mdp_lib.MeanFieldMDP, horizon: int
) -> mfglib_env.Environment:
  """Returns the MDP with crowd aversion as an environment of MFGLib.

  Its arrays have PyTorch's default type.
  """
  dtype = torch.get_default_dtype()
  num_states, num_actions = mdp.num_states, mdp.num_actions
  kernel = mdp.fixed_kernel.toarray().reshape(num_states, -1, num_states)
  # In MFGLib, the next state is the first index.
  kernel = torch.tensor(np.moveaxis(kernel, 2, 0).copy(), dtype=dtype)
  crowd_aversion = mdp.reward
  assert isinstance(crowd_aversion, mdp_lib.CrowdAversion)
  base = torch.tensor(crowd_aversion.base, dtype=dtype)

  def reward(_, time, masses):
    density = masses.sum(dim=-1, keepdim=True) + mdp_lib.DENSITY_FLOOR
    rewards = base - crowd_aversion.crowd_aversion * torch.log(density)
    return mdp.discount**time * rewards

  return mfglib_env.Environment(
    T=horizon - 1,
    S=(num_states,),
    A=(num_actions,),
    mu0=torch.tensor(mdp.initial_distribution, dtype=dtype),
    r_max=1.0,
    reward_fn=reward,
    transition_fn=lambda *_: kernel,
  )


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
  """Sets the default type of new tensors."""
  before = torch.get_default_dtype()
  torch.set_default_dtype(dtype)
  try:
    yield
  finally:
    torch.set_default_dtype(before)


def _solver(
  create: Callable[[], Any], game: mfglib_env.Environment
) -> other_packages.Solver:
  def solve(num_iterations):
    _, exploitabilities, _ = create().solve(
      game, max_iter=num_iterations, atol=None, rtol=None
    )
    return exploitabilities[1:]

  return solve
