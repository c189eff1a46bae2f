"""Checks of whether OpenSpiel's mean-field utilities are exact on a game.

They keep one value for each observation string, MirrorDescent evaluates its
policy while that changes, states are copied over processes by pickling, and the
environment for reinforcement learning hands out the rewards of some nodes only.
Each of these asks something of a game that nothing in OpenSpiel checks.
"""

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
import decimal
import functools
import itertools
import pickle

import numpy as np
import pyspiel

from mftrpo_openspiel.compiler import comparison
from mftrpo_openspiel.compiler import crowds
from mftrpo_openspiel.compiler import game_walk
from mftrpo_openspiel.openspiel import games as openspiel_games
from mftrpo_openspiel.utils import validation

# Games with more histories (paths to a node, of all nodes) are sampled.
MAX_HISTORIES = 100_000
# States of a node that are then compared.
NUM_STATES = 4
# Plays whose states are pickled.
NUM_PLAYS = 4

QUESTIONS = {
  "rewards": "Are rewards functions of the observation string?",
  "chance_outcomes": "Are chance outcomes functions of the string?",
  "legal_actions": "Are legal actions functions of the string?",
  "next_nodes": "Are type and next nodes functions of the string?",
  "own_children": "Does each decision node have children of its own?",
  "pickling": "Do states survive pickling and serialization?",
  "rewards_in_rl": "Does the RL environment hand out all rewards?",
}


@dataclasses.dataclass(frozen=True)
class Finding:
  """The answer to one question.

  Attributes:
    check: A key of `QUESTIONS`.
    passed: Whether the answer is yes, as far as one has looked.
    is_proved: Whether an example was found, or everything was looked at.
    detail: What is wrong, with an example, or how much was looked at.
  """

  check: str
  passed: bool
  is_proved: bool
  detail: str

  @property
  def verdict(self) -> str:
    """The answer: yes, NO, or yes? if only a part was looked at."""
    if not self.passed:
      return "NO"
    return "yes" if self.is_proved else "yes?"


@dataclasses.dataclass(frozen=True)
class LintReport:
  """All answers for a game; `str` gives a table.

  "yes?" in the table is no proof.

  Attributes:
    game: The game.
    findings: The answers.
  """

  game: str
  findings: tuple[Finding, ...]

  @property
  def passed(self) -> bool:
    """Whether all answers are yes."""
    return all(finding.passed for finding in self.findings)

  def __str__(self) -> str:
    lines = [self.game]
    for finding in self.findings:
      lines.append(f"  {finding.verdict:4}  {QUESTIONS[finding.check]}")
      lines.append(f"        {finding.detail}")
    return "\n".join(lines)


def lint_game(
  game: pyspiel.Game,
  checks: Collection[str] | None = None,
  seed: int = 0,
  max_histories: int = MAX_HISTORIES,
) -> LintReport:
  """Returns what a mean-field game does that OpenSpiel does not expect.

  Players are told two mean fields: that of the uniform policy, and a random
  one; where that changes their moves, that of a random policy instead. Under
  each, all histories are compared if there are no more than `max_histories`,
  else `NUM_STATES` a node. Only states from a few plays are pickled.

  Args:
    game: The game.
    checks: Keys of `QUESTIONS`; all if not given.
    seed: Of the random mean field or policy, and of the paths that are compared
      where there are too many.
    max_histories: How many histories are compared at most.

  Raises:
    ValueError: If it is no mean-field game, or a check is unknown.
  """
  names = list(QUESTIONS) if checks is None else list(checks)
  for name in names:
    validation.check_choice("checks", name, QUESTIONS)
  if not names:
    raise ValueError(
      f"checks must be one or more of {', '.join(QUESTIONS)}, got none."
    )
  openspiel_games.check_game(game)
  validation.check_int("seed", seed, 0)
  linter = _Linter(game, seed, max_histories)
  return LintReport(str(game), tuple(map(linter.check, names)))


class _Linter:
  """Enumerates the game once, for all checks."""

  def __init__(self, game: pyspiel.Game, seed: int, max_histories: int):
    self._seed = seed
    self._max_histories = max_histories
    self._roots = game.new_initial_states()
    self._levels = game_walk.enumerate_levels(self._roots)
    self._lost_rewards: dict[str, str] = {}

  def check(self, name: str) -> Finding:
    """Returns the answer to a question."""
    if name == "pickling":
      wrong = self._pickling()
      looked_at = f"nothing is lost in the states of {NUM_PLAYS} plays"
      return Finding(name, not wrong, bool(wrong), wrong or looked_at)
    walks = [walk for walk, _ in self._comparisons]
    if name == "own_children":
      wrong = self._shared_children()
    elif name == "rewards_in_rl":
      wrong = "; ".join(self._lost_rewards.values())
    else:
      wrong = _differences(walks, _BY_PATH[name])
    if wrong:
      return Finding(name, False, True, wrong)
    least, total = min(
      ((each.num_histories, count) for each, count in self._comparisons),
      key=lambda pair: pair[0] / pair[1],
    )
    detail = (
      f"nothing found in {_number(least)} of {_number(total)} histories, under"
      f" {len(self._comparisons)} mean fields"
    )
    return Finding(name, True, least == total, detail)

  @functools.cached_property
  def _comparisons(self) -> list[tuple[comparison.Comparison, int]]:
    """Comparisons under two mean fields, and how many histories there are."""
    rng = np.random.default_rng(self._seed)
    random = crowds.announced(crowds.random_masses(self._levels, rng))
    first = self._compare(self._levels, game_walk.UNIFORM)
    second = self._compare(self._levels, random)
    if second[0].by_mean_field:
      crowd = crowds.random_players(rng)
      levels = game_walk.enumerate_levels(self._roots, crowd)
      second = self._compare(levels, game_walk.UNIFORM)
    return [first, second]

  def _compare(
    self, levels: Sequence[game_walk.Level], crowd: game_walk.Crowd
  ) -> tuple[comparison.Comparison, int]:
    """Returns what differs in known levels, and their number of histories."""
    count = _count_histories(levels)
    found = comparison.compare(
      self._roots,
      levels,
      crowd,
      NUM_STATES if count > self._max_histories else None,
      self._seed,
      self._look_for_lost_rewards,
    )
    return found, count

  def _look_for_lost_rewards(
    self, index: int, level: game_walk.Level, groups: comparison.Groups
  ) -> None:
    """Notes rewards of nodes that `rl_environment` passes over."""
    where = level.kind.name.lower()
    if level.kind == game_walk.DECISION:
      where = "first decision"
      if level.kind in [other.kind for other in self._levels[:index]]:
        return
    if level.kind == game_walk.TERMINAL or where in self._lost_rewards:
      return
    # Those of chance nodes, too.
    rewards = [
      max((game_walk.reward(look.state) for look in group), key=abs)
      for group in groups
    ]
    largest = max(rewards, key=abs)
    if largest:
      string = level.strings[rewards.index(largest)]
      self._lost_rewards[where] = (
        f"{where} nodes pay, such as {largest:.3g} at {string!r}"
      )

  def _shared_children(self) -> str:
    """Returns which nodes follow several decision nodes."""
    shared: list[str] = []
    for level, below in itertools.pairwise(self._levels):
      if level.kind == game_walk.DECISION:
        chosen = np.repeat(level.num_moves > 1, level.num_moves)
        pairs = np.unique(
          np.stack([level.children[chosen], level.origins[chosen]]), axis=1
        )
        counts = np.bincount(pairs[0], minlength=len(below))
        most_first = np.argsort(-counts, kind="stable")
        shared += [
          below.strings[node] for node in most_first if counts[node] > 1
        ]
    if not shared:
      return ""
    return (
      f"{len(shared)} nodes follow several decision nodes, such as"
      f" {shared[0]!r}: OpenSpiel's MirrorDescent is not online mirror descent"
      " here"
    )

  def _pickling(self) -> str:
    """Returns what the states of some random plays lose, with an example."""
    rng = np.random.default_rng(self._seed)
    # Under the uniform policy the crowd itself may be uniform, as it is again
    # after a state has lost it.
    masses = crowds.random_masses(self._levels, rng)
    lost: dict[str, str] = {}
    for root in self._roots * NUM_PLAYS:
      for state in self._play(root, masses, rng):
        for name, copy in _COPIES.items():
          for what in _what_is_lost(state, copy):
            example = f"{name} at {game_walk.node_string(state)!r}"
            lost.setdefault(what, f"{what}, by {example}")
    return "; ".join(lost.values())

  def _play(
    self,
    root: pyspiel.State,
    masses: Mapping[int, np.ndarray],
    rng: np.random.Generator,
  ) -> Iterator[pyspiel.State]:
    """Yields the states of a random play in which players are told `masses`."""
    state = root.clone()
    for index, level in enumerate(self._levels):
      yield state
      if level.kind == game_walk.TERMINAL:
        return
      if level.kind == game_walk.MEAN_FIELD:
        told = dict(zip(level.strings, masses[index].tolist()))
        support = state.distribution_support()
        state.update_distribution([told.get(string, 0.0) for string in support])
      else:
        actions, law = zip(*game_walk.moves(state))
        state.apply_action(int(rng.choice(actions, p=np.divide(law, sum(law)))))


# What `comparison.Difference` calls the answers to questions.
_BY_PATH = {
  "rewards": ("reward",),
  "chance_outcomes": ("chance outcomes",),
  "legal_actions": ("legal actions",),
  "next_nodes": ("node type", "next node"),
}


def _differences(
  walks: Sequence[comparison.Comparison], kinds: Sequence[str]
) -> str:
  """Returns the largest differences of some kinds between paths."""
  largest = []
  for what in kinds:
    found = [walk.by_path[what] for walk in walks if what in walk.by_path]
    largest += sorted(found, key=lambda one: -one.size)[:1]
  return "; ".join(f"{difference} between paths" for difference in largest)


def _number(count: int) -> str:
  """Returns a count that may be too large for a float, in few digits."""
  if count < 10**7:
    return f"{count:,}"
  return f"{decimal.Decimal(count):.1e}"


def _count_histories(levels: Sequence[game_walk.Level]) -> int:
  """Returns how many paths lead to the nodes of a game, in all."""
  # Python's own numbers, for there may be more paths than fit a float.
  counts = np.ones(len(levels[0]), dtype=object)
  total = counts.sum()
  for level, below in itertools.pairwise(levels):
    arriving = np.zeros(len(below), dtype=object)
    np.add.at(arriving, level.children, counts[level.origins])
    counts, total = arriving, total + arriving.sum()
  return int(total)


def _serialized(state: pyspiel.State) -> pyspiel.State:
  text = pyspiel.serialize_game_and_state(state.get_game(), state)
  return pyspiel.deserialize_game_and_state(text)[1]


_COPIES: dict[str, Callable[[pyspiel.State], pyspiel.State]] = {
  "pickling": lambda state: pickle.loads(pickle.dumps(state)),
  "serialization": _serialized,
}


def _what_is_lost(
  state: pyspiel.State, copy: Callable[[pyspiel.State], pyspiel.State]
) -> list[str]:
  """Returns what a copied state does not share with `state`."""
  try:
    other = copy(state)
    parts = {
      "observation string": game_walk.node_string,
      "rewards": lambda one: one.rewards(),
      "returns": lambda one: one.returns(),
      "moves": game_walk.moves,
    }
    return [name for name, part in parts.items() if part(other) != part(state)]
  except Exception as error:  # Whatever a game raises is what is wrong.
    return [f"{type(error).__name__} ({' '.join(str(error).split())})"]
