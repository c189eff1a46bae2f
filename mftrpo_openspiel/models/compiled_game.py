"""Any OpenSpiel mean-field game, compiled into arrays for fast computation.

OpenSpiel's utilities traverse the game, with a state object per node, in every
call. Here the game is converted to arrays once. Population distributions,
values, best responses and NashConv are then sweeps over its layers.
"""

import warnings

import numpy as np
from open_spiel.python import policy as policy_lib
import pyspiel

from mftrpo_openspiel.compiler import form_choice
from mftrpo_openspiel.compiler import game_form
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.openspiel import games as openspiel_games
from mftrpo_openspiel.utils import rows as array_rows
from mftrpo_openspiel.utils import softmax
from mftrpo_openspiel.utils import tabular_policies
from mftrpo_openspiel.utils import validation

# Rewards of states and afterstates, and weights of the entropy bonus.
_Pay = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


class CompiledGame(mean_field_model.MeanFieldModel):
  """A `pyspiel.Game` with mean-field dynamics, compiled into arrays.

  The N states are decision nodes, identified by their observation strings and
  listed layer by layer. A layer in which every node has a single action is
  omitted and folded into the adjacent transitions, unless mean-field nodes
  receive its masses. (Where a mean-field layer does not lead to decision nodes
  one to one, its own nodes are states too, with the only action 0.) The mean
  field sums to one over the states of each layer and population. Exploitability
  is NashConv, the sum over populations.

  `compiler.form_choice` distinguishes five kinds of games:

  * Games of this package are built directly from their MDP. All states of the
    MDP are states of each layer, including those that no play reaches.
  * Games whose transitions are known to be independent of the mean field, from
    their source (`known_games`) or because the caller says so, are enumerated
    once. Rewards are read from the states in every call, or computed on arrays
    where `known_games` has a formula that agrees with the rewards of the
    states.
  * For OpenSpiel's routing games all states are listed in advance, and the
    waiting times of cars are computed from the masses. See `routing_states`,
    which also describes the states of large networks. Q is 0 in choices that no
    play reaches.
  * Other games whose transitions change under a random mean field, or under one
    that puts a whole population in one place, are enumerated in every call; see
    `moving_form`. Q is 0 in states that no play reaches under the mean field.
  * All others are enumerated once too, although those trials do not prove that
    their transitions are fixed. Therefore each mean field that is passed or
    returned is checked in a traversal of all transitions, in which the rewards
    are read (once for consecutive calls with the same mean field). A mean field
    that changes a transition raises a ValueError that names the node.

  If rewards or transitions depend on the path to a node, not only on its
  observation string, OpenSpiel's values use the first path found. They are
  reproduced (for policies that list all legal actions, in the game's order),
  and a warning names the node with the largest difference.

  Attributes:
    layers: (N,), the layer of each state, counted from 0.
  """

  def __init__(
    self,
    game: pyspiel.Game,
    root_state: pyspiel.State | None = None,
    *,
    moves_are_fixed: bool = False,
  ):
    """Compiles the game.

    Args:
      game: A mean-field game of one or more populations.
      root_state: Where plays start, instead of the game's initial states; for
        games of one population.
      moves_are_fixed: Whether it is known that transitions, legal actions and
        chance outcomes do not depend on the mean field. This saves the
        traversal that otherwise checks, under each mean field, games that are
        neither OpenSpiel's nor ours. If it is not true, results may be wrong.

    Raises:
      ValueError: If the game is not a mean-field game, OpenSpiel's own
        DistributionPolicy would reject it, it has neither a choice nor a
        mean-field node, or a random mean field changes transitions that are
        declared fixed.
    """
    openspiel_games.check_game(game)
    validation.check_type("moves_are_fixed", moves_are_fixed, bool)
    if root_state is not None and game.num_players() > 1:
      raise ValueError(
        "root_state must be None for a game of more than one population, got"
        f" {game_walk.node_string(root_state)!r}."
      )
    self.game = game
    self.root_state = root_state
    self._form, notes = form_choice.compile_game(
      game, root_state, moves_are_fixed
    )
    for note in notes:
      warnings.warn(f"{game}: {note}", stacklevel=2)
    self._discount, self._start_time = mdp_game.discounting(game, root_state)
    self._take_over_states()

  def _take_over_states(self) -> None:
    """Sets the attributes that depend on the states of the form."""
    self.layers = self._form.layers
    self.legal_actions_mask = self._form.legal_actions_mask
    self.discounts = self._discount ** (self._start_time + self._form.times)

  @property
  def form(self) -> game_form.GameForm:
    """The game as arrays."""
    return self._form

  @property
  def observation_strings(self) -> list[str]:
    """Observation strings of the N states."""
    return self._form.strings

  def mean_field(self, policy: np.ndarray) -> np.ndarray:
    """Returns mu^pi, (N,): OpenSpiel's DistributionPolicy."""
    return self._form.flow(self._checked_policy(policy))

  def propagate(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    num_steps: int | None,
  ) -> np.ndarray:
    """Returns `mean_field` after `num_steps` transitions in the states (x, t).

    A step moves the masses of time t to time t + 1 and sets those of time 0 to
    the initial distribution. So None, or at least as many steps as there are
    times, gives the whole flow. Mean-field nodes receive `mean_field` in all
    steps.

    Raises:
      ValueError: If there are fewer steps than times, and `mean_field` has mass
        in states that no play reaches when mean-field nodes receive it.
    """
    policy = self._checked_policy(policy)
    mean_field = self._checked_mean_field(mean_field)
    mdp, rows = self._form.dynamics(mean_field)
    if num_steps is None:
      num_steps = mdp.num_steps
    if validation.check_int("num_steps", num_steps, 0) >= mdp.num_steps:
      return self._expand(mdp.flow(policy[rows]), rows)
    moved = mean_field[rows]
    lost = mean_field.sum() - moved.sum()
    if lost > validation.SUM_TOLERANCE:
      raise ValueError(
        f"num_steps must be None or at least {mdp.num_steps} if mean_field has"
        f" a mass of {lost:.3g} in states that no play reaches, got"
        f" {num_steps}."
      )
    for _ in range(num_steps):
      moved = mdp.step(policy[rows], moved)
    return self._expand(moved, rows)

  def action_values(
    self,
    policy: np.ndarray,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
    bonus: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns Q_mu^pi, (N, A): OpenSpiel's PolicyValue of each action."""
    policy = self._checked_policy(policy)
    mean_field = self._checked_mean_field(mean_field)
    mdp, rows, (rewards, *others) = self._under(mean_field, regularization)
    if bonus is None:
      values = mdp.evaluate(policy[rows], rewards, *others)
    else:
      bonus = validation.check_finite("bonus", bonus, len(self.layers))[rows]
      values = mdp.evaluate(policy[rows], rewards + bonus, *others)
      values -= bonus[:, None]
    return self._expand(values, rows)

  def optimal_action_values(
    self,
    mean_field: np.ndarray,
    regularization: float = 0.0,
    start: np.ndarray | None = None,
  ) -> np.ndarray:
    """Returns the maximum of Q_mu^pi, (N, A): OpenSpiel's BestResponse."""
    mean_field = self._checked_mean_field(mean_field)
    mdp, rows, pay = self._under(mean_field, regularization)
    return self._expand(mdp.optimize(*pay), rows)

  def exploitability(
    self, policy: np.ndarray, regularization: float = 0.0
  ) -> float:
    """Returns NashConv; with the entropy in both terms if regularized.

    By the performance difference lemma it is the sum, over the states that the
    policy visits, of their masses times the loss of the policy against the best
    response in this state. No term of this sum is negative.
    """
    policy = self._checked_policy(policy)
    mean_field = self._form.flow(policy)
    mdp, rows, pay = self._under(mean_field, regularization)
    best = mdp.optimize(*pay)
    if isinstance(rows, slice):
      # Nothing is lost where only one action is legal.
      several = array_rows.with_several(self.legal_actions_mask)
      if several is not None:
        rows, best = several, best[several]
        temperatures = pay[-1]
        if temperatures is not None:
          pay = (*pay[:-1], temperatures[several])
    losses = _losses(policy[rows], best, pay[-1])
    return float(mean_field[rows] @ losses)

  def best_deviation(
    self, policy: np.ndarray, rewards: np.ndarray
  ) -> mean_field_model.Deviation:
    """Returns the best deviation from `policy`, summed over populations.

    Args:
      policy: (N, A), the policy of all other players.
      rewards: (N, A), the reward of each action in each state, which replaces
        the game's reward under the mean field of the policy.
    """
    policy = self._checked_policy(policy)
    mean_field = self._form.flow(policy)
    mdp, rows = self._form.dynamics(mean_field)
    rewards = rewards[rows]
    best = mdp.optimize(rewards, None)
    losses = _losses(policy[rows], best, None)
    masses = mean_field[rows]
    value = np.einsum("n,na,na->", masses, policy[rows], rewards)
    return mean_field_model.Deviation(
      float(value),
      float(masses @ losses),
      tabular_policies.greedy_policy(self._expand(best, rows)),
    )

  def deviation_value(
    self, policy: np.ndarray, deviation: np.ndarray, rewards: np.ndarray
  ) -> float:
    """Returns the return of a player with `deviation` if others use `policy`.

    It is summed over populations. Both policies are (N, A), and so are the
    rewards of each action in each state.
    """
    deviation = self._checked_policy(deviation)
    mean_field = self._form.flow(self._checked_policy(policy))
    mdp, rows = self._form.dynamics(mean_field)
    masses = mdp.flow(deviation[rows])
    return float(np.einsum("n,na,na->", masses, deviation[rows], rewards[rows]))

  def reachable(
    self, policy: np.ndarray, mean_field: np.ndarray, start: np.ndarray
  ) -> np.ndarray:
    """Returns (N,) of bool: states that `policy` reaches from `start` > 0."""
    policy = self._checked_policy(policy)
    mean_field = self._checked_mean_field(mean_field)
    start = validation.check_masses("start", start, len(self.layers)) > 0
    if start.all():
      return start
    mdp, rows = self._form.dynamics(mean_field)
    reached = start.copy()
    reached[rows] = mdp.reached(
      policy[rows], start[rows], at_once=self._discount == 0
    )
    return reached

  def from_openspiel(self, policy: policy_lib.Policy) -> np.ndarray:
    """Returns the (N, A) array of a policy for `game`.

    If transitions depend on the mean field, nodes that the policy reaches are
    added to the states of the model, so N may grow. In states that no play
    reaches, for which OpenSpiel's tabular policies have no entry, the array is
    uniform.

    Raises:
      ValueError: If the policy has no probabilities for another state.
    """
    array = self._form.policy_array(policy)
    self._take_over_states()
    unknown = np.isnan(array).any(axis=1)
    if unknown.any():
      uniform = tabular_policies.uniform_policy(self.legal_actions_mask)
      missing = np.flatnonzero(unknown & (self._form.flow(uniform) > 0))
      if missing.size:
        string = self.observation_strings[missing[0]]
        raise ValueError(
          "policy must have action probabilities for each state, it has none"
          f" for {string!r}."
        )
      array[unknown] = uniform[unknown]
    return self._checked_policy(array)

  def _node_rows(self) -> dict[str, int]:
    return self._state_rows() | self._form.mean_field_rows()

  def _checked_policy(self, policy: np.ndarray) -> np.ndarray:
    return validation.check_policy(policy, self.legal_actions_mask)

  def _checked_mean_field(self, mean_field: np.ndarray) -> np.ndarray:
    return validation.check_masses("mean_field", mean_field, len(self.layers))

  def _under(
    self, mean_field: np.ndarray, regularization: float
  ) -> tuple[game_form.Dynamics, game_form.Rows, _Pay]:
    """Returns the transitions, the rows of their states, and the rewards.

    The last are the rewards of states and afterstates, and the weight of the
    entropy bonus in each state, None for no bonus.
    """
    mdp, rows = self._form.dynamics(mean_field)
    temperatures = None
    if validation.check_real("regularization", regularization, 0):
      temperatures = regularization * self.discounts[rows]
    return mdp, rows, (*self._form.rewards(mean_field), temperatures)

  def _expand(self, values: np.ndarray, rows: game_form.Rows) -> np.ndarray:
    """Returns values at `rows` as values of all states, 0 elsewhere."""
    if isinstance(rows, slice):
      return values
    if values.ndim == 1:
      result = np.zeros(len(self.layers))
    else:
      result = np.where(self.legal_actions_mask, 0.0, -np.inf)
    result[rows] = values
    return result


def _losses(
  policy: np.ndarray,
  best: np.ndarray,
  temperatures: np.ndarray | None,
) -> np.ndarray:
  """Returns (N,): the loss of one choice by `policy` before optimal play.

  Args:
    policy: (N, A).
    best: (N, A), optimal action values, -inf where an action is not legal.
    temperatures: (N,), the weights of the entropy bonus; None for no bonus.
  """
  regrets = best.max(axis=1, keepdims=True) - best
  mean_regrets = np.einsum(
    "na,na->n", policy, np.where(policy > 0, regrets, 0.0)
  )
  if temperatures is None:
    return mean_regrets
  # The temperature times the divergence of the policy from the optimal one.
  least = -softmax.soft_maximum(-regrets, temperatures)
  divergences = mean_regrets - temperatures * softmax.entropy(policy) - least
  return np.maximum(divergences, 0.0)
