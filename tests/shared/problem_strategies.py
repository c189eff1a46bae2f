"""Random mean-field games, policies and distributions for property tests.

Hypothesis draws their descriptions (sizes, kinds, a seed), and `make` creates
them. Therefore a failing example is printed in full, and shrinks to small sizes
and simple kinds.
"""

from collections.abc import Callable
import dataclasses
import warnings

from hypothesis import strategies as st
import numpy as np
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel

from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game

# Minimum probability of rare transitions and rare actions. With both, no mass
# is too small for `markov_chain` (1e-290).
_LEAST = 1e-12

_SEEDS = st.integers(0, 2**32 - 1)
_Sizes = tuple[int, ...]


def _normalized(weights: np.ndarray) -> np.ndarray:
  return weights / weights.sum(axis=-1, keepdims=True)


def _dense(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  return _normalized(rng.exponential(size=shape))


def _deterministic(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def _sparse(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  kept = rng.random(shape) < 0.4
  return _normalized(_dense(rng, shape) * kept + _deterministic(rng, shape))


def _rough(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  return _normalized(_LEAST ** rng.random(shape))


def _uniform(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  del rng
  return np.full(shape, 1 / shape[-1])


# Distributions over the last axis, from the simplest to the most irregular.
LAWS: dict[str, Callable[[np.random.Generator, _Sizes], np.ndarray]] = {
  "uniform": _uniform,
  "dense": _dense,
  "sparse": _sparse,
  "deterministic": _deterministic,
  "rough": _rough,
}


def _still(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  """All players stay in their states."""
  del rng
  return np.broadcast_to(np.eye(shape[0])[:, None], shape)


def _periodic(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  """From each class of states to the next one, in a circle."""
  period = rng.integers(1, shape[0], endpoint=True)
  classes = np.arange(shape[0]) % period
  follows = classes == (classes[:, None] + 1) % period
  return _normalized(_dense(rng, shape) * follows[:, None])


def _reducible(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  """From each class of states to itself and to classes with larger numbers."""
  classes = rng.integers(3, size=shape[0])
  follows = (classes >= classes[:, None])[:, None]
  return _normalized(_sparse(rng, shape) * follows + _LEAST * follows)


def _drift(rng: np.random.Generator, shape: _Sizes) -> np.ndarray:
  """A line with rare upward steps, and absorbing states above it or not."""
  size = shape[0]
  kernel = np.zeros(shape)
  place = rng.permutation(size) if rng.random() < 0.5 else np.arange(size)
  num_ends = rng.integers(3) if size > 3 else 0
  line, ends = place[: size - num_ends], place[size - num_ends :]
  for i, state in enumerate(line):
    up = 10 ** -rng.uniform(0.3, 4, size=shape[1])
    above = line[i + 1 : i + 2] if i + 1 < len(line) else ends
    below = line[max(i - 1, 0)]
    if i == 0 and len(above):
      up = np.ones(shape[1])
    if not len(above):
      up = np.zeros(shape[1])
    kernel[state, :, below] += 1 - up
    for other in above:
      kernel[state, :, other] += up / len(above)
  kernel[ends, :, ends] = 1
  return kernel


# P, (S, A, S), from the simplest to the most irregular.
KERNELS = LAWS | {
  "still": _still,
  "periodic": _periodic,
  "reducible": _reducible,
  "drift": _drift,
}


@dataclasses.dataclass(frozen=True)
class _AffineCrowdAversion:
  """base(s, a) + slope(s, a) . mu - crowd_aversion * log mu(s)."""

  aversion: mdp_lib.CrowdAversion
  slope: np.ndarray

  def __call__(self, mean_field):
    return self.aversion(mean_field) + self.slope @ mean_field


@dataclasses.dataclass(frozen=True)
class MDP:
  """The description of a mean-field MDP.

  Attributes:
    kernel: Key of `KERNELS`.
    mobility: Weight of the part of the kernel that depends on the mean field.
      This part moves all players away from the crowd, regardless of their
      actions. It has the Lipschitz constant 1/2 as a function of the mean
      field, so that the mean field of a policy exists.
    crowd_aversion: K, the factor of the logarithm of the density.
    is_affine: Whether the mean field also adds a linear term.
    initial: Key of `LAWS`.
  """

  num_states: int
  num_actions: int
  kernel: str
  mobility: float
  crowd_aversion: float
  is_affine: bool
  discount: float
  initial: str
  seed: int

  def make(self) -> mdp_lib.MeanFieldMDP:
    rng = np.random.default_rng(self.seed)
    shape = (self.num_states, self.num_actions)
    kernel = KERNELS[self.kernel](rng, (*shape, self.num_states))
    reward = mdp_lib.CrowdAversion(rng.normal(size=shape), self.crowd_aversion)
    if self.is_affine:
      slope = rng.normal(size=(*shape, self.num_states))
      reward = _AffineCrowdAversion(reward, slope)
    initial = LAWS[self.initial](rng, (self.num_states,))

    def moving(mean_field):
      elsewhere = mean_field[::-1] / mean_field.sum()
      common = (1 / self.num_states + elsewhere) / 2
      return (1 - self.mobility) * kernel + self.mobility * common

    return mdp_lib.MeanFieldMDP(
      kernel=moving if self.mobility else kernel,
      reward=reward,
      discount=self.discount,
      initial_distribution=initial,
    )


_SMALL = st.tuples(st.integers(1, 6), st.integers(1, 4))


@st.composite
def mdps(draw, sizes=_SMALL, moving: bool = True) -> MDP:
  """Draws an MDP with a discount in [0, 0.99].

  Args:
    draw: The function that hypothesis passes.
    sizes: Numbers of states and actions.
    moving: Whether kernels may depend on the mean field.
  """
  num_states, num_actions = draw(sizes)
  mobilities = st.sampled_from([0.0, 0.0, 0.3, 1.0] if moving else [0.0])
  return MDP(
    num_states,
    num_actions,
    kernel=draw(st.sampled_from(list(KERNELS))),
    mobility=draw(mobilities),
    crowd_aversion=draw(st.sampled_from([0.0, 1.0]) | st.floats(0, 2)),
    is_affine=draw(st.booleans()),
    discount=draw(st.sampled_from([0.9, 0.0, 0.99]) | st.floats(0, 0.99)),
    initial=draw(st.sampled_from(list(LAWS))),
    seed=draw(_SEEDS),
  )


@dataclasses.dataclass(frozen=True)
class MDPGame:
  """The description of a game over an MDP."""

  mdp: MDP
  horizon: int

  def make(self) -> pyspiel.Game:
    return mdp_game.MDPGame(self.mdp.make(), self.horizon)


def mdp_games(**options) -> st.SearchStrategy[MDPGame]:
  """Draws a game over an MDP; `options` are those of `mdps`."""
  return st.builds(MDPGame, mdps(**options), st.integers(1, 5))


@dataclasses.dataclass(frozen=True)
class OpenSpielGame:
  """The description of a game of OpenSpiel."""

  name: str
  parameters: dict[str, int | float | str]

  def make(self) -> pyspiel.Game:
    return pyspiel.load_game(self.name, self.parameters)


def _named(name: str, **parameters) -> st.SearchStrategy[OpenSpielGame]:
  return st.builds(
    OpenSpielGame, st.just(name), st.fixed_dictionaries(parameters)
  )


_GARNETS = _named(
  "mfg_garnet",
  size=st.integers(1, 5),
  # Games in which no state has two actions are refused.
  num_action=st.integers(2, 4),
  num_chance_action=st.integers(1, 4),
  horizon=st.integers(1, 5),
  sparsity_factor=st.floats(0.1, 1),
  eta=st.floats(0, 2),
  seed=st.integers(0, 10**6),
)
# With size 1 its reward is 0 / 0.
_CROWDS = _named(
  "mfg_crowd_modelling", size=st.integers(2, 5), horizon=st.integers(1, 5)
)


@st.composite
def _predators(draw) -> OpenSpielGame:
  size = draw(st.integers(1, 2))
  horizon = draw(st.integers(1, 4 - size))
  # With one population OpenSpiel does not find its initial state.
  players = draw(st.integers(2, 3))
  rng = np.random.default_rng(draw(_SEEDS))
  matrix = rng.normal(size=players**2)
  initial = LAWS[draw(st.sampled_from(list(LAWS)))](rng, (players, size**2))
  return OpenSpielGame(
    "python_mfg_predator_prey",
    {
      "size": size,
      "horizon": horizon,
      "players": players,
      "geometry": draw(st.integers(0, 1)),
      "noise_probability": draw(st.floats(0, 1)),
      "congestion_coeff": draw(st.floats(0, 2)),
      "reward_matrix": " ".join(map(repr, matrix.tolist())),
      "init_distrib": " ".join(map(repr, initial.ravel().tolist())),
    },
  )


def openspiel_games() -> st.SearchStrategy[OpenSpielGame]:
  """Draws one of OpenSpiel's own games."""
  return _GARNETS | _CROWDS | _predators()


def compiled(game: pyspiel.Game) -> compiled_game.CompiledGame:
  """Returns the compiled game; some of OpenSpiel's depend on the path."""
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return compiled_game.CompiledGame(game)


@dataclasses.dataclass(frozen=True)
class Law:
  """The description of an array of probability distributions.

  Attributes:
    kind: Key of `LAWS`.
  """

  kind: str
  seed: int

  def make(self, *shape: int) -> np.ndarray:
    """Returns distributions over the last axis."""
    return LAWS[self.kind](np.random.default_rng(self.seed), shape)

  def make_parts(self, part_of: np.ndarray) -> np.ndarray:
    """Returns masses whose sum is one over the entries of each part."""
    rng = np.random.default_rng(self.seed)
    masses = np.zeros(part_of.size)
    for part in np.unique(part_of):
      here = np.flatnonzero(part_of == part)
      masses[here] = LAWS[self.kind](rng, here.shape)
    return masses

  def policy(self, model) -> np.ndarray:
    """Returns a policy of a model all of whose actions are legal."""
    assert model.legal_actions_mask.all()
    return self.make(*model.legal_actions_mask.shape)


def laws() -> st.SearchStrategy[Law]:
  """Draws descriptions of distributions: policies and mean fields."""
  return st.builds(Law, st.sampled_from(list(LAWS)), _SEEDS)


def positive_regularizations() -> st.SearchStrategy[float]:
  """Draws eta between 1e-4 and 10."""
  return st.floats(-4, 1).map(lambda exponent: 10.0**exponent)


def regularizations() -> st.SearchStrategy[float]:
  """Draws eta: zero, or between 1e-4 and 10."""
  return st.just(0.0) | positive_regularizations()
