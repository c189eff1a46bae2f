"""Any mean-field game, known by plays alone.

Sampling is a model, not an algorithm: action values, mean fields and the states
that are visited are estimates from simulated play, and each algorithm on such a
model is its sample-based form.
"""

from collections.abc import Mapping
import math

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import alias_tables
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.simulators import particles
from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.utils import validation

# Values of rollouts leave out what comes after gamma^T has fallen to this.
_LEFT_OUT = 0.01


class SampledModel(mean_field_model.MeanFieldModel):
  """A mean-field game of which algorithms see nothing but plays.

  Attributes:
    exact: The model of the same game by arrays. Exploitabilities, OpenSpiel's
      policies and the names of states are its; no learner sees its numbers.
    num_environment_steps: How many decisions have been played so far.
  """

  num_environment_steps: int

  def __init__(
    self,
    game: mdp_lib.MeanFieldMDP
    | pyspiel.Game
    | stationary_model.StationaryModel
    | compiled_game.CompiledGame,
    num_trajectories: int = 10_000,
    num_particles: int = 10_000,
    estimator: str = "baseline",
    seed: int = 0,
    *,
    simulator: str = "arrays",
    best_response: str = "sampled_kernel",
    max_rollout_steps: int | None = None,
    num_particle_steps: int = 100,
  ):
    """Initializes the model.

    Args:
      game: What is played. A `MeanFieldMDP` or a `StationaryModel` is played
        for ever; a game is compiled.
      num_trajectories: M, the rollouts for each call of `action_values`.
      num_particles: The players of whom a mean field is the empirical law.
      estimator: How rollouts become action values, one of
        `estimators.ESTIMATORS`.
      seed: Of all chance.
      simulator: What plays, "arrays".
      best_response: Where optimal action values come from.
      max_rollout_steps: T, the steps of a rollout after which its return ends.
      num_particle_steps: How many steps stand for the limit of many.

    Raises:
      ValueError: If an argument is out of range.
    """
    self._num_trajectories = validation.check_int(
      "num_trajectories", num_trajectories, 1
    )
    self._num_particles = validation.check_int(
      "num_particles", num_particles, 1
    )
    self._estimate = estimators.ESTIMATORS[
      validation.check_choice("estimator", estimator, estimators.ESTIMATORS)
    ]
    self._seed = validation.check_int("seed", seed, 0)
    validation.check_choice("simulator", simulator, ["arrays"])
    self._best_response = best_response
    if isinstance(game, mdp_lib.MeanFieldMDP):
      game = stationary_model.StationaryModel(game)
    elif isinstance(game, pyspiel.Game):
      game = compiled_game.CompiledGame(game)
    self.exact = validation.check_type(
      "game", game, stationary_model.StationaryModel, compiled_game.CompiledGame
    )
    if isinstance(self.exact, compiled_game.CompiledGame):
      raise NotImplementedError("SampledModel of games of finite horizon.")
    self._simulator: simulator_lib.Simulator
    self._simulator = array_simulator.StationarySimulator(self.exact.mdp)
    self._num_particle_steps = validation.check_int(
      "num_particle_steps", num_particle_steps, 1
    )
    if max_rollout_steps is None:
      discount = self._simulator.discount
      max_rollout_steps = (
        math.ceil(math.log(_LEFT_OUT) / math.log(discount)) if discount else 1
      )
    self._max_rollout_steps = validation.check_int(
      "max_rollout_steps", max_rollout_steps, 1
    )
    self.game, self.root_state = self.exact.game, self.exact.root_state
    self.legal_actions_mask = self.exact.legal_actions_mask
    self.discounts = self.exact.discounts
    self._num_calls = 0
    self.num_environment_steps = 0
    self._visited = np.zeros(len(self.discounts), bool)

  @property
  def observation_strings(self) -> list[str]:
    """The N strings of the states, those of `exact`."""
    return self.exact.observation_strings

  @property
  def game_name(self) -> str:
    """The name of the game, that of `exact`."""
    return self.exact.game_name

  def state(self) -> dict[str, np.ndarray]:
    """Returns what later draws depend on, and the count of steps."""
    return {
      "num_calls": np.asarray(self._num_calls),
      "num_environment_steps": np.asarray(self.num_environment_steps),
    }

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was."""
    self._num_calls = int(state["num_calls"])
    self.num_environment_steps = int(state["num_environment_steps"])

  def _rng(self) -> np.random.Generator:
    """Returns the source of chance of one call."""
    sequence = np.random.SeedSequence((self._seed, self._num_calls))
    self._num_calls += 1
    return np.random.default_rng(sequence)

  def initial_mean_field(self) -> np.ndarray:
    """Returns the empirical law of players at the beginning."""
    rng = self._rng()
    frozen = self._simulator.under(np.full(len(self.discounts), 1.0))
    places = frozen.initial(self._num_particles, rng)
    return particles.empirical_law(frozen.rows(places), len(self.discounts))

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns where players of `mean_field` are after `num_steps` steps."""
    rng = self._rng()
    frozen = self._simulator.under(mean_field)
    law = alias_tables.AliasTables(mean_field, np.array([0, mean_field.size]))
    rows = law.draw(np.zeros(self._num_particles, np.intp), rng)
    num_averaged = 1
    if num_steps is None:
      num_steps = self._num_particle_steps
      num_averaged = (num_steps + 1) // 2
    self.num_environment_steps += num_steps * self._num_particles
    return particles.moved(
      frozen, policy, frozen.at(rows), num_steps, num_averaged, rng
    )

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns the law of players long after the beginning."""
    return self.propagate(policy, self.initial_mean_field(), None)

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns estimates of Q_mu^pi, up to a constant in each state."""
    policy = validation.check_policy(policy, self.legal_actions_mask)
    temperatures = None
    if validation.check_real("regularization", regularization, 0):
      temperatures = regularization * self.discounts
    sums = rollouts.play(
      self._simulator,
      self._simulator.under(mean_field),
      policy,
      temperatures,
      mean_field if start is None else start,
      self._num_trajectories,
      self._max_rollout_steps,
      self._rng(),
    )
    self.num_environment_steps += sums.num_environment_steps
    values, self._visited = self._estimate(sums, self.legal_actions_mask)
    return np.where(self.legal_actions_mask, values, -np.inf)

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: the states the last `action_values` visited."""
    return self._visited

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns estimates of the maximum over policies of Q_mu^pi."""
    raise NotImplementedError("optimal action values from samples")

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns that of `exact`, for evaluation only."""
    return self.exact.exploitability(policy, regularization)

  def accuracy(self) -> str:
    """Returns that of `exact`, which exploitabilities come from."""
    return self.exact.accuracy()

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns `policy` as a frozen policy for `game`."""
    return self.exact.to_openspiel(policy)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`."""
    return self.exact.from_openspiel(policy)

  def _node_rows(self) -> dict[str, int]:
    return self.exact._node_rows()
