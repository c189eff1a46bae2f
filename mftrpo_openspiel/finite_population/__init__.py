"""What a mean-field policy is worth among N players.

The N - 1 others keep to the policy, and one player may leave it.
`deviations.exploitability` computes what it gains: exactly for a player who
sees its own state where rewards are local or linear (`player_rewards`, with
`binomial_means`), and for one who sees how many others are in each state where
the world is small (`joint_chain`, with `count_lattice`). `simulation.simulate`
draws how many players are in each state; `worlds` has what it needs of a model.
`n_player_game` makes of any mean-field game of one population the N-player game
itself, for OpenSpiel, by the rules of `n_player_rules`. The room imports
`models`, `compiler` and what is below. A newcomer starts with `deviations`. The
names in `__all__` are loaded when they are first used.
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
