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
import functools
import itertools
import pickle

import numpy as np
import pyspiel

from mftrpo_openspiel import enumeration
from mftrpo_openspiel import probing
from mftrpo_openspiel import validation

# States of a node that are compared.
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
    passed: Whether the answer is yes.
    detail: What is wrong, with an example; empty if nothing is.
  """

  check: str
  passed: bool
  detail: str = ""


@dataclasses.dataclass(frozen=True)
class LintReport:
  """All answers for a game; `str` gives a table.

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
      verdict = "yes" if finding.passed else "NO "
      lines.append(f"  {verdict}  {QUESTIONS[finding.check]}")
      if finding.detail:
        lines.append(f"         {finding.detail}")
    return "\n".join(lines)


def lint_game(
  game: pyspiel.Game, checks: Collection[str] | None = None, seed: int = 0
) -> LintReport:
  """Returns what a mean-field game does that OpenSpiel does not expect.

  Players are told the mean field of the uniform policy, other than in the plays
  whose states are pickled.

  Args:
    game: The game.
    checks: Keys of `QUESTIONS`; all if not given.
    seed: Of the choice of paths that are compared.

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
  validation.check_game(game)
  validation.check_int("seed", seed, 0)
  linter = _Linter(game, seed)
  findings = []
  for name in names:
    detail = linter.check(name)
    findings.append(Finding(name, not detail, detail))
  return LintReport(str(game), tuple(findings))


class _Linter:
  """Enumerates the game once, for all checks."""

  def __init__(self, game: pyspiel.Game, seed: int):
    self._game = game
    self._seed = seed
    self._roots = game.new_initial_states()
    self._met_decision = False
    self._lost_rewards: dict[str, str] = {}
    self._layers = enumeration.enumerate_layers(
      self._roots, visit=self._look_for_lost_rewards
    )

  def check(self, name: str) -> str:
    """Returns what is wrong; nothing if nothing is."""
    by_path = {
      "rewards": ("reward",),
      "chance_outcomes": ("chance outcomes",),
      "legal_actions": ("legal actions",),
      "next_nodes": ("node type", "next node"),
    }
    if name in by_path:
      found = self._probe.by_path
      return "; ".join(
        f"{found[what]} between paths"
        for what in by_path[name]
        if what in found
      )
    others: dict[str, Callable[[], str]] = {
      "own_children": self._shared_children,
      "pickling": self._pickling,
      "rewards_in_rl": lambda: "; ".join(self._lost_rewards.values()),
    }
    return others[name]()

  @functools.cached_property
  def _probe(self) -> probing.Probe:
    return probing.probe(
      self._roots, self._layers, num_states=NUM_STATES, seed=self._seed
    )

  def _look_for_lost_rewards(
    self,
    index: int,
    layer: enumeration.Layer,
    states: Sequence[pyspiel.State],
  ) -> None:
    """Notes rewards of nodes that `rl_environment` passes over."""
    rewards, where = layer.rewards, layer.kind.name.lower()
    if layer.kind == enumeration.CHANCE:
      rewards = np.array([enumeration.reward(state) for state in states])
    elif layer.kind == enumeration.DECISION:
      if self._met_decision:
        return
      self._met_decision = True
      where = "first decision"
    elif layer.kind == enumeration.TERMINAL:
      return
    if rewards.any() and where not in self._lost_rewards:
      node = int(np.abs(rewards).argmax())
      self._lost_rewards[where] = (
        f"{where} nodes pay, such as {rewards[node]:.3g} at"
        f" {layer.strings[node]!r}"
      )

  def _shared_children(self) -> str:
    """Returns which nodes follow several decision nodes."""
    number, example = 0, ""
    for layer, below in itertools.pairwise(self._layers):
      if layer.kind == enumeration.DECISION:
        chosen = np.repeat(layer.num_moves > 1, layer.num_moves)
        pairs = np.unique(
          np.stack([layer.children[chosen], layer.origins[chosen]]), axis=1
        )
        counts = np.bincount(pairs[0], minlength=len(below))
        number += int((counts > 1).sum())
        if counts.size and counts.max() > 1 and not example:
          example = below.strings[int(counts.argmax())]
    if not number:
      return ""
    return (
      f"{number} nodes follow several decision nodes, such as {example!r}:"
      " OpenSpiel's MirrorDescent is not online mirror descent here"
    )

  def _pickling(self) -> str:
    """Returns what the states of some random plays lose, with an example."""
    rng = np.random.default_rng(self._seed)
    # Under the uniform policy the crowd itself may be uniform, as it is again
    # after a state has lost it.
    masses = probing.random_masses(self._layers, rng)
    lost = {}
    for root in self._roots * NUM_PLAYS:
      for state in self._play(root, masses, rng):
        for name, copy in _COPIES.items():
          for what in _what_is_lost(state, copy):
            example = f"{name} at {enumeration.node_string(state)!r}"
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
    for index, layer in enumerate(self._layers):
      yield state
      if layer.kind == enumeration.TERMINAL:
        return
      if layer.kind == enumeration.MEAN_FIELD:
        told = dict(zip(layer.strings, masses[index].tolist()))
        support = state.distribution_support()
        state.update_distribution([told.get(string, 0.0) for string in support])
      else:
        actions, law = zip(*enumeration.moves(state))
        state.apply_action(int(rng.choice(actions, p=np.divide(law, sum(law)))))


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
      "observation string": enumeration.node_string,
      "rewards": lambda one: one.rewards(),
      "returns": lambda one: one.returns(),
      "moves": _moves,
    }
    return [name for name, part in parts.items() if part(other) != part(state)]
  except Exception as error:  # Whatever a game raises is what is wrong.
    return [f"{type(error).__name__} ({' '.join(str(error).split())})"]


def _moves(state: pyspiel.State) -> list[tuple[int, float]]:
  if state.get_type() in (enumeration.CHANCE, enumeration.DECISION):
    return enumeration.moves(state)
  return []
