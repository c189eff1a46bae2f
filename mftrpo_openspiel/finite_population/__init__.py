"""The quality of mean-field policies in games of N players.

N - 1 players use the policy, and one player may deviate from it.
`deviations.exploitability` computes the gain of the best deviation. It is exact
for a player that observes its own state if rewards are local, linear or
quadratic (`player_rewards`, with `binomial_means`), and for a player that also
observes the number of other players in each state if the game is small
(`joint_chain`, with `count_lattice`). `simulation.simulate` samples the number
of players in each state; `worlds` contains the transitions and rewards that it
needs. `n_player_game` turns any mean-field game of one population into an
N-player game of OpenSpiel, by the rules of `n_player_rules`. This subpackage
imports `models`, `compiler`, `mdp`, `openspiel` and `utils`. Start reading at
`deviations`. The names in `__all__` are loaded when they are first used.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
  from mftrpo_openspiel.finite_population.deviations import exploitability
  from mftrpo_openspiel.finite_population.simulation import simulate

# The module that each public name comes from.
_MODULES = {
  "exploitability": "deviations",
  "simulate": "simulation",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> typing.Any:
  if name not in _MODULES:
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
  module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
  value = globals()[name] = getattr(module, name)
  return value
