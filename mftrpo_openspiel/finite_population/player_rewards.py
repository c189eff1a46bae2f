"""Expected rewards of one of N players.

Rewards depend on the empirical mean field, the distribution of all N players,
including the player itself. If the states of the others are independent samples
of the mean field mu, the expected reward of a player in state s for action a is

    r_N(s, a) = E[ r(s, a, (e_s + sum over j < N of e_{X_j}) / N) ],  X_j ~ mu.

If r depends only on the mass of the own state, this is a mean over one binomial
law. If r is linear, it is r at the mean of its argument. If r is quadratic, it
follows from the mean and the covariance. All other rewards can only be
evaluated at one empirical mean field after the other.

The axes S are over the states of a model: all states of all layers, or the
states of a stationary model.
"""

import abc

import numpy as np

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import fixed_moves_form
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import known_games
from mftrpo_openspiel.compiler import mdp_form
from mftrpo_openspiel.compiler import reward_sources
from mftrpo_openspiel.finite_population import binomial_means
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model

# The models for which the N-player game is known.
Model = stationary_model.StationaryModel | compiled_game.CompiledGame


class PlayerRewards(abc.ABC):
  """Rewards of players as a function of the empirical mean field."""

  @abc.abstractmethod
  def under(self, mean_fields: np.ndarray) -> np.ndarray:
    """Returns (R, S, A): the rewards under each of the (R, S) mean fields."""


class ExactRewards(PlayerRewards):
  """Rewards for which r_N is known.

  Attributes:
    kind: A description for reports.
  """

  kind: str

  @abc.abstractmethod
  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """Returns r_N, (S, A), under the (S,) mean field.

    In a game with several populations, each has `num_players` players.
    """


class _MDPRewards(PlayerRewards):
  """Rewards of an MDP, gamma^t r in layer t; one layer if stationary."""

  def __init__(self, mdp: mdp_lib.MeanFieldMDP, discounts: np.ndarray):
    """Initializes the rewards in layers with these (L,) discounts."""
    self._mdp = mdp
    self._discounts = discounts

  def _layers(self, values: np.ndarray) -> np.ndarray:
    """Returns (R, S) values by layer, (R * L, S)."""
    return values.reshape(-1, self._mdp.num_states)

  def _paid(self, rewards: np.ndarray) -> np.ndarray:
    """Returns the (R * L, S, A) rewards of the MDP as (R, L * S, A)."""
    num_layers, num_actions = len(self._discounts), self._mdp.num_actions
    by_layer = rewards.reshape(-1, num_layers, *rewards.shape[1:])
    paid = by_layer * self._discounts[:, None, None]
    return paid.reshape(len(paid), -1, num_actions)

  def under(self, mean_fields: np.ndarray) -> np.ndarray:
    """See the base class."""
    laws = self._layers(mean_fields)
    return self._paid(np.stack([self._mdp.reward_at(law) for law in laws]))


class _LocalRewards(_MDPRewards, ExactRewards):
  kind = "local reward"

  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """See the base class."""

    def rewards(others: np.ndarray) -> np.ndarray:
      # In most terms of the sum, many layers have the same counts.
      paid: dict[bytes, np.ndarray] = {}
      laws = self._layers((1 + others) / num_players)
      keys = [law.tobytes() for law in laws]
      for key, law in zip(keys, laws):
        if key not in paid:
          paid[key] = self._mdp.reward_at(law)
      return np.concatenate([paid[key] for key in keys])

    means = binomial_means.mean(rewards, num_players - 1, mean_field)
    return self._paid(means.reshape(-1, *self._shape))[0]

  @property
  def _shape(self) -> tuple[int, int]:
    return self._mdp.num_states, self._mdp.num_actions


class _CrowdAversionRewards(_MDPRewards, ExactRewards):
  """Rewards with crowd aversion: computes logarithms for all layers at once."""

  kind = "local reward"

  def __init__(
    self,
    mdp: mdp_lib.MeanFieldMDP,
    discounts: np.ndarray,
    reward: mdp_lib.CrowdAversion,
  ):
    """Initializes the rewards of an MDP with this reward."""
    super().__init__(mdp, discounts)
    self._reward = reward

  def _with_logs(self, logs: np.ndarray) -> np.ndarray:
    """Returns (R, S, A) rewards from (R, S) logarithms of masses."""
    penalty = self._reward.crowd_aversion * self._layers(logs)
    return self._paid(self._reward.base - penalty[..., None])

  def under(self, mean_fields: np.ndarray) -> np.ndarray:
    """See the base class."""
    return self._with_logs(np.log(mean_fields + mdp_lib.DENSITY_FLOOR))

  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """See the base class."""
    logs = _mean_logs(mean_field, num_players, mdp_lib.DENSITY_FLOOR)
    return self._with_logs(logs[None])[0]


class _LinearRewards(_MDPRewards, ExactRewards):
  kind = "linear reward"

  def __init__(
    self,
    mdp: mdp_lib.MeanFieldMDP,
    discounts: np.ndarray,
    reward: declared_rewards.LinearReward,
  ):
    """Initializes the rewards of an MDP with this reward."""
    super().__init__(mdp, discounts)
    self._reward = reward

  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """See the base class."""
    share = (num_players - 1) / num_players
    laws = self._layers(mean_field[None])
    rewards = np.stack([self._reward(share * law) for law in laws])
    return self._paid(rewards + self._reward.own_weights / num_players)[0]


class _GameRewards(PlayerRewards):
  """Rewards of an OpenSpiel game, computed by its compiled form."""

  def __init__(self, form: fixed_moves_form.FixedMovesForm):
    """Initializes the rewards."""
    self._form = form

  def see_their_layer_alone(self) -> bool:
    """Returns whether the rewards of each layer depend only on its own masses.

    This is tested with two random mixtures of mean fields: the rewards of each
    layer must be those under the mean field from which its masses are taken.
    """
    form = self._form
    rng = np.random.default_rng(0)
    num_layers = form.layers.max() + 1
    parts = form.layers * (form.populations.max() + 1) + form.populations
    for _ in range(2):
      masses = rng.exponential(size=(2, len(parts)))
      first, second = (m / np.bincount(parts, m)[parts] for m in masses)
      is_first = (rng.random(num_layers) < 0.5)[form.layers]
      mixture = np.where(is_first, first, second)
      paid = self.under(np.stack([first, second, mixture]))
      expected = np.where(is_first[:, None], paid[0], paid[1])
      scale = np.abs(paid).max()
      if np.abs(paid[2] - expected).max() > comparison.TOLERANCE * scale:
        return False
    return True

  def under(self, mean_fields: np.ndarray) -> np.ndarray:
    """See the base class."""
    rewards = []
    for mean_field in mean_fields:
      mdp, _ = self._form.dynamics(mean_field)
      rewards.append(mdp.action_rewards(*self._form.rewards(mean_field)))
    return np.stack(rewards)


class _QuadraticRewards(_GameRewards, ExactRewards):
  """Rewards that are quadratic functions of the masses in a layer.

  The mean of a quadratic function r of the shares M of all players is

      r(E M) + (N - 1) / N^2 sum over x of mu(x) (e_x - mu)' H (e_x - mu) / 2

  with the matrix H of its second derivatives. The second difference of r
  between mu and e_x gives the quadratic form exactly.
  """

  kind = "quadratic reward"

  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """See the base class."""
    layers = self._form.layers
    places = np.arange(len(layers)) - np.searchsorted(layers, layers)
    # All players in the first state of each layer, in the second, ...
    together = (places == np.arange(places.max() + 1)[:, None]) * 1.0
    share = (num_players - 1) / num_players
    own = self.under(share * mean_field + (1 - share) * together)
    ends, middles = (
      self.under(mean_fields)
      for mean_fields in (together, (together + mean_field) / 2)
    )
    center = self.under(mean_field[None])
    curvatures = 2 * (ends - 2 * middles + center)
    rewards = own[places, np.arange(len(places))]
    for place, curvature in enumerate(curvatures):
      # The mass of this state in each layer.
      masses = np.bincount(layers, np.where(places == place, mean_field, 0.0))
      rewards += share / num_players * masses[layers, None] * curvature
    return rewards


class _DensityRewards(ExactRewards):
  """Rewards of an OpenSpiel game with a formula in `known_games`."""

  def __init__(
    self,
    form: fixed_moves_form.FixedMovesForm,
    source: reward_sources.DensityRewards,
  ):
    """Initializes the rewards."""
    self._source, self._mask = source, form.legal_actions_mask
    weights = source.weights.tocoo()
    self._weights = source.weights
    is_own = form.populations[weights.row] == form.populations[weights.col]
    self._own_population = weights.copy()
    self._own_population.data = weights.data * is_own
    self.kind = "local reward" if not weights.nnz else "local and linear reward"

  def under(self, mean_fields: np.ndarray) -> np.ndarray:
    """See the base class."""
    rewards = self._source.local(np.log(mean_fields + self._source.floor))
    if self._weights.nnz:
      rewards = rewards + (self._weights @ mean_fields.T).T
    return self._of_actions(rewards)

  def expected(self, mean_field: np.ndarray, num_players: int) -> np.ndarray:
    """See the base class."""
    logs = _mean_logs(mean_field, num_players, self._source.floor)
    # One player of the own population is not sampled: its state is given.
    own = self._own_population @ mean_field - self._own_population.diagonal()
    linear = self._weights @ mean_field - own / num_players
    return self._of_actions((self._source.local(logs) + linear)[None])[0]

  def _of_actions(self, rewards: np.ndarray) -> np.ndarray:
    """Returns (R, S, A) rewards of legal actions from those of states."""
    return np.where(self._mask, rewards[..., None], 0.0)


def _mean_logs(
  mean_field: np.ndarray, num_players: int, floor: float
) -> np.ndarray:
  """Returns (S,): E[log((1 + B) / N + floor)] for B others in each state."""
  return binomial_means.smooth_mean(
    lambda others: np.log((1 + others) / num_players + floor),
    num_players - 1,
    mean_field,
  )


def of_model(model: Model) -> PlayerRewards:
  """Returns the rewards of players in the game of a model.

  Raises:
    ValueError: If it is an OpenSpiel game whose transitions depend on the mean
      field, or whose rewards depend on the masses of another layer.
  """
  if isinstance(model, stationary_model.StationaryModel):
    return _of_mdp(model.mdp, np.ones(1))
  form: game_form.GameForm = model.form
  if isinstance(form, mdp_form.MDPForm):
    assert isinstance(model.game, mdp_game.MDPGame)
    discounts = np.array(model.game.discounts[: model.game.horizon])
    return _of_mdp(model.game.mean_field_mdp(), discounts)
  if not isinstance(form, fixed_moves_form.FixedMovesForm):
    raise ValueError(
      "model must be of a game over a MeanFieldMDP if transitions depend on the"
      f" mean field, got {model.game}; use mftrpo_openspiel.NPlayerGame"
      " instead."
    )
  if isinstance(form.reward_source, reward_sources.DensityRewards):
    return _DensityRewards(form, form.reward_source)
  is_quadratic = known_games.has_quadratic_rewards(model.game)
  rewards = (_QuadraticRewards if is_quadratic else _GameRewards)(form)
  if not rewards.see_their_layer_alone():
    raise ValueError(
      "model must be of a game whose rewards depend only on the masses of the"
      f" current time step, got {model.game}; use mftrpo_openspiel.NPlayerGame"
      " instead."
    )
  return rewards


def _of_mdp(mdp: mdp_lib.MeanFieldMDP, discounts: np.ndarray) -> PlayerRewards:
  reward = mdp.reward
  if isinstance(reward, mdp_lib.CrowdAversion):
    return _CrowdAversionRewards(mdp, discounts, reward)
  if isinstance(reward, declared_rewards.LocalReward):
    return _LocalRewards(mdp, discounts)
  if isinstance(reward, declared_rewards.LinearReward):
    return _LinearRewards(mdp, discounts, reward)
  return _MDPRewards(mdp, discounts)
