"""Tests that plays on arrays have the distributions of the games."""

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
import pyspiel
import pytest
import sampled_games
from scipy import sparse
from scipy import stats

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.simulators import array_simulator
from mftrpo_openspiel.simulators import simulator as simulator_lib

GAMES = [
  "python_mfg_four_rooms_poi(room_size=2,horizon=4)",
  "mfg_crowd_modelling(size=6,horizon=4)",
  "mfg_garnet(size=5,horizon=4)",
  # Three populations.
  "python_mfg_predator_prey(horizon=2)",
  # Two mean-field nodes lead to one decision node.
  "python_odd_game(pays=first+second)",
  # Transitions depend on the mean field.
  "mean_field_lin_quad(mean_revert=1.0,size=5,horizon=4)",
  # They depend on it in a known way.
  "mfg_dynamic_routing(network=braess,max_num_time_step=10,"
  "time_step_length=0.5)",
]


def _p_value(observed, expected):
  """Returns the p value of a chi-square test, with small counts pooled."""
  few = expected < 5
  if few.any():
    observed = np.append(observed[~few], observed[few].sum())
    expected = np.append(expected[~few], expected[few].sum())
    if expected[-1] < 5:
      observed[-2] += observed[-1]
      expected[-2] += expected[-1]
      observed, expected = observed[:-1], expected[:-1]
  if observed.size < 2:
    return 1.0
  statistic = ((observed - expected) ** 2 / expected).sum()
  return stats.chi2.sf(statistic, observed.size - 1)


def _next_counts(frozen, rows, actions, num_states, rng):
  """Returns (n + 1,), the counts of next states and of ends, and rewards.

  The last entry is the number of plays that ended.
  """
  rewards, places = frozen.step(frozen.at(rows), actions, rng)
  goes_on = places != simulator_lib.ENDED
  counts = np.bincount(frozen.rows(places[goes_on]), minlength=num_states)
  return np.append(counts, (~goes_on).sum()), rewards


def test_transitions_and_rewards_of_a_stationary_mdp():
  mdp = sampled_games.random_mdp(num_states=6)
  mean_field = np.random.default_rng(0).dirichlet(np.ones(6))
  simulator = array_simulator.StationarySimulator(mdp)
  frozen = simulator.under(mean_field)
  rng, size = np.random.default_rng(1), 20_000
  rewards = mdp.reward_at(mean_field)
  p_values = []
  for s, a in np.ndindex(6, 3):
    counts, earned = _next_counts(
      frozen, np.full(size, s), np.full(size, a), 6, rng
    )
    np.testing.assert_array_equal(earned, rewards[s, a])
    law = mdp.fixed_kernel[[s * 3 + a]].toarray()[0]
    assert not counts[:-1][law == 0].any()
    p_values.append(_p_value(counts[:-1], law * size))
  assert min(p_values) * len(p_values) > 1e-3


def _models():
  for name in GAMES:
    yield pytest.param(
      lambda name=name: compiled_game.CompiledGame(pyspiel.load_game(name)),
      id=name,
    )
  yield pytest.param(sampled_games.moving_model, id="moving")


@pytest.mark.parametrize("make", _models())
def test_transitions_and_rewards_of_compiled_games(make):
  model = make()
  form, mask = model.form, model.legal_actions_mask
  num_states, num_actions = mask.shape
  mean_field = model.mean_field(sampled_games.random_policy(mask))
  simulator = array_simulator.LayeredSimulator(form, model.game.num_players())
  frozen = simulator.under(mean_field)
  mdp, which = form.dynamics(mean_field)
  states = np.arange(num_states)[which]
  rewards = mdp.action_rewards(*form.rewards(mean_field))
  rng, size = np.random.default_rng(0), 500
  p_values = []
  for k, here in enumerate(mdp.layers):
    laws = mdp.transitions(k).toarray()
    for local in range(here.start, here.stop):
      s = states[local]
      for a in np.flatnonzero(mask[s]):
        counts, earned = _next_counts(
          frozen, np.full(size, s), np.full(size, a), num_states, rng
        )
        np.testing.assert_allclose(earned, rewards[local, a], atol=1e-12)
        law = np.zeros(num_states + 1)
        targets = states[here.stop : here.stop + laws.shape[1]]
        law[targets] = laws[(local - here.start) * num_actions + a]
        law[-1] = max(0.0, 1 - law.sum())
        if law[-1] < 1e-9:
          law[-1] = 0.0
        assert not counts[law == 0].any()
        p_values.append(_p_value(counts[law > 0], law[law > 0] * size))
  assert min(p_values) * len(p_values) > 1e-3


def test_plays_may_end_before_the_last_layer():
  # From row 0 to state 2 or 3, or to the end; from row 1 always to the end.
  kernel = sparse.csr_array([[0.25, 0.5], [0.0, 0.0]])
  moves = array_simulator.Moves(
    kernel, rows=np.array([0, 1]), shifts=np.array([2, 2])
  )
  frozen = array_simulator.FrozenArrays(np.ones(1), moves, np.zeros((2, 1)))
  size, rng = 40_000, np.random.default_rng(0)
  _, places = frozen.step(np.zeros(size, int), np.zeros(size, int), rng)
  values, counts = np.unique(places, return_counts=True)
  np.testing.assert_array_equal(values, [simulator_lib.ENDED, 2, 3])
  assert _p_value(counts, size * np.array([0.25, 0.25, 0.5])) > 1e-3
  _, places = frozen.step(np.ones(9, int), np.zeros(9, int), rng)
  assert (places == simulator_lib.ENDED).all()


@pytest.mark.parametrize("make", _models())
def test_plays_start_with_the_initial_distribution_of_all_populations(make):
  model = make()
  mean_field = model.mean_field(
    sampled_games.random_policy(model.legal_actions_mask)
  )
  num_populations = model.game.num_players()
  simulator = array_simulator.LayeredSimulator(model.form, num_populations)
  frozen = simulator.under(mean_field)
  size = 300 * num_populations
  rows = frozen.rows(frozen.initial(size, np.random.default_rng(0)))
  counts = np.bincount(rows, minlength=mean_field.size)
  expected = np.where(model.layers == 0, mean_field, 0.0) * 300
  assert (np.abs(counts - expected) <= 1).all()
  if num_populations > 1:
    populations = model.form.populations[rows]
    np.testing.assert_array_equal(
      np.bincount(populations), [300] * num_populations
    )


def test_tables_of_fixed_transitions_are_built_once(monkeypatch):
  simulator = array_simulator.StationarySimulator(sampled_games.random_mdp())
  monkeypatch.setattr(array_simulator, "Moves", None)
  simulator.under(np.ones(4) / 4)
  # Layers with the same kernel share its tables.
  monkeypatch.undo()
  model = compiled_game.CompiledGame(pyspiel.load_game(GAMES[0]))
  sizes = []

  class Counted(array_simulator.Moves):
    def __init__(self, kernel, rows, shifts):
      sizes.append(kernel.shape[0])
      super().__init__(kernel, rows, shifts)

  monkeypatch.setattr(array_simulator, "Moves", Counted)
  layered = array_simulator.LayeredSimulator(model.form, 1)
  for policy_seed in range(2):
    policy = sampled_games.random_policy(model.legal_actions_mask, policy_seed)
    layered.under(model.mean_field(policy))
  num_pairs = 20 * 5
  # One kernel between times, and one for the end of the last time.
  assert sizes == [2 * num_pairs]


def test_states_that_no_play_reaches_have_no_places():
  model = sampled_games.moving_model()
  policy = sampled_games.random_policy(model.legal_actions_mask)
  mean_field = model.mean_field(policy)
  simulator = array_simulator.LayeredSimulator(model.form, 1)
  frozen = simulator.under(mean_field)
  _, which = model.form.dynamics(mean_field)
  np.testing.assert_array_equal(frozen.rows(frozen.at(which)), which)
  lost = np.setdiff1d(np.arange(len(model.layers)), which)
  assert lost.size
  with pytest.raises(ValueError, match=f"state {lost[0]} is not"):
    frozen.at(lost)
