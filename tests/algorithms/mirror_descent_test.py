"""Tests of Online Mirror Descent against its formula and OpenSpiel's class."""

import iterates
import numpy as np
from open_spiel.python.mfg import value as value_lib
from open_spiel.python.mfg.algorithms import distribution as distribution_lib
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import openspiel_algorithm

SHARING_CHILDREN = "mfg_crowd_modelling"
NOT_SHARING = ("mfg_garnet", "python_mfg_two_islands(horizon=4)")


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_mirror_descent_is_openspiels_with_a_frozen_table(game_name):
  game = pyspiel.load_game(game_name)
  np.testing.assert_allclose(
    iterates.nash_convs(game, mirror_descent.MirrorDescent(game, lr=0.1), 6),
    iterates.nash_convs(
      game, openspiel_algorithm.FrozenTableMirrorDescent(game, lr=0.1), 6
    ),
    rtol=1e-9,
  )


def test_openspiels_mirror_descent_differs_where_nodes_share_children():
  """If this fails, OpenSpiel has fixed its class.

  Then our tables must no longer say "as shipped".
  """
  for game_name, agree in [(SHARING_CHILDREN, False), (NOT_SHARING[0], True)]:
    game = pyspiel.load_game(game_name)
    shipped = iterates.nash_convs(game, openspiel_omd.MirrorDescent(game), 3)
    textbook = iterates.nash_convs(game, mirror_descent.MirrorDescent(game), 3)
    assert np.allclose(shipped, textbook, rtol=1e-9) == agree


def test_stationary_mirror_descent_is_the_formula(islands):
  algorithm = mirror_descent.MirrorDescent(islands, lr=0.2)
  sums = np.zeros((14, 2))
  policy = np.full((14, 2), 0.5)
  for _ in range(6):
    sums += 0.2 * islands.action_values(policy, islands.mean_field(policy))
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    policy = weights / weights.sum(axis=1, keepdims=True)
    algorithm.iteration()
    np.testing.assert_allclose(algorithm.policy, policy, atol=1e-13)


@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_regularized_baselines_reach_the_regularized_equilibrium(islands, eta):
  omd = mirror_descent.MirrorDescent(islands, lr=1.0, regularization=eta)
  fp = fictitious_play.FictitiousPlay(islands, regularization=eta)
  for _ in range(500):
    omd.iteration()
    fp.iteration()
  assert islands.exploitability(omd.policy, eta) < 1e-10
  assert islands.exploitability(fp.policy, eta) < 1e-6


class FrozenTableFromRoot(openspiel_algorithm.FrozenTableMirrorDescent):
  """OpenSpiel's class, with a mean field that also starts at the root state."""

  def iteration(self, learning_rate=None):
    root_state = self._root_states[0]
    self._distribution = distribution_lib.DistributionPolicy(
      self._game, self._policy, root_state
    )
    super().iteration(learning_rate)


def test_it_accepts_the_arguments_of_openspiels_class():
  game = pyspiel.load_game("mfg_garnet(size=4,horizon=4)")
  arguments = (game, value_lib.TabularValueFunction(game), 0.3, None)
  ours = mirror_descent.MirrorDescent(*arguments)
  theirs = openspiel_omd.MirrorDescent(*arguments)
  iterates.assert_same_iterates(ours, theirs)
  for told in ([2.0], [], [0.1]):
    ours.iteration(*told)
    theirs.iteration(*told)
    expected = ours.model.from_openspiel(theirs.get_projected_policy())
    np.testing.assert_allclose(ours.policy, expected, rtol=1e-9)
    np.testing.assert_array_equal(
      ours.policy, ours.model.from_openspiel(ours.get_projected_policy())
    )
  for law in (ours.distribution, ours._distribution):
    assert law.distribution == pytest.approx(theirs.distribution.distribution)


@pytest.mark.parametrize("game_name", [SHARING_CHILDREN, *NOT_SHARING])
def test_state_values_are_those_of_the_policy_so_far(game_name):
  """OpenSpiel's class has them in its table one iteration later."""
  game = pyspiel.load_game(game_name)
  ours = mirror_descent.MirrorDescent(game, lr=0.1)
  theirs = openspiel_algorithm.FrozenTableMirrorDescent(game, lr=0.1)
  root = game.new_initial_state()
  told = root.child(root.legal_actions()[0])
  for _ in range(3):
    theirs.iteration()
    policy = ours.policy
    for state in (root, told):
      value = theirs.eval_state(state, 0.1)
      assert ours.get_state_value(state, 0.1) == pytest.approx(value)
      assert ours.eval_state(state, 0.1) == pytest.approx(value)
    np.testing.assert_array_equal(ours.policy, policy)
    ours.iteration()


def test_a_root_state_is_where_plays_start():
  game = pyspiel.load_game("mfg_crowd_modelling(size=5,horizon=5)")
  first = game.new_initial_state()
  iterates.assert_same_iterates(
    mirror_descent.MirrorDescent(game, None, 0.1, first),
    openspiel_algorithm.FrozenTableMirrorDescent(game, None, 0.1, first),
  )
  later = first.child(2)
  ours = mirror_descent.MirrorDescent(game, lr=0.1, root_state=later)
  theirs = FrozenTableFromRoot(game, lr=0.1, root_state=later)
  for _ in range(4):
    ours.iteration()
    theirs.iteration()
    expected = ours.model.from_openspiel(theirs.get_policy())
    np.testing.assert_allclose(ours.policy, expected, rtol=1e-9)
  theirs.iteration()
  value = theirs.eval_state(later, 0.1)
  assert ours.eval_state(later, 0.1) == pytest.approx(value)


def test_errors_are_one_line(islands):
  garnet = pyspiel.load_game("mfg_garnet(size=4,horizon=4)")
  table = value_lib.TabularValueFunction(garnet)
  table.set_value("(0, 0)", 1.0)
  root = garnet.new_initial_state()
  prey = pyspiel.load_game("python_mfg_predator_prey")
  start = islands.game.new_initial_state()
  for call, line in [
    (
      lambda: mirror_descent.MirrorDescent(garnet, table),
      "state_value must be None or a TabularValueFunction without values (the"
      f" learning rate is lr), got {table!r}.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(islands, 0.1),
      "state_value must be None or a TabularValueFunction without values (the"
      " learning rate is lr), got 0.1.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(islands, root_state=start),
      "root_state must be None where a model is given, which has its own, got"
      f" {str(start)!r}.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(
        prey, root_state=prey.new_initial_state_for_population(1)
      ),
      "root_state must be None for a game of more than one population, got"
      " 'position_init_1'.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(islands).get_state_value(root, 0.1),
      "game must have a finite horizon for values of its states, got a"
      " StationaryModel; use its policy_values(policy, mean_field) instead.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(islands).eval_state(root, 0.1),
      "game must have a finite horizon for values of its states, got a"
      " StationaryModel; use its policy_values(policy, mean_field) instead.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(islands).iteration(0),
      "learning_rate must be a number in (0, inf), got 0.",
    ),
    (
      lambda: mirror_descent.MirrorDescent(
        islands, regularization=0.5
      ).iteration(learning_rate=2.0),
      "learning_rate must be a number in (0, 2), got 2.0.",
    ),
  ]:
    with pytest.raises(ValueError) as error:
      call()
    assert str(error.value) == line


def test_a_learning_rate_may_change_on_the_way(islands):
  """The effect of another learning rate is part of the state."""
  straight = mirror_descent.MirrorDescent(islands, lr=0.2, regularization=0.1)
  for rate in (None, 2.0, 0.5):
    straight.iteration(rate)
  resumed = mirror_descent.MirrorDescent(islands, lr=0.2, regularization=0.1)
  resumed.restore(straight.state())
  for rate in (None, 3.0):
    straight.iteration(learning_rate=rate)
    resumed.iteration(learning_rate=rate)
    np.testing.assert_array_equal(straight.policy, resumed.policy)
  sums = np.zeros((14, 2))
  policy = np.full((14, 2), 0.5)
  for rate in (0.2, 2.0, 0.5, 0.2, 3.0):
    values = islands.action_values(policy, islands.mean_field(policy), 0.1)
    sums = (1 - rate * 0.1) * sums + rate * values
    weights = np.exp(sums - sums.max(axis=1, keepdims=True))
    policy = weights / weights.sum(axis=1, keepdims=True)
  np.testing.assert_allclose(straight.policy, policy, atol=1e-12)
