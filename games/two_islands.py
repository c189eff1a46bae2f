"""Mean Field Two Islands: players on two graphs connected by a bridge.

The game of section IV.b of the paper. Nodes 0-6 are one island, nodes 7-13 its
mirror image, and the bridge 6 <-> 7 is their only connection. Every node has
two successors, and the directed graph below is strongly connected.

    0 -> 1 3    1 -> 2 4    2 -> 3 5    3 -> 4 0    4 -> 5 1    5 -> 6 2
    6 -> 0 7    7 -> 13 6   (and 13 - k for k on the other island)

The paper does not define the graph and the kernel ("each node is pushed to
visit one of its neighbours with a certain probability"). Here action a leads to
the a-th successor with a probability drawn once from the seed, uniformly in
[0, 1), and to the other successor otherwise. In the paper's figure 4, node 6
has little mass, between two clusters. This also holds for the default seed, and
for about one seed in four.

    r(s, a, mu) = -crowd_aversion * log mu(s)
                  + reward_imbalance on the second island
                  - bridge_cost if the a-th successor is across the bridge.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyspiel
from scipy import sparse

from mftrpo_openspiel.games import parameters as parameters_lib
from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.utils import validation

_ISLAND_SIZE = 7
_FIRST_ISLAND = ((1, 3), (2, 4), (3, 5), (4, 0), (5, 1), (6, 2), (0, 7))
SUCCESSORS = np.vstack(
  [_FIRST_ISLAND, 2 * _ISLAND_SIZE - 1 - np.array(_FIRST_ISLAND[::-1])]
)
_NUM_NODES, _NUM_ACTIONS = SUCCESSORS.shape

DEFAULT_PARAMS = {
  # Seed of the transition probabilities.
  "seed": 28,
  "crowd_aversion": 0.2,
  "reward_imbalance": 0.0,
  "bridge_cost": 0.0,
  "discount": 0.9,
  "horizon": 40,
  # A node "[k]", "uniform", or probabilities "[p_0;p_1;...]".
  "initial_distribution": "[2]",
}

_GAME_TYPE = mdp_game.game_type(
  "python_mfg_two_islands", "Python Mean Field Two Islands", DEFAULT_PARAMS
)


def _node_index(text: str) -> int:
  label = text.strip("[]")
  if label.isdecimal() and int(label) < _NUM_NODES:
    return int(label)
  raise ValueError(
    "initial_distribution must be 'uniform', a node '[0]' to"
    f" '[{_NUM_NODES - 1}]', or numbers '[p_0;p_1;...]', got {text!r}."
  )


def _graph() -> drawing.Graph:
  """Returns the islands as two ellipses with the bridge between them."""
  # Node 6 of the first ellipse is next to the bridge.
  angles = 2 * np.pi * (np.arange(_ISLAND_SIZE) + 1) / _ISLAND_SIZE
  ellipse = np.stack([np.cos(angles), 1.5 * np.sin(angles)], axis=1)
  first = ellipse - (1.6, 0)
  positions = np.vstack([first, first[::-1] * (-1, 1)])
  nodes = np.repeat(np.arange(_NUM_NODES), _NUM_ACTIONS)
  return drawing.Graph(positions, np.stack([nodes, SUCCESSORS.ravel()], axis=1))


def _kernel(seed: int) -> sparse.csr_array:
  """Returns the (S * A, S) kernel drawn from `seed`."""
  aims = np.random.default_rng(seed).random(SUCCESSORS.shape)
  is_aim = np.eye(_NUM_ACTIONS, dtype=bool)
  to_successor = np.where(is_aim, aims[..., None], 1 - aims[..., None])
  rows = np.arange(_NUM_NODES * _NUM_ACTIONS).repeat(_NUM_ACTIONS)
  columns = np.repeat(SUCCESSORS[:, None, :], _NUM_ACTIONS, axis=1).ravel()
  return sparse.csr_array(
    (to_successor.ravel(), (rows, columns)),
    shape=(_NUM_NODES * _NUM_ACTIONS, _NUM_NODES),
  )


def build_mdp(parameters: Mapping[str, Any]) -> mdp_lib.MeanFieldMDP:
  """Returns the mean-field MDP on the islands.

  Args:
    parameters: All of `DEFAULT_PARAMS`.

  Raises:
    ValueError: If a parameter is out of range.
  """
  check = validation.check_real
  crowd_aversion = check("crowd_aversion", parameters["crowd_aversion"], 0)
  imbalance = check("reward_imbalance", parameters["reward_imbalance"])
  bridge_cost = check("bridge_cost", parameters["bridge_cost"], 0)
  seed = validation.check_int("seed", parameters["seed"], 0, 2**31 - 1)
  second = np.arange(_NUM_NODES) >= _ISLAND_SIZE
  crosses = second[:, None] != second[SUCCESSORS]
  base = imbalance * second[:, None] - bridge_cost * crosses
  return mdp_lib.MeanFieldMDP(
    kernel=_kernel(seed),
    reward=mdp_lib.CrowdAversion(base, crowd_aversion),
    discount=parameters["discount"],
    initial_distribution=parameters_lib.initial_distribution(
      parameters["initial_distribution"], _NUM_NODES, _node_index
    ),
    drawing=_graph(),
    action_names=("first successor", "second successor"),
  )


class TwoIslandsGame(mdp_game.MDPGame):
  """Two islands connected by a bridge."""

  def __init__(self, params: Mapping[str, Any] | None = None):
    params = parameters_lib.with_defaults(params, DEFAULT_PARAMS)
    start = params["initial_distribution"]
    if start != "uniform":
      params["initial_distribution"] = parameters_lib.bracketed(start)
    super().__init__(build_mdp(params), params["horizon"], _GAME_TYPE, params)


pyspiel.register_game(_GAME_TYPE, TwoIslandsGame)
