"""OpenSpiel's own algorithms, as shipped, with the interface of this package.

They run in the same loop as the other algorithms and are measured by the same
utilities. Note on OpenSpiel's MirrorDescent: while it evaluates a policy, it
adds to the table from which this policy is read. Where decision nodes share
children, as in OpenSpiel's grid games, it therefore evaluates a mixture of two
policies, and is not the algorithm of the paper that it cites.
`mirror_descent.MirrorDescent` is this algorithm, and so is
`FrozenTableMirrorDescent`, which corrects OpenSpiel's class in one place.
"""

from collections.abc import Callable
from collections.abc import Mapping
import functools
from typing import Any

import numpy as np
from open_spiel.python import policy as policy_lib
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
from open_spiel.python.mfg.algorithms import fictitious_play
from open_spiel.python.mfg.algorithms import mirror_descent
import pyspiel

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model as model_lib
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import validation


class FrozenTableMirrorDescent(mirror_descent.MirrorDescent):
  """OpenSpiel's MirrorDescent in which each policy has its own table."""

  def get_projected_policy(self) -> policy_lib.Policy:
    """Returns the projected policy, which later iterations do not change."""
    table = value_lib.TabularValueFunction(self._game)
    # A copy of the same type, which has 0 for nodes that were not visited.
    table._values = self._cumulative_state_value._values.copy()
    player_ids = list(range(self._game.num_players()))
    return mirror_descent.ProjectedPolicy(self._game, player_ids, table)


# By their names in programs.
CLASSES: dict[str, Callable[..., Any]] = {
  "openspiel_fictitious_play": fictitious_play.FictitiousPlay,
  "openspiel_mirror_descent": mirror_descent.MirrorDescent,
  "openspiel_mirror_descent_frozen_table": FrozenTableMirrorDescent,
}


class OpenSpielAlgorithm(algorithm.MeanFieldAlgorithm):
  """An algorithm of `open_spiel.python.mfg.algorithms`."""

  def __init__(
    self,
    game: model_lib.MeanFieldModel | pyspiel.Game,
    openspiel_class: Callable[..., Any],
    **options: Any,
  ):
    """Initializes the algorithm on the model's game.

    Args:
      game: An `OpenSpielModel`, or a game, on which exploitability is then
        measured by OpenSpiel's own utilities.
      openspiel_class: A class of OpenSpiel, such as
        `fictitious_play.FictitiousPlay`.
      **options: Arguments of its constructor after the game; None for its
        default.

    Raises:
      ValueError: If an option is out of range, or as `from_game.as_model`.
    """
    is_average = openspiel_class is fictitious_play.FictitiousPlay
    highest = {"lr": 1 if is_average else np.inf, "temperature": np.inf}
    for name, high in highest.items():
      if options.get(name) is not None:
        validation.check_real(name, options[name], 0, high, low_open=True)
    if isinstance(game, pyspiel.Game):
      game = from_game.create_model("openspiel", game)
    super().__init__(game)
    self._create = functools.partial(
      openspiel_class, self.model.game, **options
    )
    self._algorithm = self._create()
    self._num_iterations = 0
    # Computed from the algorithm's own policy on first access.
    self._policy: np.ndarray | None = None
    self._mean_field: np.ndarray | None = None

  def iteration(self) -> None:
    """Performs one iteration of OpenSpiel's algorithm."""
    self._policy = self._mean_field = None
    with recursion.deep(self.model.game):
      self._algorithm.iteration()
    self._num_iterations += 1

  @property
  def num_iterations(self) -> int:
    """Number of iterations performed."""
    return self._num_iterations

  @property
  def policy(self) -> np.ndarray:
    """(N, A), the current policy."""
    if self._policy is None:
      self._policy = self.model.from_openspiel(self._algorithm.get_policy())
    return self._policy

  @property
  def mean_field(self) -> np.ndarray:
    """(N,), the mean field of the current policy."""
    if self._mean_field is None:
      self._mean_field = self.model.mean_field(self.policy)
    return self._mean_field

  def state(self) -> dict[str, np.ndarray]:
    """Returns the step counter of OpenSpiel's algorithm and its table.

    The table has the policy of FictitiousPlay, or the cumulative values of
    MirrorDescent and its subclasses, by node.

    Raises:
      ValueError: If it is another algorithm.
    """
    inner = self._algorithm
    if isinstance(inner, fictitious_play.FictitiousPlay):
      step, nodes = inner._fp_step, []
      values = np.zeros((0, self.model.game.num_distinct_actions()))
      if step:  # Before the first step its policy is not a table.
        policy = inner.get_policy()
        nodes, values = (
          list(policy.state_lookup),
          policy.action_probability_array,
        )
    elif isinstance(inner, mirror_descent.MirrorDescent):
      table = inner._cumulative_state_value._values
      step, nodes = inner._md_step, [node for node, _ in table]
      values = np.array(list(table.values()), dtype=np.float64)
    else:
      raise ValueError(
        "openspiel_class must be FictitiousPlay or a MirrorDescent for its"
        f" state to be saved, got {type(inner).__name__}."
      )
    return {
      "step": np.array(step),
      "nodes": np.array(nodes, dtype=np.str_),
      "values": values,
    }

  def restore(self, state: Mapping[str, np.ndarray]) -> None:
    """Restores a state that `state` returned.

    Raises:
      ValueError: If it is not the state of this algorithm on this game.
    """
    like = self.state()
    nodes = state.get("nodes", like["nodes"])
    if nodes.dtype.kind == "U" and nodes.ndim == 1:
      # The number of nodes is that of the nodes visited so far, and their
      # strings have any length.
      shape = (len(nodes), *like["values"].shape[1:])
      like |= {"nodes": nodes, "values": np.broadcast_to(0.0, shape)}
    algorithm.check_state(state, like)
    fresh, game = self._create(), self.model.game
    step, nodes = state["step"].item(), state["nodes"].tolist()
    if isinstance(fresh, fictitious_play.FictitiousPlay):
      fresh._fp_step = step
      if step:
        policy = fresh.get_policy().to_tabular()
        if policy.state_lookup.keys() != set(nodes):
          raise ValueError(
            "state must belong to this algorithm and model: its nodes are not"
            f" those of {game}."
          )
        rows = [policy.state_lookup[node] for node in nodes]
        policy.action_probability_array[rows] = state["values"]
        fresh._policy = policy
    else:
      fresh._md_step = step
      for node, value in zip(nodes, state["values"].tolist()):
        fresh._cumulative_state_value.set_value(node, value)
      if step:
        policy = fresh._policy = fresh.get_projected_policy()
        fresh._distribution = distribution_lib.DistributionPolicy(game, policy)
    self._algorithm = fresh
    self._num_iterations = step
    self._policy = self._mean_field = None
