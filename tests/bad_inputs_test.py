"""What users hand in by mistake, and the line that they get for it."""

from concurrent import futures
import contextlib
import errno
import functools
import io
import itertools
import multiprocessing
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel import checkpoints
from mftrpo_openspiel import compiled_game
from mftrpo_openspiel import figures
from mftrpo_openspiel import lint
from mftrpo_openspiel import mdp as mdp_lib
from mftrpo_openspiel import mdp_game
from mftrpo_openspiel import mean_field_plots
from mftrpo_openspiel import models
from mftrpo_openspiel import openspiel_model
from mftrpo_openspiel import run_config
from mftrpo_openspiel import run_directory
from mftrpo_openspiel import runs
from mftrpo_openspiel import solutions
from mftrpo_openspiel import stationary_model
from mftrpo_openspiel.algorithms import factory as algorithm_factory
from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import benchmark
from mftrpo_openspiel.scripts import experiment as experiment_lib
from mftrpo_openspiel.scripts import lint_game
from mftrpo_openspiel.scripts import plot
from mftrpo_openspiel.scripts import reproduce_paper
from mftrpo_openspiel.scripts import solve
from mftrpo_openspiel.scripts import sweep

PROGRAMS = {
  "benchmark": benchmark,
  "lint": lint_game,
  "plot": plot,
  "reproduce-paper": reproduce_paper,
  "solve": solve,
  "sweep": sweep,
}
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
  return models.create_model(name, islands())


def flow(name):
  return model(name).initial_mean_field()


def mdp(**fields):
  """Two states and two actions, which are all alike, but for `fields`."""
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
   r"layout must have lines of one length, got lengths \[2, 1\]"),
  (lambda: load("four_rooms", layout=".#."),
   r"layout must be connected, cell \(0, 2\) cannot be reached from \(0, 0\)"),
  (lambda: load("four_rooms", initial_distribution="5|5"),
   r"initial_distribution must be a free cell .* 11x11 grid, got '\[5\|5\]'"),
  (lambda: load("four_rooms_poi", point_of_interest="middle"),
   "point_of_interest must be a free cell 'row|column' .* got 'middle'"),
  (lambda: game_factory.create_game(),
   "game_name or setting must be given, got neither"),
  (lambda: game_factory.create_game("mfg_nothing"),
   "game_name must be a registered OpenSpiel game, got 'mfg_nothing'; ours"),
  (lambda: game_factory.create_game(3),
   "game_name must be a str, got 3"),
  (lambda: game_factory.create_game("mfg_garnet(size=large)"),
   "'mfg_garnet.size=large.' is refused: .*size. Expected type: kInt.*large"),
  (lambda: game_factory.create_game(setting="five_rooms"),
   "setting must be one of .*four_rooms, .*, got 'five_rooms'"),
  (lambda: game_factory.create_game("mfg_garnet", "two_islands"),
   "'two_islands' is one of python_mfg_two_islands, .* 'mfg_garnet'"),
  # Games of one's own.
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
   r"kernel must have shape \(4, 2\), .* got \(\)"),
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
  (lambda: models.create_model("infinite", islands()),
   "model must be one of compiled, openspiel, stationary, got 'infinite'"),
  (lambda: models.create_model("stationary", pyspiel.load_game("mfg_garnet")),
   "model must be 'compiled' or 'openspiel' for a game .* got 'stationary'"),
  (lambda: stationary_model.StationaryModel(islands()),
   "mdp must be a MeanFieldMDP, got python_mfg_tw"),
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
   r"policy must be a probability law .*, got \[0.5, nan\] in state 3"),
  (lambda: model().exploitability(changed(UNIFORM, 3, [1.5, -0.5])),
   r"policy must be a probability law .*, got \[1.5, -0.5\] in state 3"),
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
   "model_or_game must be a MeanFieldModel or Game, got MeanFieldMDP"),
  (lambda: mf_trpo.MFTRPO(islands(), model="infinite"),
   "model must be one of compiled, openspiel, stationary, got 'infinite'"),
  (lambda: mf_trpo.MFTRPO(model(), regularization=0),
   r"regularization must be a number in \(0, inf\), got 0"),
  (lambda: mf_trpo.MFTRPO(model(), num_policy_updates=1.5),
   "num_policy_updates must be a whole number of at least 1, got 1.5"),
  (lambda: mf_trpo.MFTRPO(model(), num_population_steps=0),
   "num_population_steps must be a whole number of at least 1, got 0"),
  (lambda: mf_trpo.MFTRPO(model(), population_update_rate="slow"),
   r"population_update_rate must be a number in \(0, 1\], got 'slow'"),
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
   "algorithm must be one of fictitious_play, mf_trpo, .*, got 'q_learning'"),
  (lambda: algorithm("openspiel_mirror_descent"),
   "algorithm 'openspiel_mirror_descent' needs model='openspiel'"),
  (lambda: algorithm("openspiel_mirror_descent", "openspiel", lr=-1.0),
   r"lr must be a number in \(0, inf\), got -1.0"),
  (lambda: algorithm("openspiel_fictitious_play", "openspiel", lr=7),
   r"lr must be a number in \(0, 1\], got 7"),
  (lambda: algorithm("mf_trpo").restore(algorithm("mirror_descent").state()),
   "state must be one of this algorithm .*'iterations' .*, got nothing"),
  # Runs and files.
  (lambda: experiment_lib.Experiment(num_iterations=1.5),
   "num_iterations must be a whole number of at least 1, got 1.5"),
  (lambda: experiment_lib.perform(
     experiment_lib.Experiment(
       setting="two_islands", game_parameters={"seed": "x"}), None),
   "game_parameters {'seed': 'x'} are refused: .*seed. Expected type: kInt"),
  (lambda: solution(policy=2 * UNIFORM),
   r"policy must be a probability law .*, got \[1.0, 1.0\] in state 0"),
  (lambda: solution(mean_field=np.nan * LAW),
   "mean_field must be finite and not negative, it is nan in state 0"),
  (lambda: solution(iteration=-1),
   "iteration must be a whole number of at least 0, got -1"),
  (lambda: solution().to_policy(models.create_model("compiled", islands())),
   "model must have the 14 states of the solution, .* 'stationary', got 42"),
  (lambda: solutions.load(__file__),
   "path must be a whole file of a solution, got .*bad_inputs_test.py"),
  (lambda: solutions.save("/proc/solution.npz", solution()),
   "path must lie in a writable folder, got /proc/solution.npz"),
  (lambda: runs.read_csv("nowhere.csv"),
   "nowhere.csv cannot be read"),
  (lambda: runs.read_csv(__file__),
   "bad_inputs_test.py, line 1, must be 'iteration,seconds,.*, got "),
  (lambda: runs.log_spaced_iterations(-1),
   "num_iterations must be a whole number of at least 0, got -1"),
  (lambda: checkpoints.load(__file__, "id"),
   "bad_inputs_test.py is no whole checkpoint"),
  (lambda: run_config.read(__file__),
   "bad_inputs_test.py cannot be read: "),
  (lambda: run_directory.read("."),
   "path must be a run directory, got ."),
  (lambda: run_directory.RunDirectory(""),
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


# In the folder that `folder` makes. Goes on with a run that is there:
RESUME = (
  "solve --setting=two_islands --record_every=1 --log_distribution --resume"
  " --logdir="
)
LAW_OF = "solve --setting=two_islands --game_parameters=initial_distribution="
ZEROS = ";0" * (NUM_STATES - 2)
SWEEP = "sweep --logdir=new --setting=two_islands --grid="
SMALL = "python_mfg_two_islands(horizon=2)"

# fmt: off
BAD_COMMANDS = [
  # Names.
  ("solve", "game_name or setting must be given, got neither"),
  ("solve --game_name=nothing",
   "game_name must be a registered OpenSpiel game, got 'nothing'"),
  ("solve --game_name=kuhn_poker",
   "game must be a mean-field game, got 'kuhn_poker'"),
  ("solve --setting=five_rooms", "setting must be one of .*'five_rooms'"),
  ("solve --setting=two_islands --algorithm=q_learning",
   "--algorithm=q_learning: value should be one of <fictitious_play|mf_trpo|"),
  ("solve --setting=two_islands --model=infinite",
   "--model=infinite: value should be one of <compiled|openspiel|stationary>"),
  ("solve --setting=two_islands --learning_rat=1",
   "Unknown command line flag 'learning_rat'"),
  ("solve --flagfile=flags.txt", "Unknown command line flag 'speed'"),
  ("solve --flagfile=nowhere.txt", "Unable to open flagfile.*'nowhere.txt'"),
  ("solve --setting=two_islands now", "must be flags, got 'now'"),
  ("solve --game_name=mfg_garnet(rooms=4)",
   "Unknown parameter 'rooms'. Available parameters are: eta, horizon, "),
  ("solve --setting=two_islands --game_parameters=rooms=4",
   "game parameter must be one of bridge_cost, .*, got 'rooms'"),
  ("lint --game_name=nothing", "registered OpenSpiel game, got 'nothing'"),
  ("lint --game_name=mfg_garnet --checks=speed",
   "checks must be one of .*pickling, .*, got 'speed'"),
  ("lint --game_name=mfg_garnet --checks=",
   "checks must be one or more of .*, got none"),
  ("benchmark --tables=all",
   "tables must be one of comparison, .*, got 'all'"),
  ("benchmark --tables=", "tables must be one or more of .*, got none"),
  ("benchmark --games=mfg_garnet,nothing",
   "games must be registered OpenSpiel games or settings .* got 'nothing'"),
  ("benchmark --games=mfg_garnet,", "games must be .*, got 'mfg_garnet,'"),
  ("benchmark --algorithms=q_learning",
   "algorithms must be one of fictitious_play, .*, got 'q_learning'"),
  ("benchmark --models=stationary",
   "models must be one of compiled, openspiel, got 'stationary'"),
  ("reproduce-paper --eta=1", "Unknown command line flag 'eta'"),
  # Numbers.
  ("solve --setting=two_islands --num_iterations=ten",
   "flag --num_iterations=ten: invalid literal for int"),
  ("solve --setting=two_islands --num_iterations=0",
   "num_iterations must be a whole number of at least 1, got 0"),
  ("solve --setting=two_islands --regularization=nan",
   r"regularization must be a number in \[0, inf\), got nan"),
  ("solve --setting=two_islands --population_update_rate=2",
   r"population_update_rate must be a number in \(0, 1\], got 2.0"),
  ("solve --setting=two_islands --population_update_rate=nan",
   "population_update_rate must be a number in .*, got nan"),
  ("solve --setting=two_islands --algorithm=mirror_descent --learning_rate=0",
   r"lr must be a number in \(0, inf\), got 0.0"),
  ("solve --setting=two_islands --game_parameters=seed=one",
   "game parameter seed must be of type int, got 'one'"),
  (f"{LAW_OF}[0.5;0.6{ZEROS}]", "initial_distribution must sum to 1, .* 1.1"),
  (f"{LAW_OF}[1.5;-0.5{ZEROS}]",
   "initial_distribution must be non-negative, entry 1 is -0.5"),
  (f"{LAW_OF}[1;nan{ZEROS}]", "initial_distribution must be finite, entry 1"),
  ("solve --game_name=mfg_garnet --game_parameters=size=0",
   "game must have a move at every node .* it has none at 'initial'"),
  ("lint --game_name=mfg_garnet(size=-1)",
   r"game must be one that OpenSpiel can play, mfg_garnet\(size=-1\) is not"),
  ("lint --game_name=mfg_garnet --seed=-1",
   "flag --seed=-1: -1 is not a non-negative integer"),
  (f"benchmark --games={SMALL} --seconds=nan",
   r"seconds must be a number in \(0, inf\), got nan"),
  (f"benchmark --games={SMALL} --learning_rate=0",
   r"learning_rate must be a number in \(0, inf\), got 0"),
  ("reproduce-paper --num_iterations=0",
   "--num_iterations=0: 0 is not a positive integer"),
  # What does not go together.
  ("solve --setting=two_islands --algorithm=mirror_descent --temperature=1",
   "--temperature is not an option of algorithm 'mirror_descent'"),
  ("solve --game_name=mfg_garnet --model=stationary",
   "model must be 'compiled' or 'openspiel' for a game .* got 'stationary'"),
  ("solve --setting=two_islands --record_every=2 --num_records=3",
   "num_records must not be given with record_every"),
  ("solve --setting=two_islands --resume",
   "resume must not be given without logdir"),
  # Grids.
  ("sweep --logdir=new", "grid must be given, as name=value,value,..."),
  (SWEEP + "speed=1", "grid must be over flags of a run, .*, got 'speed=1'"),
  (SWEEP + "model=compiled,", "grid must be name=value,.*'model=compiled,'"),
  (SWEEP + "regularization=0.1,nan",
   "at regularization=nan: regularization must be a number in .*, got nan"),
  (SWEEP + "game_parameters.rooms=1,2",
   "game_parameters.rooms is not known to python_mfg_two_islands"),
  (SWEEP + "game_parameters.seed=1,-1",
   "game_parameters.seed=-1: seed must be a whole number .*, got -1"),
  (SWEEP + "temperature=1,2", "temperature is not known to mf_trpo"),
  (SWEEP + "setting=four_rooms", "setting must be given by .*, got both"),
  (SWEEP + "num_iterations=1 --scheduler_address=nowhere",
   "scheduler_address (must be that of a running scheduler|needs the package)"),
  ("sweep --logdir=run --setting=two_islands --grid=num_iterations=1",
   "logdir must be a folder for many runs, got the run directory run"),
  # Folders that cannot be written to, by root neither.
  ("solve --setting=two_islands --logdir=file/run",
   r"logdir must be a folder that can be made, got file/run \(Not a directory"),
  ("solve --setting=two_islands --logdir=/proc/run",
   "logdir must be a folder that can be made, got /proc/run"),
  ("solve --setting=two_islands --logdir=",
   "logdir must be the name of a folder, got ''"),
  ("sweep --logdir=file/new --setting=two_islands --grid=num_iterations=1",
   "logdir must be a folder that can be made, got file/new"),
  ("benchmark --tables=lint --logdir=file/new",
   "logdir must be a folder that can be made, got file/new"),
  ("reproduce-paper --logdir=file",
   r"logdir must be a folder that can be made, got file \(File exists"),
  # Runs that cannot be gone on with.
  ("solve --setting=two_islands --logdir=run",
   "logdir has a run already, got run; add --resume to go on with it"),
  ("solve --setting=two_islands --logdir=loose",
   "logdir must be new .* loose, which has metrics.csv but no config.json"),
  (RESUME + "run --warm_start --num_iterations=4",
   "options.warm_start must be None to go on with the run in run, got True"),
  (RESUME + "run --num_iterations=2",
   "num_iterations must be at least 4 to go on with the run in run, got 2"),
  (RESUME + "truncated", "truncated/checkpoint.npz is no whole checkpoint"),
  (RESUME + "foreign",
   r"foreign/checkpoint.npz is no whole checkpoint \(it has no checksum\)"),
  (RESUME + "of_another_run",
   "of_another_run/checkpoint.npz is a checkpoint of another run"),
  (RESUME + "no_json", "no_json/config.json cannot be read: Expecting"),
  (RESUME + "other_json",
   "other_json/config.json cannot be read: it is no JSON object"),
  (RESUME + "bad_line",
   "bad_line/metrics.csv, line 7, must have a whole number .*, got 'end'"),
  (RESUME + "no_solution --num_iterations=4",
   "path must be a whole file .*, got no_solution/solution.npz"),
  # Pictures.
  ("plot", "RUN_DIR must be one or more run directories, got none"),
  ("plot empty", "path must be a run directory, got empty"),
  ("plot run nowhere", "path must be a run directory, got nowhere"),
  ("plot cut", "cut/metrics.csv, line 6, is cut"),
  ("plot bad_line",
   "bad_line/metrics.csv, line 7, must have a whole number .*, got 'end'"),
  ("plot no_json", "no_json/config.json cannot be read: Expecting"),
  ("plot no_solution", "path must be a whole file .*, got no_solution/sol"),
  ("plot run --output=curves.doc",
   "path must end in one of pdf, png, svg, got 'curves.doc'"),
  ("plot run --kind=animation --output=crowd.png",
   "path must end in gif, got 'crowd.png'"),
  ("plot run --output=file/curves.pdf",
   r"path must lie in a writable folder, got file/curves.pdf \(Not a dir"),
  ("plot run --kind=pie", "--kind=pie: value should be one of <curves|mean_fi"),
  ("plot run --kind=mean_field --moments=99",
   "moments must be of the 5 that run has, from 0 to 4, got 99"),
  ("plot run --kind=mean_field --log_x",
   "--log_x is not an option of kind 'mean_field'"),
  ("plot run --group_by=speed",
   "group_by must be fields of the runs, algorithm, .*, got 'speed'"),
]
# fmt: on


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """A folder with a run, and with what became of others."""
  path = tmp_path_factory.mktemp("inputs")

  def perform(name, **options):
    experiment_lib.perform(
      experiment_lib.Experiment(
        setting="two_islands",
        options=options,
        num_iterations=4,
        record_every=1,
        log_distribution=True,
      ),
      path / name,
    )

  perform("run")
  perform("of_another_run", warm_start=True)
  whole = {file.name: file for file in (path / "run").iterdir()}
  csv = whole["metrics.csv"].read_bytes()
  foreign = io.BytesIO()
  np.savez(foreign, policy=UNIFORM)
  for name, file, content in (
    ("truncated", "checkpoint.npz", whole["checkpoint.npz"].read_bytes()[:-50]),
    ("foreign", "checkpoint.npz", foreign.getvalue()),
    ("no_json", "config.json", b"{"),
    ("other_json", "config.json", b"[]"),
    ("cut", "metrics.csv", csv[:-9]),
    ("bad_line", "metrics.csv", csv + b"end\n"),
    ("no_solution", "solution.npz", b""),
  ):
    shutil.copytree(path / "run", path / name)
    (path / name / file).write_bytes(content)
  other = path / "of_another_run"
  shutil.copy(whole["config.json"], other)
  shutil.copy(whole["metrics.csv"], other)
  (path / "empty").mkdir()
  (path / "loose").mkdir()
  (path / "loose" / "metrics.csv").write_bytes(csv)
  (path / "file").touch()
  (path / "flags.txt").write_text("--setting=two_islands\n--speed=3\n")
  return path


def contents(path):
  return {
    file: (file.stat().st_mtime_ns, file.is_file() and file.read_bytes())
    for file in path.rglob("*")
  }


def _run(program, arguments, cwd, errors):
  os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
  os.dup2(errors, 2)
  os.close(errors)
  sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
  os.chdir(cwd)
  sys.argv = [f"mftrpo-{program}", *arguments]
  try:
    PROGRAMS[program].run()
  finally:
    sys.stdout.flush()
    sys.stderr.flush()


def run(command, cwd):
  """Runs a command line in a process that has its imports already.

  Returns the exit status, and what is on stderr but for what OpenSpiel's C++
  prints there itself of its exceptions.
  """
  program, *arguments = shlex.split(command)
  read, write = os.pipe()
  process = multiprocessing.get_context("fork").Process(
    target=_run, args=(program, arguments, cwd, write)
  )
  process.start()
  os.close(write)
  with os.fdopen(read) as pipe:
    errors = pipe.read()
  process.join()
  return process.exitcode, re.sub("OpenSpiel exception: .*\n", "", errors)


@pytest.mark.parametrize(
  ("command", "message"), BAD_COMMANDS, ids=[row[0] for row in BAD_COMMANDS]
)
def test_a_command_is_refused_in_one_line(folder, command, message):
  before = contents(folder)
  status, errors = run(command, folder)
  assert status == 2, errors
  (line,) = errors.splitlines()
  assert line.startswith(f"mftrpo-{command.split()[0]}: ")
  assert re.search(message, line), line
  assert contents(folder) == before


@pytest.mark.parametrize("command", ["plot cut", RESUME + "truncated"])
def test_the_installed_command_says_the_same(folder, command):
  program, *arguments = command.split()
  result = subprocess.run(
    [pathlib.Path(sys.executable).parent / f"mftrpo-{program}", *arguments],
    cwd=folder,
    capture_output=True,
    text=True,
  )
  assert (result.returncode, result.stderr) == run(command, folder)
  assert not result.stdout


def no_space(*_):
  raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullFile(io.FileIO):
  """A file on a disk that has room for a few bytes more."""

  def write(self, data):
    if len(data) < 20:
      no_space()
    return super().write(data[:15])


def open_full(path, mode="r", **options):
  return FullFile(path, mode) if mode == "ab" else open(path, mode, **options)


def allow(number, function):
  """Returns `function`, for which there is no space after so many calls."""
  functions = itertools.chain(
    itertools.repeat(function, number), itertools.repeat(no_space)
  )
  return lambda *args: next(functions)(*args)


# What is not possible any more -> how.
FULL_DISKS = {
  **{
    f"file {number} to be put in its place": (
      lambda patch, number=number: patch.setattr(
        os, "replace", allow(number, os.replace)
      )
    )
    for number in range(9)
  },
  "a line of metrics.csv": lambda patch: patch.setattr(
    runs, "open", open_full, raising=False
  ),
  "a checkpoint that is on the disk": lambda patch: patch.setattr(
    os, "fsync", allow(1, os.fsync)
  ),
}
LONGER = RESUME + "run --num_iterations=9"


@pytest.mark.parametrize("what", FULL_DISKS)
def test_a_full_disk_loses_nothing_of_a_run(
  folder, tmp_path, monkeypatch, what
):
  shutil.copytree(folder / "run", tmp_path / "run")
  with monkeypatch.context() as patch:
    FULL_DISKS[what](patch)
    status, errors = run(LONGER, tmp_path)
  assert status == 2, errors
  # Before it there is the progress bar.
  *_, line = errors.splitlines()
  assert re.fullmatch(
    r"mftrpo-solve: run\S* cannot be written \(No space left on device\)\.",
    line,
  )
  assert "Traceback" not in errors
  assert not list(tmp_path.rglob(".*"))
  there = run_directory.read(tmp_path / "run")
  assert there.solution.iteration == 4
  assert there.records[:5] == run_directory.read(folder / "run").records
  status, errors = run(LONGER, tmp_path)
  assert status == 0, errors
  result = run_directory.read(tmp_path / "run")
  whole = algorithm("mf_trpo")
  for _ in range(9):
    whole.iteration()
  np.testing.assert_array_equal(result.solution.policy, whole.policy)
  assert len(result.records) == len(result.mean_fields) == 10


@pytest.mark.parametrize(
  ("command", "name"),
  [
    ("plot run --output=curves.pdf", "curves.pdf"),
    (
      "plot run --kind=animation --max_frames=2 --frames_per_second=1"
      " --output=crowd.gif",
      "crowd.gif",
    ),
    (f"benchmark --games={SMALL} --tables=lint --logdir=.", "lint.csv"),
  ],
)
def test_a_full_disk_leaves_what_was_there(
  folder, tmp_path, file_size_limit, command, name
):
  shutil.copytree(folder / "run", tmp_path / "run")
  (tmp_path / name).write_text("Of an earlier day.")
  before = contents(tmp_path)
  with file_size_limit(100):
    status, errors = run(command, tmp_path)
  assert status == 2, errors
  (line,) = errors.splitlines()
  assert re.fullmatch(r"mftrpo-\w+: .*File too large.*", line), line
  assert contents(tmp_path) == before


def test_a_full_disk_leaves_the_table_of_a_sweep(tmp_path, monkeypatch):
  def threads(_):
    return contextlib.nullcontext((futures.ThreadPoolExecutor(1), None))

  monkeypatch.setattr(sweep, "local_executor", threads)
  command = "sweep --logdir=new --setting=two_islands --grid=num_iterations=1"
  status, errors = run(command, tmp_path)
  assert status == 0, errors
  table = tmp_path / "new" / "results.csv"
  before = table.read_bytes()
  replace = os.replace

  def replace_others(source, target):
    (no_space if target.name == table.name else replace)(source, target)

  monkeypatch.setattr(os, "replace", replace_others)
  status, errors = run(f"{command},2", tmp_path)
  assert status == 2, errors
  *_, line = errors.splitlines()
  assert re.fullmatch(
    r"mftrpo-sweep: results cannot be written to \S+ \(No space left on.*",
    line,
  )
  assert table.read_bytes() == before
  assert not list(table.parent.glob(".*"))
