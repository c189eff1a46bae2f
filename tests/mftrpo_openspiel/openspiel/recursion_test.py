"""Tests of the recursion limit for OpenSpiel's utilities."""

import json
import re
import sys
import threading

import numpy as np
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

import mftrpo_openspiel
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies

# Before Python 3.12 one limit holds for nested calls of Python and of C.
one_limit = pytest.mark.skipif(
  sys.version_info >= (3, 12), reason="C code has a limit of its own."
)


@pytest.fixture(autouse=True)
def _the_limit_is_as_before():
  before = sys.getrecursionlimit()
  yield
  assert sys.getrecursionlimit() == before


def chain_game(horizon):
  """Returns a game with two states, the first of which is transient."""
  return mdp_game.MDPGame(
    mftrpo_openspiel.MeanFieldMDP(
      kernel=np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]),
      reward=lambda mu: np.array([[1.0, 0.0], [2.0, 2.0]]) - mu[0],
      discount=0.999,
      initial_distribution=[1.0, 0.0],
    ),
    horizon,
  )


def test_long_games_do_not_change_the_limit_afterwards():
  before = sys.getrecursionlimit()
  chain_game(10**6)
  pyspiel.load_game("python_mfg_two_islands(horizon=1000000)")
  assert sys.getrecursionlimit() == before
  # This once ended the process instead of raising an error.
  with pytest.raises(RecursionError):
    json.loads("[" * 300_000)


@one_limit
@pytest.mark.parametrize("regularization", [0.0, 0.1])
def test_long_games_work_through_openspiel(regularization):
  game = chain_game(400)
  model = openspiel_model.OpenSpielModel(game)
  fast = compiled_game.CompiledGame(game)
  policy = tabular_policies.uniform_policy(model.legal_actions_mask)
  expected = fast.exploitability(
    tabular_policies.uniform_policy(fast.legal_actions_mask), regularization
  )
  assert model.exploitability(policy, regularization) == pytest.approx(
    expected, rel=1e-9
  )
  assert np.isfinite(
    model.action_values(policy, model.mean_field(policy), regularization)[
      model.legal_actions_mask
    ]
  ).all()


@one_limit
@pytest.mark.parametrize(
  "name", ["openspiel_fictitious_play", "openspiel_mirror_descent"]
)
def test_long_games_work_with_the_algorithms_of_openspiel(name):
  model = from_game.create_model("openspiel", chain_game(150))
  algorithm = registry.create_algorithm(name, model)
  algorithm.iteration()
  assert np.isfinite(algorithm.policy).all()


@one_limit
def test_users_can_set_the_limit_for_their_own_calls():
  game = chain_game(200)
  policy = compiled_game.CompiledGame(game)
  array = tabular_policies.uniform_policy(policy.legal_actions_mask)
  playable = policy.to_openspiel(array)
  with recursion.deep(game):
    value = nash_conv.NashConv(game, playable).nash_conv()
  assert value == pytest.approx(policy.exploitability(array), rel=1e-9)
  assert sys.getrecursionlimit() < 10 * 200


@one_limit
def test_the_stack_is_enough_for_the_longest_games():
  """A quarter of the longest game fits in a quarter of a stack of 8 MB."""
  game = chain_game(recursion.MAX_GAME_LENGTH // 2 // 4)
  found = []

  def work():
    model = openspiel_model.OpenSpielModel(game)
    policy = tabular_policies.uniform_policy(model.legal_actions_mask)
    found.append(model.exploitability(policy, 0.1))

  before = threading.stack_size(2 * 2**20)
  try:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
  finally:
    threading.stack_size(before)
  assert len(found) == 1


def test_longer_games_are_refused_in_one_line():
  game = chain_game(recursion.MAX_GAME_LENGTH // 2 + 1)
  longest = recursion.MAX_GAME_LENGTH
  message = f"game must have plays of at most {longest} actions.*, got .*"
  for act in (recursion.check, openspiel_model.OpenSpielModel):
    with pytest.raises(ValueError, match=message) as info:
      act(game)
    assert "\n" not in str(info.value)
  with pytest.raises(ValueError, match=message):
    with recursion.deep(game):
      pytest.fail("It is refused before.")


def test_a_recursion_error_becomes_one_line():
  game = chain_game(5)

  def forever():
    forever()

  with pytest.raises(ValueError, match=re.escape(f"got {game} with 10")):
    with recursion.deep(game):
      forever()
  with pytest.raises(KeyError):
    with recursion.deep(game):
      raise KeyError


def test_threads_share_the_limit():
  before = sys.getrecursionlimit()
  short, long = chain_game(50), chain_game(1000)
  entered, leave = threading.Event(), threading.Event()

  def work():
    with recursion.deep(long):
      entered.set()
      leave.wait(60)

  thread = threading.Thread(target=work)
  with recursion.deep(short):
    thread.start()
    assert entered.wait(60)
    deepest = sys.getrecursionlimit()
    assert deepest > 20_000
  # The other thread is still in its block.
  assert sys.getrecursionlimit() == deepest
  leave.set()
  thread.join()
  assert sys.getrecursionlimit() == before
