"""Comparison with Bench-MFG (JAX), on its four rooms.

The game has 11 x 11 states, of which 17 are walls, five moves with five
additional noise moves, the reward -log mu, and gamma = 0.9. `mdp` converts the
environment to an MDP. Both packages start from a random policy like Bench-MFG's
default, but with no players in the walls: by default some start there and learn
to stay, because empty walls have the highest reward.

Its mirror descent advances the mean field by 20 steps of the kernel per
iteration, and by 50 more for the exploitability, where this package uses the
invariant law. Because of this slow change it converges with its best learning
rate, 0.5 / 0.8. With the invariant law and this learning rate, OMD oscillates,
so our OMD has a smaller learning rate, and annealed MF-TRPO a longer window
than by default. Our regularized method is measured by phi_eta, because it
converges to equilibria of the regularized game.
"""

from collections.abc import Iterator
import contextlib
import io
from typing import Any

from benchmfg.envs import mfg_model_class_jit as bench_mfg
from benchmfg.envs.four_rooms_obstacles import four_rooms_obstacles
from benchmfg.envs.four_rooms_obstacles import four_rooms_obstacles_jit
from benchmfg.learner.jax import omd_jax
import jax
import numpy as np

from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import other_packages
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.utils import softmax

NUM_STATES = 121
DISCOUNT = 0.9
# Parameters of Bench-MFG.
LEARNING_RATE = 0.5
TEMPERATURE = 0.8
HORIZON = 100
# Parameters of this package.
RATE = 0.3
ETA = 0.3
# Policies are improved also in the walls.
EVERYWHERE: dict[str, Any] = {
  "restart_distribution": np.full(NUM_STATES, 1 / NUM_STATES)
}
ANNEALED = {"window": 20.0, **EVERYWHERE}
WARM: dict[str, Any] = {
  "regularization": ETA,
  "population_update_rate": 0.1,
  "warm_start": True,
  **EVERYWHERE,
}
NUM_ITERATIONS = 2000
# Steps and horizon with which Bench-MFG's values are nearly exact.
LONG_HORIZON = 400
LONG_RUN = 20_000


def contests() -> Iterator[other_packages.Contest]:
  """Yields the comparison on its four rooms."""
  environment = create_environment(HORIZON)
  model = stationary_model.StationaryModel(mdp(environment))
  # Softmax(u / 0.2) with u uniform in [-1, 1], Bench-MFG's "PSO_uniform".
  uniform = np.random.default_rng(0).uniform(-1.0, 1.0, (NUM_STATES, 5))
  initial = softmax.softmax(uniform, 0.2)
  theirs = {
    f"OMD, float{bits}": _mirror_descent(environment, initial, bits == 64)
    for bits in (32, 64)
  }
  logits = np.log(initial)

  def started(algorithm, **other):
    state = {"policy": initial, "mean_field": model.mean_field(initial)}
    algorithm.restore({**algorithm.state(), **state, **other})
    return algorithm

  ours = {
    "OMD": other_packages.solver(
      lambda: started(mirror_descent.MirrorDescent(model, lr=RATE))
    ),
    "MF-TRPO (warm), phi_eta": other_packages.solver(
      lambda: started(mf_trpo.MFTRPO(model, **WARM), logits=logits), ETA
    ),
    "MF-TRPO (annealed)": other_packages.solver(
      lambda: started(
        annealed_mf_trpo.AnnealedMFTRPO(model, **ANNEALED), logits=logits
      )
    ),
  }
  exact = create_environment(LONG_HORIZON)
  policies = other_packages.random_policies(model.mdp.num_states, 5)
  yield other_packages.Contest(
    f"four rooms, {NUM_STATES} states",
    theirs,
    ours,
    [(their, our) for our in ours for their in theirs],
    NUM_ITERATIONS,
    max(
      abs(exploitability(exact, policy) / model.exploitability(policy) - 1)
      for policy in policies
    ),
  )


def create_environment(
  horizon: int,
) -> four_rooms_obstacles.FourRoomsAversion2D:
  """Returns its four rooms, with values that are sums of `horizon` rewards."""
  environment = four_rooms_obstacles.FourRoomsAversion2D(
    horizon=horizon,
    mean_field=np.full(NUM_STATES, 1 / NUM_STATES),
    gamma=DISCOUNT,
  )
  free = ~environment.obstacle_mask.ravel()
  environment.stationary_mean_field = free / free.sum()
  return environment


def mdp(
  environment: four_rooms_obstacles.FourRoomsAversion2D,
) -> mdp_lib.MeanFieldMDP:
  """Returns the environment as an MDP."""
  num_states, num_actions = environment.N_states, environment.N_actions
  kernel = np.zeros((num_states, num_actions, num_states))
  for x, action in np.ndindex(num_states, num_actions):
    for noise, probability in enumerate(environment.noise_prob):
      following = environment.transition(None, x, action, noise)
      kernel[x, action, following] += probability

  base = np.zeros((num_states, num_actions))

  def reward(mean_field):
    density = np.maximum(mean_field, environment.epsilon)
    return base - environment.alpha * np.log(density)[:, None]

  return mdp_lib.MeanFieldMDP(
    kernel, reward, DISCOUNT, environment.stationary_mean_field.copy()
  )


def exploitability(
  environment: four_rooms_obstacles.FourRoomsAversion2D, policy: np.ndarray
) -> float:
  """Returns Bench-MFG's exploitability, in float64, for a long run."""
  spec = _spec(environment)
  with jax.enable_x64(True):
    law = bench_mfg.mean_field_by_transition_kernel_multi_jax(
      policy, spec, LONG_RUN, environment.stationary_mean_field
    )
    return float(bench_mfg.exploitability_jax(policy, spec, law))


def _spec(
  environment: four_rooms_obstacles.FourRoomsAversion2D,
) -> bench_mfg.EnvSpec:
  return bench_mfg.EnvSpec(
    environment,
    four_rooms_obstacles_jit.transition_four_rooms_obstacles,
    four_rooms_obstacles_jit.reward_four_rooms_obstacles,
  )


def _mirror_descent(
  environment: four_rooms_obstacles.FourRoomsAversion2D,
  initial_policy: np.ndarray,
  double: bool,
) -> other_packages.Solver:
  spec = _spec(environment)
  mean_field = environment.stationary_mean_field

  def solve(num_iterations):
    environment.stationary_mean_field = mean_field  # Changed by each run.
    with jax.enable_x64(double), contextlib.redirect_stderr(io.StringIO()):
      learner = omd_jax.OMD_jax(
        spec,
        initial_policy,
        LEARNING_RATE,
        num_iterations,
        temperature=TEMPERATURE,
      )
      _, _, exploitabilities = learner.eval()
    return exploitabilities[1:]

  return solve
