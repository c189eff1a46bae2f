"""Tests of invalid calls and their error messages of one line."""

import functools

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import annealed_mf_trpo
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.compiler import lint
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.mdp import mdp_game
from mftrpo_openspiel.mdp import mean_field_mdp as mdp_lib
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import openspiel_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.plots import figures
from mftrpo_openspiel.plots import mean_field_plots
from mftrpo_openspiel.runs import checkpoints
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import metrics_table
from mftrpo_openspiel.runs import run_config
from mftrpo_openspiel.runs import run_directory
from mftrpo_openspiel.runs import solutions

NUM_STATES = 14
UNIFORM = np.full((NUM_STATES, 2), 0.5)
LAW = np.full(NUM_STATES, 1 / NUM_STATES)


def load(name, **parameters):
  return pyspiel.load_game(f"python_mfg_{name}", parameters)


@functools.cache
def islands():
  return load("two_islands", horizon=3)


@functools.cache
def model(name="stationary"):
  return from_game.create_model(name, islands())


def flow(name):
  return model(name).initial_mean_field()


def mdp(**fields):
  """Returns an MDP of two equal states and actions, changed by `fields`."""
  alike = {
    "kernel": np.full((2, 2, 2), 0.5),
    "reward": lambda mean_field: np.zeros((2, 2)),
    "discount": 0.9,
    "initial_distribution": [0.5, 0.5],
  }
  return mdp_lib.MeanFieldMDP(**{**alike, **fields})


def changed(array, place, value):
  array = array.copy()
  array[place] = value
  return array


def solution(**fields):
  given = {
    "observation_strings": model().observation_strings,
    "legal_actions_mask": model().legal_actions_mask,
    "policy": UNIFORM,
    "mean_field": LAW,
    "game": str(islands()),
    "model": "stationary",
    "iteration": 3,
  }
  return solutions.Solution(**{**given, **fields})


def algorithm(name, model_name="stationary", **options):
  return algorithm_factory.create_algorithm(name, model(model_name), **options)


# fmt: off
BAD_CALLS = [
  # Games by name.
  (lambda: load("two_islands", crowd_aversion=-1.0),
   r"crowd_aversion must be a number in \[0, inf\), got -1.0"),
  (lambda: load("two_islands", crowd_aversion=np.nan),
   r"crowd_aversion must be a number in \[0, inf\), got nan"),
  (lambda: load("two_islands", reward_imbalance=np.inf),
   r"reward_imbalance must be a number in \(-inf, inf\), got inf"),
  (lambda: load("two_islands", seed=-1),
   r"seed must be a whole number in \[0, 2147483647\], got -1"),
  (lambda: load("two_islands", discount=1.0),
   r"discount must be a number in \[0, 1\), got 1.0"),
  (lambda: load("two_islands", horizon=0),
   r"horizon must be a whole number in \[1, 1000000\], got 0"),
  (lambda: load("two_islands", initial_distribution="[14]"),
   r"initial_distribution must be .* a node '\[0\]' to '\[13\]', .*'\[14\]'"),
  (lambda: load("two_islands", initial_distribution="[0.5;half]"),
   r"initial_distribution must be .* numbers .*, got '\[0.5;half\]'"),
  (lambda: load("four_rooms", room_size=0),
   "room_size must be a whole number of at least 1, got 0"),
  (lambda: load("four_rooms", slip_probability=1.5),
   r"slip_probability must be a number in \[0, 1\], got 1.5"),
  (lambda: load("four_rooms", layout="..|.x"),
   "layout must consist of '.' and '#', got 'x'"),
  (lambda: load("four_rooms", layout="..|."),
   r"layout must have lines of equal length, got lengths \[2, 1\]"),
  (lambda: load("four_rooms", layout=".#."),
   r"layout must be connected, cell \(0, 2\) cannot be reached from \(0, 0\)"),
  (lambda: load("four_rooms", initial_distribution="5|5"),
   r"initial_distribution must be a free cell .* 11x11 grid, got '\[5\|5\]'"),
  (lambda: load("four_rooms_poi", point_of_interest="middle"),
   "point_of_interest must be a free cell 'row|column' .* got 'middle'"),
  (lambda: game_factory.create_game(),
   "game_name or setting must be given, .*; got neither"),
  (lambda: game_factory.create_game("mfg_nothing"),
   "game_name must be a registered OpenSpiel game, got 'mfg_nothing' .*; ours"),
  (lambda: game_factory.create_game(3),
   "game_name must be a str, got 3"),
  (lambda: game_factory.create_game("mfg_garnet(size=large)"),
   "'mfg_garnet.size=large.' cannot be loaded: .*size. Expected type: kInt"
   ".*large"),
  (lambda: game_factory.create_game(setting="five_rooms"),
   "setting must be one of .*four_rooms, .*, got 'five_rooms'"),
  (lambda: game_factory.create_game("mfg_garnet", "two_islands"),
   "'two_islands' applies to python_mfg_two_islands, .* 'mfg_garnet'"),
  # User-defined games.
  (lambda: mdp(discount="0.9"),
   r"discount must be a number in \[0, 1\), got '0.9'"),
  (lambda: mdp(initial_distribution=[0.5, 0.6]),
   "initial_distribution must sum to 1, it sums to 1.1"),
  (lambda: mdp(initial_distribution=[1.5, -0.5]),
   "initial_distribution must be non-negative, entry 1 is -0.5"),
  (lambda: mdp(initial_distribution=[np.nan, 1.0]),
   "initial_distribution must be finite, entry 0 is not"),
  (lambda: mdp(initial_distribution="uniform"),
   "initial_distribution must be an array of numbers, got 'uniform'"),
  (lambda: mdp(kernel=np.full((2, 2, 2), 0.6)),
   "kernel must have .* that sum to 1, .* state 0 and action 0 sums to 1.2"),
  (lambda: mdp(kernel=changed(np.full((2, 2, 2), 0.5), (1, 0), [1.5, -0.5])),
   "kernel must have non-negative rows .* state 1 and action 0 .* entry -0.5"),
  (lambda: mdp(kernel=np.full((3, 2, 2), 0.5)),
   r"kernel must have shape \(4, 2\), .* or \(2, 2, 2\), got \(3, 2, 2\)"),
  (lambda: mdp(kernel=lambda mean_field: None),
   "kernel must be an array of numbers, got None"),
  (lambda: mdp(reward=np.zeros((2, 2))),
   "reward must be a function of the mean field, got ndarray"),
  (lambda: mdp(reward=lambda mean_field: np.full((2, 2), np.nan)),
   "reward must be finite, it is nan in state 0 for action 0"),
  (lambda: mdp(reward=lambda mean_field: np.zeros((3, 2))),
   r"reward must return shape \(2, number of actions\), got \(3, 2\)"),
  (lambda: mdp_game.MDPGame(mdp(), horizon=2.5),
   r"horizon must be a whole number in \[1, 1000000\], got 2.5"),
  (lambda: mdp_game.MDPGame(islands()),
   "mdp must be a MeanFieldMDP, got python_mfg_tw"),
  # Models.
  (lambda: from_game.create_model("infinite", islands()),
   "model must be one of compiled, .*, stationary, got 'infinite'"),
  (lambda: from_game.create_model(
    "stationary", pyspiel.load_game("mfg_garnet")),
   "model must be 'compiled' or 'openspiel' for a game .* got 'stationary'"),
  (lambda: stationary_model.StationaryModel(islands()),
   r"^mdp must be a MeanFieldMDP, got a game; pass game.mean_field_mdp\(\)\.$"),
  (lambda: stationary_model.StationaryModel(pyspiel.load_game("mfg_garnet")),
   "^mdp must be a MeanFieldMDP, got a game; it has none, pass the game to"
   " CompiledGame instead.$"),
  (lambda: compiled_game.CompiledGame("mfg_garnet"),
   "game must be a Game, got 'mfg_garnet'"),
  (lambda: openspiel_model.OpenSpielModel(pyspiel.load_game("kuhn_poker")),
   "game must be a mean-field game, got 'kuhn_poker'"),
  (lambda: compiled_game.CompiledGame(
     pyspiel.load_game("mfg_crowd_modelling(size=0)")),
   "game must have a move at every node .* it has none at 'initial'"),
  (lambda: compiled_game.CompiledGame(pyspiel.load_game("mfg_garnet(size=-1)")),
   r"game must be one that OpenSpiel can play, mfg_garnet\(size=-1\) is not"),
  (lambda: model().exploitability(changed(UNIFORM, (3, 1), np.nan)),
   r"policy must be a probability distribution .* got \[0.5, nan\] in state 3"),
  (lambda: model().exploitability(changed(UNIFORM, 3, [1.5, -0.5])),
   r"must be a probability distribution .* got \[1.5, -0.5\] in state 3"),
  (lambda: model().exploitability(UNIFORM, regularization=-1),
   r"regularization must be a number in \[0, inf\), got -1"),
  (lambda: model().propagate(UNIFORM, 2 * LAW, 1),
   "mean_field must sum to 1, it sums to 2"),
  (lambda: model().propagate(UNIFORM, LAW, -1),
   "num_steps must be a whole number of at least 0, got -1"),
  (lambda: model().reachable(UNIFORM, LAW, LAW[:3]),
   r"start must have shape \(14,\), got \(3,\)"),
  (lambda: model("compiled").exploitability(UNIFORM),
   r"policy must have shape \(42, 2\), got \(14, 2\)"),
  (lambda: model("compiled").optimal_action_values(-flow("compiled")),
   "mean_field must be finite and not negative, it is -1 in state 2"),
  (lambda: model("openspiel").optimal_action_values(flow("openspiel"), np.nan),
   r"regularization must be a number in \[0, inf\), got nan"),
  (lambda: lint.lint_game(islands(), ["speed"]),
   "checks must be one of .*pickling, .*, got 'speed'"),
  (lambda: lint.lint_game(islands(), seed=-1),
   "seed must be a whole number of at least 0, got -1"),
  # Algorithms.
  (lambda: mf_trpo.MFTRPO(mdp()),
   "^game must be a MeanFieldModel or a Game, got a MeanFieldMDP; pass"
   r" StationaryModel\(mdp\), or MDPGame\(mdp\) for a finite horizon\.$"),
  (lambda: from_game.as_model(model(), islands().new_initial_state()),
   "root_state must be None where a model is given, which has its own, got"),
  (lambda: mf_trpo.MFTRPO(model(), regularization=0),
   r"regularization must be a number in \(0, inf\), got 0"),
  (lambda: mf_trpo.MFTRPO(model(), num_policy_updates=1.5),
   "num_policy_updates must be a whole number of at least 1, got 1.5"),
  (lambda: mf_trpo.MFTRPO(model(), num_population_steps=0),
   "num_population_steps must be a whole number of at least 1, got 0"),
  (lambda: mf_trpo.MFTRPO(model(), population_update_rate="slow"),
   r"population_update_rate must be a number in .*, or 'auto', got 'slow'"),
  (lambda: mf_trpo.MFTRPO(model(), max_step_count=5),
   "max_step_count must not be given without warm_start, got 5"),
  (lambda: annealed_mf_trpo.AnnealedMFTRPO(model(), window=0),
   r"window must be a number in \(0, inf\), got 0"),
  (lambda: mf_trpo.MFTRPO(
     model(), population_update_rate=lambda k: 2).iteration(),
   r"population_update_rate must be a number in \(0, 1\], got 2"),
  (lambda: mf_trpo.MFTRPO(model(), restart_distribution=-LAW),
   "restart_distribution must be non-negative, entry 0 is -0.07"),
  (lambda: fictitious_play.FictitiousPlay(model(), lr=2),
   r"lr must be a number in \(0, 1\], got 2"),
  (lambda: fictitious_play.FictitiousPlay(
     model(), temperature=1.0, regularization=1.0),
   "temperature must be None where regularization is set, got 1.0"),
  (lambda: mirror_descent.MirrorDescent(model(), lr=np.nan),
   r"lr must be a number in \(0, inf\), got nan"),
  (lambda: mirror_descent.MirrorDescent(model(), lr=10, regularization=0.3),
   r"regularization must be a number in \[0, 0.1\), got 0.3"),
  (lambda: algorithm("q_learning"),
   "algorithm must be one of annealed_mf_trpo, .*'q_learning'"),
  (lambda: algorithm("openspiel_mirror_descent"),
   "algorithm 'openspiel_mirror_descent' needs model='openspiel'"),
  (lambda: algorithm("openspiel_mirror_descent", "openspiel", lr=-1.0),
   r"lr must be a number in \(0, inf\), got -1.0"),
  (lambda: algorithm("openspiel_fictitious_play", "openspiel", lr=7),
   r"lr must be a number in \(0, 1\], got 7"),
  (lambda: algorithm("mf_trpo").restore(algorithm("mirror_descent").state()),
   "state must belong to this algorithm .*'step_count' .*, got nothing"),
  # Runs and files.
  (lambda: experiment_lib.Experiment(num_iterations=1.5),
   r"num_iterations must be a whole number in \[1, 10{12}\], got 1.5"),
  (lambda: experiment_lib.run_experiment(
     experiment_lib.Experiment(
       setting="two_islands", game_parameters={"seed": "x"}), None),
   r"game parameter seed must be a whole number in \[-2147483648, .*, got 'x'"),
  (lambda: experiment_lib.run_experiment(
     experiment_lib.Experiment(
       setting="two_islands", game_parameters={"discount": [0.5]}), None),
   r"game parameter discount must be a number in .*, got \[0.5\]"),
  (lambda: experiment_lib.Experiment(num_iterations=10**13),
   "num_iterations must be a whole number in .*, got 10000000000000"),
  (lambda: iteration_loop.log_spaced_iterations(10**20),
   r"num_iterations must be a whole number in \[0, 10{12}\], got 10{20}"),
  (lambda: iteration_loop.log_spaced_iterations(10, 10**9),
   r"per_decade must be a whole number in \[1, 10000\], got 1000000000"),
  (lambda: iteration_loop.evenly_spaced_iterations(10**9, 1),
   "every must be at least 1000 with 1000000000 iterations, .*, got 1"),
  (lambda: solution(policy=2 * UNIFORM),
   r"policy must be a probability distribution .* got \[1.0, 1.0\] in state 0"),
  (lambda: solution(mean_field=np.nan * LAW),
   "mean_field must be finite and not negative, it is nan in state 0"),
  (lambda: solution(iteration=-1),
   "iteration must be a whole number of at least 0, got -1"),
  (lambda: solution().to_policy(from_game.create_model("compiled", islands())),
   "model must have the 14 states of the solution, .* 'stationary', got 42"),
  (lambda: solutions.load_solution(__file__),
   "path must be a complete file of a solution, got .*calls_test.py"),
  (lambda: solutions.save_solution("/proc/solution.npz", solution()),
   "path must lie in a writable folder, got /proc/solution.npz"),
  (lambda: metrics_table.read_csv("nowhere.csv"),
   "nowhere.csv cannot be read"),
  (lambda: metrics_table.read_csv(__file__),
   "calls_test.py, line 1, must be 'iteration,seconds,.*, got "),
  (lambda: iteration_loop.log_spaced_iterations(-1),
   r"num_iterations must be a whole number in \[0, 10{12}\], got -1"),
  (lambda: checkpoints.load(__file__, "id"),
   "calls_test.py is not a valid checkpoint"),
  (lambda: run_config.read(__file__),
   "calls_test.py cannot be read: "),
  (lambda: run_directory.load_run("."),
   "path must be a run directory, got ."),
  (lambda: run_directory.locked("").__enter__(),
   "logdir must be the name of a folder, got ''"),
  (lambda: figures.save(
     mean_field_plots.mean_field_figure(
       islands().mean_field_mdp().drawing, {"": LAW}), "crowd.doc"),
   "path must end in one of pdf, png, svg, got 'crowd.doc'"),
  (lambda: mean_field_plots.mean_field_figure(
     islands().mean_field_mdp().drawing, {"crowd": 2 * LAW}),
   "mean field 'crowd' must sum to 1, it sums to 2"),
]
# fmt: on


@pytest.mark.parametrize(
  ("call", "message"), BAD_CALLS, ids=[message for _, message in BAD_CALLS]
)
def test_a_call_is_refused_in_one_line(call, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(ValueError, match=message) as refusal:
    call()
  assert "\n" not in str(refusal.value)
  assert not list(tmp_path.iterdir())
