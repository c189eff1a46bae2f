"""A mean-field game that is accessible only through simulated plays.

Sampling is a model, not an algorithm: action values, mean fields and visited
states are estimates from simulated play. Any algorithm on such a model becomes
its sample-based variant.
"""

from collections.abc import Callable
from collections.abc import Mapping
import functools
import math

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import best_responses
from mftrpo_openspiel.simulators import estimators
from mftrpo_openspiel.simulators import learning_task
from mftrpo_openspiel.simulators import openspiel_simulator
from mftrpo_openspiel.simulators import particles
from mftrpo_openspiel.simulators import rollouts
from mftrpo_openspiel.simulators import simulator as simulator_lib
from mftrpo_openspiel.utils import noted_options
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

ExactModel = stationary_model.StationaryModel | compiled_game.CompiledGame

# By default T is the first number of steps with gamma^T at most this.
_LAST_WEIGHT = 0.1


def _on_arrays(exact: ExactModel) -> simulator_lib.Simulator:
  if isinstance(exact, stationary_model.StationaryModel):
    return array_simulator.StationarySimulator(exact.mdp)
  return array_simulator.LayeredSimulator(
    exact.form, num_populations=exact.game.num_players()
  )


def _through_openspiel(exact: ExactModel) -> simulator_lib.Simulator:
  if isinstance(exact, compiled_game.CompiledGame):
    return openspiel_simulator.OpenSpielSimulator(
      exact.game, exact.form, exact.root_state
    )
  raise ValueError(
    "simulator must be 'arrays' for an infinite horizon, which OpenSpiel does"
    " not support, got 'openspiel'."
  )


# Functions by name that return a simulator of an exact model's game.
SIMULATORS: dict[str, Callable[[ExactModel], simulator_lib.Simulator]] = {
  "arrays": _on_arrays,
  "openspiel": _through_openspiel,
}


class SampledModel(noted_options.NotedOptions, mean_field_model.MeanFieldModel):
  """A mean-field game from which algorithms receive only samples of plays.

  * Action values are estimates from rollouts, up to a constant in each state:
    see `simulators.rollouts` and `simulators.estimators`. They are 0 in states
    that were not visited, so a step of mirror descent does not change these.
  * Reachable states are those that the last call of `action_values` visited,
    whatever the arguments.
  * Mean fields are empirical distributions of players, see
    `simulators.particles`.
  * Optimal action values are those of an MDP that is estimated from samples, or
    come from Q-learning; see `simulators.sampled_kernel` and
    `simulators.q_learning`, which also describe the values of actions that were
    never tried.

  Each call that samples creates a random generator from the seed and the number
  of such calls before. So these two numbers are the whole random state.

  Attributes:
    exact: The exact model of the same game. It computes exploitabilities,
      OpenSpiel's policies and the strings of states; algorithms do not receive
      its values.
    num_environment_steps: Number of decisions simulated so far.
    num_trajectories: M, the number of rollouts per call of `action_values`.
    num_particles: Number of players whose empirical distribution is a mean
      field.
    max_rollout_steps: T, the largest number of decisions in a return.
    num_particle_steps: Number of steps that approximate the limit of infinitely
      many.
    num_best_response_steps: Largest number of decisions that are simulated per
      call of `optimal_action_values`.
  """

  num_environment_steps: int
  max_rollout_steps: int

  def __init__(
    self,
    game: mdp_lib.MeanFieldMDP | pyspiel.Game | ExactModel,
    num_trajectories: int = 10_000,
    num_particles: int = 10_000,
    estimator: str = "pair_averages",
    seed: int = 0,
    *,
    simulator: str = "arrays",
    best_response: str = "sampled_kernel",
    max_rollout_steps: int | None = None,
    num_particle_steps: int = 200,
    num_best_response_steps: int | None = None,
  ):
    """Initializes the model.

    Args:
      game: The game to sample from. A `MeanFieldMDP` or a `StationaryModel` is
        played over an infinite horizon; a game is compiled.
      num_trajectories: M, the number of rollouts per call of `action_values`.
      num_particles: Number of players whose empirical distribution is a mean
        field; rounded up so that all populations have the same number.
      estimator: How action values are estimated from rollouts, one of
        `estimators.ESTIMATORS`.
      seed: Seed of all random numbers, >= 0.
      simulator: The simulator of plays, one of `SIMULATORS`.
      best_response: How optimal action values are estimated, one of
        `best_responses.BEST_RESPONSES`.
      max_rollout_steps: T, the number of decisions after which a return is
        truncated. None for the smallest T with gamma^T <= 0.1, or for the
        length of a play on a finite horizon. Most of the truncated rewards are
        the same for all actions of a state and do not affect algorithms; more
        steps cost more and add noise.
      num_particle_steps: Number of steps that approximate the limit of
        infinitely many, on an infinite horizon. Mean fields are averages over
        the second half of them. Where players spread slowly, as on a large
        grid, few particles with many steps approximate the limit better than
        many particles with few steps, at the same cost.
      num_best_response_steps: Largest number of decisions that are simulated
        per call of `optimal_action_values`; at least one play, which on an
        infinite horizon is stopped after `learning_task.PLAY_LENGTH` decisions.
        None for the number of decisions of M rollouts of length T.

    Raises:
      ValueError: If an argument is out of range.
    """
    self.num_trajectories = validation.check_int(
      "num_trajectories", num_trajectories, 1
    )
    self.num_particles = validation.check_int("num_particles", num_particles, 1)
    self._estimate = estimators.ESTIMATORS[
      validation.check_choice("estimator", estimator, estimators.ESTIMATORS)
    ]
    self._seed = validation.check_int("seed", seed, 0)
    create = SIMULATORS[
      validation.check_choice("simulator", simulator, SIMULATORS)
    ]
    self._learn_optimum = best_responses.BEST_RESPONSES[
      validation.check_choice(
        "best_response", best_response, best_responses.BEST_RESPONSES
      )
    ]
    self.num_particle_steps = validation.check_int(
      "num_particle_steps", num_particle_steps, 1
    )
    if max_rollout_steps is not None:
      validation.check_int("max_rollout_steps", max_rollout_steps, 1)
    if isinstance(game, mdp_lib.MeanFieldMDP):
      game = stationary_model.StationaryModel(game)
    elif isinstance(game, pyspiel.Game):
      game = compiled_game.CompiledGame(game)
    self.exact: ExactModel = validation.check_type(
      "game",
      game,
      mdp_lib.MeanFieldMDP,
      pyspiel.Game,
      stationary_model.StationaryModel,
      compiled_game.CompiledGame,
    )
    self.root_state = self.exact.root_state
    self._create_simulator = create
    self._take_over_states()
    self.max_rollout_steps = max_rollout_steps or _default_rollout_steps(
      self._simulator
    )
    least = learning_task.play_length(self._simulator)
    if num_best_response_steps is None:
      num_best_response_steps = max(
        self.num_trajectories * self.max_rollout_steps, least
      )
    self.num_best_response_steps = validation.check_int(
      "num_best_response_steps", num_best_response_steps, least
    )
    self._num_calls = 0
    self.num_environment_steps = 0
    self._visited: np.ndarray | None = None

  def _take_over_states(self) -> None:
    """Sets the attributes that depend on the states of the exact model."""
    self.legal_actions_mask = self.exact.legal_actions_mask
    self.discounts = self.exact.discounts
    self._simulator = self._create_simulator(self.exact)

  @property
  def game(self) -> pyspiel.Game:
    """The OpenSpiel game of `exact`."""
    return self.exact.game

  @property
  def game_name(self) -> str:
    """The name of the game, that of `exact`."""
    return self.exact.game_name

  @property
  def observation_strings(self) -> list[str]:
    """Observation strings of the N states, those of `exact`."""
    return self.exact.observation_strings

  def state(self) -> dict[str, np.ndarray]:
    """Returns the number of calls that sample, and the number of steps."""
    return {
      "num_calls": np.asarray(self._num_calls),
      "num_environment_steps": np.asarray(self.num_environment_steps),
    }

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned.

    Raises:
      ValueError: If it is not the state of a sampled model.
    """
    if state.keys() != self.state().keys():
      raise ValueError(
        f"state must have {', '.join(self.state())}, got {', '.join(state)}."
      )
    self._num_calls, self.num_environment_steps = (
      validation.check_int(name, np.asarray(state[name]).item(), 0)
      for name in self.state()
    )

  def _rng(self) -> np.random.Generator:
    """Returns the random generator of one more call."""
    sequence = np.random.SeedSequence((self._seed, self._num_calls))
    self._num_calls += 1
    return np.random.default_rng(sequence)

  @functools.cached_property
  def _some_mean_field(self) -> np.ndarray:
    """(N,), a mean field for simulations that do not depend on it."""
    return self.exact.initial_mean_field()

  @property
  def _is_endless(self) -> bool:
    return self._simulator.horizon is None

  def _checked_policy(self, policy: np.ndarray) -> np.ndarray:
    # The order in memory must not affect the random numbers.
    return np.ascontiguousarray(
      validation.check_policy(policy, self.legal_actions_mask)
    )

  def _checked_mean_field(self, mean_field: np.ndarray) -> np.ndarray:
    check = (
      validation.check_distribution
      if self._is_endless
      else validation.check_masses
    )
    return check("mean_field", mean_field, len(self.discounts))

  def _particles(self, policy: np.ndarray) -> particles.Particles:
    return particles.Particles(
      self._simulator, self._checked_policy(policy), self.num_particles
    )

  def _counted(self, estimate: particles.Estimate) -> np.ndarray:
    """Returns the masses of an estimate, after counting its steps."""
    self.num_environment_steps += estimate.num_environment_steps
    return estimate.masses

  def initial_mean_field(self) -> np.ndarray:
    """Returns an estimate of mu_0.

    It is the empirical distribution of players at the start, or, on a finite
    horizon, at all times under the uniform policy.
    """
    if not self._is_endless:
      return super().initial_mean_field()
    uniform = tabular_policies.uniform_policy(self.legal_actions_mask)
    return self._counted(
      self._particles(uniform).long_run(self._some_mean_field, 0, self._rng())
    )

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns the distribution of players after `num_steps` steps.

    Players are first drawn from `mean_field`, under which they also play. On a
    finite horizon they also start at the beginning, as in
    `CompiledGame.propagate`.

    Raises:
      ValueError: If an argument is out of range, or there are fewer steps than
        times and plays can only start at the beginning.
    """
    players = self._particles(policy)
    mean_field = self._checked_mean_field(mean_field)
    if num_steps is not None:
      if not validation.check_int("num_steps", num_steps, 0):
        return mean_field.copy()
    if self._is_endless:
      return self._counted(
        players.moved(
          mean_field,
          self.num_particle_steps if num_steps is None else num_steps,
          self._rng(),
          averages=num_steps is None,
        )
      )
    num_times = self._simulator.num_times
    if num_steps is None or num_steps >= num_times:
      return self._counted(players.flow(mean_field, self._rng()))
    if not self._simulator.begins_anywhere:
      raise ValueError(
        f"num_steps must be None or at least {num_times}, the number of times,"
        f" if plays can only start at the beginning, got {num_steps}."
      )
    return self._counted(players.moved_flow(mean_field, num_steps, self._rng()))

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns mu^pi: the distribution of players in the limit or at all times.

    The former is for an infinite horizon, the latter for a finite one.
    """
    players, some = self._particles(policy), self._some_mean_field
    if self._is_endless:
      return self._counted(
        players.long_run(some, self.num_particle_steps, self._rng())
      )
    if self._simulator.has_fixed_moves:
      return self._counted(players.flow(some, self._rng()))
    return self._counted(players.interacting_flow(some, self._rng()))

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns estimates of Q_mu^pi, (N, A), up to a constant in each state.

    Args:
      policy: (N, A), pi.
      mean_field: (N,), mu.
      regularization: eta.
      start: (N,), nu, the distribution from which players start; they follow
        `policy` to the states in which they try an action. None for
        `mean_field` on an infinite horizon, and for the beginning of plays on a
        finite one.
      bonus: (N,), an additional reward per state; None for no bonus.

    Raises:
      ValueError: If an argument is out of range, or `start` is given although
        plays can only start at the beginning.
    """
    policy = self._checked_policy(policy)
    mean_field = self._checked_mean_field(mean_field)
    if bonus is not None:
      bonus = validation.check_finite("bonus", bonus, len(self.discounts))
    played = rollouts.Rollouts(
      self._simulator,
      self._simulator.under(mean_field),
      policy,
      self._temperatures(regularization),
      self._checked_start(start, mean_field),
      self.max_rollout_steps,
      bonus,
    )
    sums = played.play(self.num_trajectories, self._rng())
    self.num_environment_steps += sums.num_environment_steps
    values, self._visited = self._estimate(sums, self.legal_actions_mask)
    return np.where(self.legal_actions_mask, values, -np.inf)

  def _temperatures(self, regularization: float) -> np.ndarray | None:
    """Returns (N,), the weights of the entropy bonus; None for no bonus."""
    if validation.check_real("regularization", regularization, 0):
      return regularization * self.discounts
    return None

  def _checked_start(
    self, start: np.ndarray | None, mean_field: np.ndarray
  ) -> np.ndarray | None:
    """Returns nu, None for the beginning of plays."""
    if start is None:
      return mean_field if self._is_endless else None
    if not self._simulator.begins_anywhere:
      raise ValueError(
        "start must be None if plays can only start at the beginning, got an"
        " array."
      )
    start = validation.check_masses("start", start, len(self.discounts))
    if not start.any():
      raise ValueError(
        "start must be positive in at least one state, it is 0 in all."
      )
    return start

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: the states that `action_values` visited last.

    Raises:
      RuntimeError: If it was not called before.
    """
    if self._visited is None:
      raise RuntimeError("action_values must be called before reachable.")
    return self._visited.copy()

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns estimates of the maximum over policies of Q_mu^pi.

    Players start from `mean_field` on an infinite horizon, and at the beginning
    of plays on a finite one.

    Args:
      mean_field: (N,), mu.
      regularization: eta.
      start: Not used.

    Raises:
      ValueError: If an argument is out of range.
    """
    mean_field = self._checked_mean_field(mean_field)
    task = learning_task.LearningTask(
      self._simulator,
      self._simulator.under(mean_field),
      self.num_best_response_steps,
      self._temperatures(regularization),
      self._checked_start(None, mean_field),
    )
    optimum = self._learn_optimum(task, self._rng())
    self.num_environment_steps += optimum.num_environment_steps
    return optimum.action_values

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns the exploitability in `exact`; for evaluation only."""
    return self.exact.exploitability(policy, regularization)

  def accuracy(self) -> str:
    """Returns the accuracy of `exact`, which computes exploitabilities."""
    return f"Measured on the exact model. {self.exact.accuracy()}"

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns `policy` as a frozen policy for `game`."""
    return self.exact.to_openspiel(policy)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`, as `exact` does.

    N may grow if transitions depend on the mean field.
    """
    array = self.exact.from_openspiel(policy)
    if len(array) != len(self.discounts):
      self._take_over_states()
    return array

  def _node_rows(self) -> dict[str, int]:
    return self.exact._node_rows()


def _default_rollout_steps(simulator: simulator_lib.Simulator) -> int:
  """Returns T: see `SampledModel`."""
  if simulator.horizon is not None:
    return simulator.horizon
  if not simulator.discount:
    return 1
  return math.ceil(math.log(_LAST_WEIGHT) / math.log(simulator.discount))
