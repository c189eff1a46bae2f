"""Studies which regularization is best for N players.

The paper says that "setting eta on the order of O~(1 / sqrt(N)) ensures
consistency with the approximation accuracy of the MARL problem". This module
computes the regularized mean-field equilibrium of each eta, and the gain phi_N
of a player who deviates from it in the game of N players. For each N this gives
two numbers: the eta with the smallest gain, if it exists, and the largest eta
with at most twice the smallest gain, for which regularization costs no more
than the finite number of players. How both decrease with N depends on the
information of the deviating player.
"""

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import itertools
import pathlib

import numpy as np
from scipy import optimize

from mftrpo_openspiel.algorithms import equilibrium
from mftrpo_openspiel.finite_population import gaps
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.runs import solutions
from mftrpo_openspiel.utils import interrupts

Model = stationary_model.StationaryModel | compiled_game.CompiledGame

# Exploitability of the equilibria relative to that of the uniform policy; far
# below the accuracy that the study needs.
TOLERANCE = 1e-9
# The tolerable gain, relative to the smallest one.
TOLERABLE = 2.0
# Accuracy of the logarithm of the best eta.
SEARCH_TOLERANCE = 0.02


@dataclasses.dataclass(frozen=True)
class Choice:
  """The eta that suits a number of players.

  Attributes:
    num_players: N.
    best: The eta > 0 with the smallest gain; None if it may lie outside the
      range of the given etas, or if several are equally good.
    tolerable: The largest eta with at most `TOLERABLE` times the smallest gain;
      None if it may lie outside the range of the given etas.
    exploitability: The smallest gain found, phi_N.
  """

  num_players: int
  best: float | None
  tolerable: float | None
  exploitability: float


def find_policy(model: Model, regularization: float) -> np.ndarray:
  """Returns the (N, A) policy of a regularized equilibrium.

  Raises:
    ArithmeticError: If no equilibrium is found.
  """
  return equilibrium.solve(model, regularization, TOLERANCE).policy


def kept_policy(
  model: Model,
  model_name: str,
  regularization: float,
  folder: pathlib.Path,
) -> np.ndarray:
  """Returns the policy of `find_policy`, read from `folder` if it is stored.

  Args:
    model: Model of the game.
    model_name: One of `from_game.MODELS`.
    regularization: eta.
    folder: The policy is stored there as equilibrium_<eta>.npz.

  Raises:
    ValueError: If the file is damaged or belongs to another game.
    ArithmeticError: If no equilibrium is found.
  """
  path = folder / f"equilibrium_{regularization!r}.npz"
  if path.exists():
    return solutions.load_solution(path).for_model(model).policy
  policy = find_policy(model, regularization)
  solution = solutions.Solution(
    observation_strings=model.observation_strings,
    legal_actions_mask=model.legal_actions_mask,
    policy=policy,
    mean_field=model.mean_field(policy),
    game=str(model.game),
    model=model_name,
    iteration=0,
  )
  with interrupts.deferred():
    solutions.save_solution(path, solution)
  return policy


def study(
  model: Model,
  find: Callable[[float], np.ndarray],
  regularizations: Sequence[float],
  num_players: Sequence[int],
  information: str,
  report: Callable[[float, ArithmeticError | None], None],
) -> dict[float, list[gaps.Gap]]:
  """Returns the gains from deviating from each regularized equilibrium.

  Args:
    model: Model of the game.
    find: Returns the policy for an eta, such as `find_policy` of the model.
    regularizations: The etas, not negative.
    num_players: The numbers of players.
    information: What the deviating player observes, "own" or "counts".
    report: Called after each eta, with the error if there is no result.

  Returns:
    For each eta with an equilibrium, a gap for each number of players.
  """
  results = {}
  for eta in regularizations:
    try:
      policy = find(eta)
    except ArithmeticError as error:
      report(eta, error)
      continue
    results[eta] = [
      gaps.find_gap(model, policy, n, information) for n in num_players
    ]
    report(eta, None)
  return results


def choose(
  model: Model,
  find: Callable[[float], np.ndarray],
  gains: Mapping[float, float],
  num_players: int,
  information: str,
) -> Choice:
  """Returns the eta that suits a number of players.

  The best and the tolerable eta are searched for between neighbours of `gains`.

  Args:
    model: Model of the game.
    find: Returns the policy for an eta.
    gains: eta -> phi_N; eta = 0 may be among them.
    num_players: N.
    information: What the deviating player observes.
  """

  def gain(log_eta: float) -> float:
    # Rounded, so that a repeated search finds stored policies.
    try:
      policy = find(float(f"{np.exp(log_eta):.6g}"))
    except ArithmeticError:
      return np.inf
    found = gaps.find_gap(model, policy, num_players, information)
    return found.exploitability

  best, least = None, min(gains.values())
  around = _around_least(gains)
  if around is not None:
    low, middle, high = around
    search = optimize.minimize_scalar(
      gain,
      bounds=(np.log(low), np.log(high)),
      method="bounded",
      options={"xatol": SEARCH_TOLERANCE},
    )
    best = middle
    if search.fun <= gains[middle]:
      best, least = float(np.exp(search.x)), min(least, float(search.fun))
  limit = TOLERABLE * least
  tolerable, between = None, _around_limit(gains, limit)
  if between is not None:
    root = optimize.brentq(
      lambda log_eta: gain(log_eta) - limit,
      float(np.log(between[0])),
      float(np.log(between[1])),
      xtol=SEARCH_TOLERANCE / 4,
    )
    tolerable = float(np.exp(root))
  return Choice(num_players, best, tolerable, least)


def _around_least(
  gains: Mapping[float, float],
) -> tuple[float, float, float] | None:
  """Returns the best eta > 0 and its neighbours; None if one is missing."""
  etas = sorted(eta for eta in gains if eta > 0)
  least = min((gains[eta] for eta in etas), default=0.0)
  places = [place for place, eta in enumerate(etas) if gains[eta] == least]
  if len(places) != 1 or not 0 < places[0] < len(etas) - 1 or least <= 0:
    return None
  low, middle, high = etas[places[0] - 1 : places[0] + 2]
  return low, middle, high


def _around_limit(
  gains: Mapping[float, float], limit: float
) -> tuple[float, float] | None:
  """Returns the largest eta > 0 with at most this gain, and the next one.

  None if one of them does not exist.
  """
  etas = sorted(eta for eta in gains if eta > 0)
  for low, high in reversed(list(itertools.pairwise(etas))):
    if gains[high] <= limit:
      return None
    if gains[low] <= limit:
      return low, high
  return None
