"""Any mean-field game, known by plays alone.

Sampling is a model, not an algorithm: action values, mean fields and the states
that are visited are estimates from simulated play, and each algorithm on such a
model is its sample-based form.
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

# T is where gamma^T has fallen to this.
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
    "simulator must be 'arrays' for endless plays, which OpenSpiel does not"
    " have, got 'openspiel'."
  )


# What plays the game of an exact model, by name.
SIMULATORS: dict[str, Callable[[ExactModel], simulator_lib.Simulator]] = {
  "arrays": _on_arrays,
  "openspiel": _through_openspiel,
}


class SampledModel(noted_options.NotedOptions, mean_field_model.MeanFieldModel):
  """A mean-field game of which algorithms see nothing but plays.

  * Action values are estimates from rollouts, up to a constant in each state:
    see `simulators.rollouts` and `simulators.estimators`. They are 0 in states
    that were not visited, where a step of mirror descent changes nothing.
  * Reachable states are those that the last `action_values` visited, whatever
    the arguments.
  * Mean fields are empirical laws of players, see `simulators.particles`.
  * Optimal action values are those of an MDP that is estimated from samples, or
    come from Q-learning; see `simulators.sampled_kernel` and
    `simulators.q_learning`, also for what is made of actions never tried.

  Each call that draws begins a random generator from the seed and the number of
  such calls before. So these numbers are all of the random state.

  Attributes:
    exact: The model of the same game by arrays. Exploitabilities, OpenSpiel's
      policies and the names of states are its; no learner sees its numbers.
    num_environment_steps: How many decisions have been played so far.
    num_trajectories: M, the rollouts for each call of `action_values`.
    num_particles: How many players a mean field is the law of.
    max_rollout_steps: T, the largest number of decisions in a return.
    num_particle_steps: How many steps stand for the limit of many.
    num_best_response_steps: How many decisions are played for each call of
      `optimal_action_values`, at most.
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
      game: What is played. A `MeanFieldMDP` or a `StationaryModel` is played
        for ever; a game is compiled.
      num_trajectories: M, the rollouts for each call of `action_values`.
      num_particles: How many players a mean field is the law of; rounded up to
        as many in each population.
      estimator: How rollouts become action values, one of
        `estimators.ESTIMATORS`.
      seed: Of all chance, >= 0.
      simulator: What plays, one of `SIMULATORS`.
      best_response: Where optimal action values come from, one of
        `best_responses.BEST_RESPONSES`.
      max_rollout_steps: T, the decisions after which a return ends. None: where
        gamma^T has fallen to a tenth, or the end of plays that do end. Of what
        is left out, most is alike for all actions of a state and does not
        matter; more steps cost more and add noise.
      num_particle_steps: How many steps stand for the limit of many, in endless
        plays. Mean fields are averages over the second half of them. Where
        players take long to spread, as on a large grid, few particles with many
        steps get nearer to the limit than many with few, at the same cost.
      num_best_response_steps: How many decisions are played, at most, for each
        call of `optimal_action_values`; at least one play, which is broken off
        after `learning_task.PLAY_LENGTH` decisions if it is endless. None for
        as many as M rollouts of length T have.

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
    """Sets what depends on the states of the exact model."""
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
    """The N strings of the states, those of `exact`."""
    return self.exact.observation_strings

  def state(self) -> dict[str, np.ndarray]:
    """Returns what later draws depend on, and the count of steps."""
    return {
      "num_calls": np.asarray(self._num_calls),
      "num_environment_steps": np.asarray(self.num_environment_steps),
    }

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Goes back to what `state` was.

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
    """Returns the source of chance of one more call."""
    sequence = np.random.SeedSequence((self._seed, self._num_calls))
    self._num_calls += 1
    return np.random.default_rng(sequence)

  @functools.cached_property
  def _some_mean_field(self) -> np.ndarray:
    """(N,), under which plays can be where nothing depends on it."""
    return self.exact.initial_mean_field()

  @property
  def _is_endless(self) -> bool:
    return self._simulator.horizon is None

  def _checked_policy(self, policy: np.ndarray) -> np.ndarray:
    # The order in memory must not change what is drawn.
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
    """Returns the masses of a mean field, whose steps are counted."""
    self.num_environment_steps += estimate.num_environment_steps
    return estimate.masses

  def initial_mean_field(self) -> np.ndarray:
    """Returns where players start; at a finite horizon, by the uniform policy.

    In the latter case they play from there to the end.
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
    """Returns where players are after `num_steps` steps under `mean_field`.

    They are first where `mean_field` says, or, at a finite horizon, also at
    the beginning, as in `CompiledGame.propagate`.
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
        f" where plays only start at the beginning, got {num_steps}."
      )
    return self._counted(players.moved_flow(mean_field, num_steps, self._rng()))

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns mu^pi: where players are, at all times or in the long run."""
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
      start: (N,), nu, from where players are led to the states in which they
        try an action. None for `mean_field` in endless plays, for the beginning
        in others.
      bonus: (N,), what each state pays on top of its rewards; None for nothing.

    Raises:
      ValueError: If an argument is out of range, or there is a `start` where
        plays only start at the beginning.
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
        "start must be None where plays only start at the beginning, got an"
        " array."
      )
    start = validation.check_masses("start", start, len(self.discounts))
    if not start.any():
      raise ValueError("start must be positive in some state, it is 0 in all.")
    return start

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: the states that `action_values` visited last.

    Raises:
      RuntimeError: If it was not called before.
    """
    if self._visited is None:
      raise RuntimeError("action_values must come before reachable.")
    return self._visited.copy()

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns estimates of the maximum over policies of Q_mu^pi.

    Players start where `mean_field` says in endless plays, and at the beginning
    of others.

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
    """Returns that of `exact`; for evaluation only."""
    return self.exact.exploitability(policy, regularization)

  def accuracy(self) -> str:
    """Returns that of `exact`, where exploitabilities come from."""
    return f"Measured on the exact model. {self.exact.accuracy()}"

  def to_openspiel(self, policy: np.ndarray) -> policy_lib.Policy:
    """Returns `policy` as a frozen policy for `game`."""
    return self.exact.to_openspiel(policy)

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`, as `exact` does.

    Where moves depend on the mean field, N may grow.
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
