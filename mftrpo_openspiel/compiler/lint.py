"""Checks whether OpenSpiel's mean-field utilities are exact on a game.

The utilities store one value per observation string; MirrorDescent evaluates
its policy while the policy changes; states are copied between processes by
pickling; and the environment for reinforcement learning returns the rewards of
some nodes only. Each of these makes assumptions about a game that nothing in
OpenSpiel checks.
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

# In games with more histories (paths to a node, summed over all nodes),
# histories are sampled.
MAX_HISTORIES = 100_000
# The number of states compared per node in this case.
NUM_STATES = 4
# The number of plays whose states are pickled.
NUM_PLAYS = 4

QUESTIONS = {
  "rewards": "Are rewards functions of the observation string?",
  "chance_outcomes": "Are chance outcomes functions of the string?",
  "legal_actions": "Are legal actions functions of the string?",
  "next_nodes": "Are type and next nodes functions of the string?",
  "own_children": "Does each decision node have children of its own?",
  "pickling": "Do states survive pickling and serialization?",
  "rewards_in_rl": "Does the RL environment return all rewards?",
}


@dataclasses.dataclass(frozen=True)
class Finding:
  """The answer to one question.

  Attributes:
    check: A key of `QUESTIONS`.
    passed: Whether the answer is yes, as far as it was checked.
    is_proved: Whether a counterexample was found, or everything was checked.
    detail: What is wrong, with an example, or how much was checked.
  """

  check: str
  passed: bool
  is_proved: bool
  detail: str

  @property
  def verdict(self) -> str:
    """The answer: yes, NO, or "yes?" if only a part was checked."""
    if not self.passed:
      return "NO"
    return "yes" if self.is_proved else "yes?"


@dataclasses.dataclass(frozen=True)
class LintReport:
  """All answers for a game; `str` returns a table.

  An answer "yes?" in the table is not a proof.

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
  """Checks whether a mean-field game meets the assumptions of OpenSpiel.

  The game is checked under two mean fields: that of the uniform policy, and a
  random one. If the random one changes transitions, that of a random policy is
  used instead. Under each, all histories are compared if there are at most
  `max_histories`, and otherwise `NUM_STATES` per node. Only states of a few
  plays are pickled.

  Args:
    game: The game.
    checks: Keys of `QUESTIONS`; all if not given.
    seed: The seed of the random mean field or policy, and of the sample of
      histories.
    max_histories: The largest number of histories that are all compared.

  Raises:
    ValueError: If the game is not a mean-field game, or a check is unknown.
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
    """Comparisons under two mean fields, each with its number of histories."""
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
    """Returns the comparison with known levels, and the number of histories."""
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
    """Records rewards of nodes that `rl_environment` does not return."""
    where = level.kind.name.lower()
    if level.kind == game_walk.DECISION:
      where = "first decision"
      if level.kind in [other.kind for other in self._levels[:index]]:
        return
    if level.kind == game_walk.TERMINAL or where in self._lost_rewards:
      return
    # The rewards of chance nodes are included.
    rewards = [
      max((game_walk.reward(look.state) for look in group), key=abs)
      for group in groups
    ]
    largest = max(rewards, key=abs)
    if largest:
      string = level.strings[rewards.index(largest)]
      self._lost_rewards[where] = (
        f"{where} nodes have rewards, such as {largest:.3g} at {string!r}"
      )

  def _shared_children(self) -> str:
    """Returns which nodes follow several decision nodes, with an example."""
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
    """Returns what copies of states of random plays lose, with an example."""
    rng = np.random.default_rng(self._seed)
    # The population distribution of the uniform policy may itself be uniform,
    # and a state that has lost its distribution uses the uniform one.
    masses = crowds.random_masses(self._levels, rng)
    lost: dict[str, str] = {}
    for root in self._roots * NUM_PLAYS:
      for state in self._play(root, masses, rng):
        for name, copy in _COPIES.items():
          for what in _lost_properties(state, copy):
            example = f"{name} at {game_walk.node_string(state)!r}"
            lost.setdefault(what, f"{what}, by {example}")
    return "; ".join(lost.values())

  def _play(
    self,
    root: pyspiel.State,
    masses: Mapping[int, np.ndarray],
    rng: np.random.Generator,
  ) -> Iterator[pyspiel.State]:
    """Yields the states of a random play whose nodes receive `masses`."""
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


# The kinds of `comparison.Difference` that answer each question.
_BY_PATH = {
  "rewards": ("reward",),
  "chance_outcomes": ("chance outcomes",),
  "legal_actions": ("legal actions",),
  "next_nodes": ("node type", "next node"),
}


def _differences(
  walks: Sequence[comparison.Comparison], kinds: Sequence[str]
) -> str:
  """Returns the largest differences between paths, of some kinds."""
  largest = []
  for what in kinds:
    found = [walk.by_path[what] for walk in walks if what in walk.by_path]
    largest += sorted(found, key=lambda one: -one.size)[:1]
  return "; ".join(f"{difference} between paths" for difference in largest)


def _number(count: int) -> str:
  """Formats a count, which may be too large for a float, in few digits."""
  if count < 10**7:
    return f"{count:,}"
  return f"{decimal.Decimal(count):.1e}"


def _count_histories(levels: Sequence[game_walk.Level]) -> int:
  """Returns the total number of paths to the nodes of a game."""
  # Python integers, since there may be more paths than a float can represent.
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


def _lost_properties(
  state: pyspiel.State, copy: Callable[[pyspiel.State], pyspiel.State]
) -> list[str]:
  """Returns the properties that differ between a state and its copy."""
  try:
    other = copy(state)
    parts = {
      "observation string": game_walk.node_string,
      "rewards": lambda one: one.rewards(),
      "returns": lambda one: one.returns(),
      "actions": game_walk.moves,
    }
    return [name for name, part in parts.items() if part(other) != part(state)]
  except Exception as error:  # Any exception of the game is the finding.
    return [f"{type(error).__name__} ({' '.join(str(error).split())})"]
