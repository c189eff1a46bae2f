"""Mean fields and policies of a solver or run, for drawing."""

from collections.abc import Collection
from collections.abc import Sequence
import dataclasses

import numpy as np

from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import mean_field_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import placement


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
  """Mean fields and policies, by moments.

  For an infinite horizon, moments are iterations. For a finite horizon, they
  are the time steps of one solution.

  Attributes:
    name: Its name in titles and messages.
    game_title: The name of the game in titles.
    game_drawing: The positions of its S places.
    is_stationary: Whether the horizon is infinite.
    mean_fields: (populations, S) arrays, by moment.
    policies: (populations, S, A) arrays, by moment; a row of zeros if the
      policy in a place is unknown.
  """

  name: str
  game_title: str
  game_drawing: placement.GameDrawing
  is_stationary: bool
  mean_fields: dict[int, np.ndarray]
  policies: dict[int, np.ndarray]

  def moment_title(self, moment: int) -> str:
    """Returns the title of a moment."""
    if not self.is_stationary:
      return f"t = {moment}"
    return "Start" if moment == 0 else f"{moment:,} iterations"

  def choose(
    self, available: Collection[int], moments: Sequence[int] | None
  ) -> list[int]:
    """Returns the moments to draw; the first, middle and last if not given.

    Raises:
      ValueError: If one of them is not available, or there are none.
    """
    there = sorted(available)
    if not there:
      raise ValueError(
        f"{self.name} must have a solution to draw, it has none."
      )
    if moments is None:
      return list(dict.fromkeys([there[0], there[len(there) // 2], there[-1]]))
    for moment in moments:
      if moment not in available:
        nearest = min(there, key=lambda other: abs(other - moment))
        raise ValueError(
          f"moments must be among the {len(there)} of {self.name}, from"
          f" {there[0]} to {there[-1]}, got {moment}; the nearest is {nearest}."
        )
    return list(moments)

  def panels(
    self, arrays: dict[int, np.ndarray], moment: int, name: str = ""
  ) -> dict[str, np.ndarray]:
    """Returns the arrays of the populations at a moment, by panel titles.

    Args:
      arrays: Such as `mean_fields`.
      moment: One of its keys.
      name: Text above the moment in the titles; "" for none.
    """
    title = self.moment_title(moment)
    if name:
      title = f"{name}\n{title}"
    if len(arrays[moment]) == 1:
      return {title: arrays[moment][0]}
    return {
      f"{title}, population {number}": array
      for number, array in enumerate(arrays[moment])
    }


def of_model(
  model: mean_field_model.MeanFieldModel,
  policy: np.ndarray,
  mean_field: np.ndarray,
  iteration: int = 0,
  name: str = "the solver",
) -> Drawn:
  """Returns a policy and a mean field of a model, for drawing.

  Args:
    model: A model of any kind.
    policy: (N, A).
    mean_field: (N,).
    iteration: The iteration of the algorithm, for titles.
    name: The name in titles and messages.

  Raises:
    ValueError: If the game has no drawing.
  """
  placed = game_drawings.of_model(model)
  exact = from_game.exact_model(model)
  is_stationary = isinstance(exact, stationary_model.StationaryModel)
  mean_fields = placed.mean_fields(mean_field)
  policies = placed.policies(policy, mean_field)
  if is_stationary:
    mean_fields = {iteration: mean_fields[0]}
    policies = {iteration: policies[0]}
  return Drawn(
    name,
    game_drawings.shown_name(model.game.get_type().short_name),
    placed.game_drawing,
    is_stationary,
    mean_fields,
    policies,
  )
