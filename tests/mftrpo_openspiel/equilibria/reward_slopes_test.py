"""Derivatives, compared with differences of higher order along a line."""

import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
import pyspiel
import pytest
from scipy import sparse

from mftrpo_openspiel.equilibria import reward_slopes
from mftrpo_openspiel.mdp import declared_rewards
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import stationary_model

pytestmark = pytest.mark.filterwarnings("ignore:.*depend on the path to a node")
SIZE, NUM_ACTIONS = 4, 3


def assert_derivatives(rewards, source, mean_field, rng, tolerance=1e-7):
  """Checks derivatives along a random direction, by differences of 5 points.

  These differences have errors of about 1e-13.
  """
  change = mean_field * rng.uniform(-1, 1, size=mean_field.shape)
  width = 1e-3
  near, far = (
    rewards(mean_field + width * k * change)
    - rewards(mean_field - width * k * change)
    for k in (1, 2)
  )
  expected = (8 * near - far) / (12 * width)
  slopes = source(mean_field)
  num_actions = expected.shape[1]
  found = slopes.own * np.repeat(change, num_actions)
  if slopes.coupling is not None:
    found = found + slopes.coupling @ change
  scale = np.abs(expected).max()
  assert scale > 1e-3
  np.testing.assert_allclose(
    found.reshape(expected.shape), expected, rtol=0, atol=tolerance * scale
  )


def reward_of_kind(kind, rng):
  base = rng.normal(size=(SIZE, NUM_ACTIONS))
  weights = rng.normal(size=(SIZE * NUM_ACTIONS, SIZE))
  slopes = rng.normal(size=(SIZE, NUM_ACTIONS))
  return {
    "crowd aversion": mdp_lib.CrowdAversion(base, 0.3),
    "linear": declared_rewards.LinearReward(base, weights),
    "local": declared_rewards.LocalReward(
      lambda masses: base + slopes * np.sqrt(masses)[:, None]
    ),
    "undeclared, local": lambda law: base - slopes * np.exp(law)[:, None],
    "undeclared": lambda law: base + slopes * np.log(law @ law + law[0]),
  }[kind]


KINDS = (
  "crowd aversion",
  "linear",
  "local",
  "undeclared, local",
  "undeclared",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("horizon", [None, 3])
def test_games_over_an_mdp(kind, horizon):
  rng = np.random.default_rng(0)
  kernel = rng.dirichlet(np.ones(SIZE), size=(SIZE, NUM_ACTIONS))
  mdp = mdp_lib.MeanFieldMDP(
    kernel, reward_of_kind(kind, rng), 0.8, np.full(SIZE, 1 / SIZE)
  )
  if horizon is None:
    model, rewards = stationary_model.StationaryModel(mdp), mdp.reward
  else:
    model = compiled_game.CompiledGame(mdp_game.MDPGame(mdp, horizon))

    def rewards(mean_field):
      laws = mean_field.reshape(horizon, SIZE)
      return np.concatenate(
        [0.8**t * mdp.reward(law) for t, law in enumerate(laws)]
      )

  source = reward_slopes.of_model(model)
  laws = rng.dirichlet(np.ones(SIZE), size=horizon or 1).ravel()
  assert_derivatives(rewards, source, laws, rng)


@pytest.mark.parametrize(
  "name",
  [
    "mfg_crowd_modelling(size=4,horizon=3)",
    "python_mfg_predator_prey(horizon=2)",
    "python_mfg_crowd_avoidance(horizon=2,coef_congestion=0.3)",
    # Read from states: the weight of the own mass depends on the last action.
    "mfg_crowd_modelling_2d(size=4,horizon=3,with_congestion=true)",
    # Quadratic in the mean position, and in the shares of actions.
    "mean_field_lin_quad(size=5,horizon=3)",
    "mean_field_nfg(reward_function=biased_indirect_rps)",
  ],
)
def test_games_of_openspiel(name):
  rng = np.random.default_rng(0)
  model = compiled_game.CompiledGame(pyspiel.load_game(name))
  mdp, _ = model.form.dynamics(model.initial_mean_field())
  mean_field = rng.uniform(0.1, 1, size=len(model.layers))
  assert_derivatives(
    lambda masses: mdp.action_rewards(*model.form.rewards(masses)),
    reward_slopes.of_model(model),
    mean_field,
    rng,
  )


def test_derivatives_that_are_not_known_are_refused():
  size = reward_slopes.MOST_STATES + 1
  kernel = sparse.csr_array(sparse.eye_array(size))

  def model(reward):
    return stationary_model.StationaryModel(
      mdp_lib.MeanFieldMDP(kernel, reward, 0.9, np.full(size, 1 / size))
    )

  with pytest.raises(
    ValueError, match=r"reward must be a .* annealed"
  ) as error:
    reward_slopes.of_model(model(lambda law: np.full((size, 1), law[0])))
  assert "\n" not in str(error.value)
  # Local rewards need only two evaluations.
  reward_slopes.of_model(model(lambda law: law[:, None] ** 2))


def test_other_models_are_refused():
  game = pyspiel.load_game("python_mfg_two_islands(horizon=2)")
  with pytest.raises(ValueError, match="game must be a game, or a model of it"):
    reward_slopes.of_model(from_game.create_model("openspiel", game))
