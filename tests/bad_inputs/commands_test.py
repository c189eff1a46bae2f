"""Tests of invalid commands and their error messages of one line."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

# Resumes a run in the folder that the fixture `folder` creates.
RESUME = (
  "solve --setting=two_islands --algorithm=mf_trpo --record_every=1"
  " --log_distribution --resume --logdir="
)
LAW_OF = "solve --setting=two_islands --game_parameters=initial_distribution="
ZEROS = ";0" * 12
SWEEP = "sweep --logdir=new --setting=two_islands --grid="
SAMPLED = "solve --setting=two_islands --model=sampled "
SMALL = "python_mfg_two_islands(horizon=2)"
HUGE = 99999999999999999999
INT32 = r"\[-2147483648, 2147483647\]"

# fmt: off
BAD_COMMANDS = [
  # Names.
  ("solve", "--game_name or --setting must be given, .*; got neither"),
  ("solve --game_name=nothing",
   "game_name must be a registered OpenSpiel game, got 'nothing'"),
  ("solve --game_name=kuhn_poker",
   "game must be a mean-field game, got 'kuhn_poker'"),
  ("solve --setting=five_rooms", "setting must be one of .*'five_rooms'"),
  ("solve --setting=two_islands --algorithm=q_learning",
   "algorithm must be one of annealed_mf_trpo, .*, or package.module:Class"),
  ("solve --setting=two_islands --model=infinite",
   "--model must be one of compiled, .*, stationary, got 'infinite'"),
  ("solve --setting=two_islands --learning_rat=1",
   "there is no flag --learning_rat; did you mean --learning_rate"),
  ("solve --flagfile=flags.txt", "there is no flag --speed"),
  ("solve --flagfile=nowhere.txt", "Unable to open flagfile.*'nowhere.txt'"),
  ("solve --setting=two_islands now",
   "must be flags, as in --name=value, got 'now'"),
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
   "tables must be one of accuracy, .*, got 'all'"),
  ("benchmark --tables=", "tables must be one or more of .*, got none"),
  ("benchmark --tables=everything", "tables must be one of accuracy"),
  ("benchmark --games=mfg_garnet,nothing",
   "games must be registered OpenSpiel games or settings .* got 'nothing'"),
  ("benchmark --games=mfg_garnet,", "games must be .*, got 'mfg_garnet,'"),
  ("benchmark --algorithms=q_learning",
   "algorithms must be one of .*, or package.module:Class, got 'q_learning'"),
  ("benchmark --models=stationary",
   "models must be one of compiled, openspiel, got 'stationary'"),
  ("reproduce-paper --eta=1", "there is no flag --eta"),
  # Numbers.
  ("solve --setting=two_islands --num_iterations=ten",
   "--num_iterations must be a whole number, got 'ten'"),
  ("solve --setting=two_islands --num_iterations=0",
   r"num_iterations must be a whole number in \[1, 10{12}\], got 0"),
  ("solve --setting=two_islands --evaluation_regularization=nan",
   r"regularization must be a number in \[0, inf\), got nan"),
  ("solve --setting=two_islands --regularization=0.3",
   "--regularization is for --algorithm=mf_trpo, fictitious_play, .*, not for"
   r" annealed_mf_trpo \(the default\); --evaluation_regularization sets the"
   r" eta of phi_eta\.$"),
  ("solve --setting=two_islands --algorithm=mf_trpo --population_update_rate=2",
   r"population_update_rate must be a number in \(0, 1\], got 2.0"),
  ("solve --setting=two_islands --population_update_rate=slow",
   "--population_update_rate must be a number or auto, got 'slow'"),
  ("solve --setting=two_islands --algorithm=annealed_mf_trpo --warm_start",
   r"--warm_start is for --algorithm=mf_trpo, not for annealed_mf_trpo\.$"),
  ("solve --setting=two_islands --algorithm=mf_trpo --max_step_count=5",
   "max_step_count must not be given without --warm_start, got 5"),
  ("solve --setting=two_islands --algorithm=mf_trpo --nowarm_start"
   " --max_step_count=0",
   "max_step_count must not be given without --warm_start, got 0"),
  ("solve --setting=two_islands --algorithm=mf_trpo"
   " --population_update_rate=nan",
   "population_update_rate must be a number in .*, got nan"),
  ("solve --setting=two_islands --algorithm=mirror_descent --learning_rate=0",
   r"--learning_rate must be a number in \(0, inf\), got 0.0"),
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
   "--seed must be a non-negative integer, got '-1'"),
  (f"benchmark --games={SMALL} --seconds=nan",
   r"seconds must be a number in \(0, inf\), got nan"),
  (f"benchmark --games={SMALL} --learning_rate=0",
   r"learning_rate must be a number in \(0, inf\), got 0"),
  ("reproduce-companion --num_trajectories=1000,9",
   "num_trajectories must be a whole number of at least 10, got 9"),
  ("reproduce-companion --num_trajectories=1e3",
   "num_trajectories must be a whole number of at least 10, got '1e3'"),
  ("reproduce-companion --num_trajectories=",
   "num_trajectories must be one or more numbers, got none"),
  ("reproduce-companion --setting=four_rooms",
   "--setting must be one of open_grid_poi_5x5, four_rooms_poi_5x5, got"),
  ("paper-claim --num_policy_updates=1,0",
   "num_policy_updates must be a whole number of at least 1, got 0"),
  ("paper-claim --num_population_steps=many",
   "num_population_steps must be a whole number of at least 1, got 'many'"),
  ("paper-claim --learning_rates=fast",
   r"learning_rates must be a number in \(0, inf\), got 'fast'"),
  ("paper-claim --etas=", "etas must have one or more values, got none"),
  ("paper-claim --settings=two_isles",
   r"settings must be one of .* \(did you mean two_islands\?\)"),
  ("paper-claim --logdir=file",
   r"logdir must be a folder that can be created, got file \(File exists"),
  ("reproduce-paper --num_iterations=0",
   r"--num_iterations must be a whole .* in the range \[1, 10{12}\], got '0'"),
  # Too large for the memory, for an int of C++, or for a reasonable run time.
  (f"solve --setting=two_islands --num_iterations={HUGE}",
   rf"num_iterations must be a whole number in \[1, 10{{12}}\], got {HUGE}"),
  ("solve --setting=two_islands --num_records=1000000000",
   r"num_records must be a whole number in \[1, 10000\], got 1000000000"),
  ("solve --setting=two_islands --num_iterations=1000000000 --record_every=1",
   "record_every must be at least 1000 with 1000000000 iterations, .*, got 1"),
  ("solve --setting=two_islands --game_parameters=seed=2147483648",
   f"game parameter seed must be a whole number in {INT32}, got 2147483648"),
  ("solve --setting=two_islands --game_parameters=horizon=-2147483649",
   f"game parameter horizon must be a whole .* {INT32}, got -2147483649"),
  ("solve --game_name=mfg_garnet --game_parameters=size=4294967297",
   f"game parameter size must be a whole number in {INT32}, got 4294967297"),
  (f"solve --game_name=python_mfg_two_islands(horizon={HUGE})",
   f"game_name must have whole numbers in {INT32}, .*, got horizon={HUGE}"),
  ("lint --game_name=mfg_garnet(size=3,seed=2147483648)",
   f"game_name must have whole numbers in {INT32}, .*, got seed=2147483648"),
  (f"{SWEEP}num_iterations={HUGE}",
   r"grid, at num_iterations=.*: --num_iterations must be .* in \[1, 10{12}\]"),
  (f"{SWEEP}game_parameters.seed=1,{HUGE}",
   f"grid, at .*: game parameter seed must be a whole number in {INT32}"),
  (f"reproduce-paper --num_iterations={HUGE}",
   rf"--num_iterations must be .* in the range \[1, 10{{12}}\], got '{HUGE}'"),
  (f"reproduce-paper --num_processes={HUGE}",
   rf"--num_processes must be .* in the range \[1, 10000\], got '{HUGE}'"),
  # Combinations of flags that exclude each other.
  ("solve --setting=two_islands --algorithm=mirror_descent --temperature=1",
   r"--temperature is for --algorithm=.*, not for mirror_descent\.$"),
  ("solve --game_name=mfg_garnet --model=stationary",
   "model must be 'compiled' or 'openspiel' for a game .* got 'stationary'"),
  ("solve --setting=two_islands --record_every=2 --num_records=3",
   "num_records must not be given with --record_every"),
  ("solve --setting=two_islands --resume",
   "resume must not be given without --logdir"),
  # Grids.
  ("sweep --logdir=new", "grid must be given, as name=value,value,..."),
  (SWEEP + "speed=1", "grid must be over flags of a run, .*, got 'speed=1'"),
  (SWEEP + "model=compiled,", "grid must be name=value,.*'model=compiled,'"),
  (SWEEP + "evaluation_regularization=0.1,nan",
   "at .*nan: --evaluation_regularization must be a number in .*, got nan"),
  (SWEEP + "game_parameters.rooms=1,2",
   r"game_parameters.rooms is not a parameter of python_mfg_two_islands\.$"),
  (SWEEP + "game_parameters.seed=1,-1",
   "game_parameters.seed=-1: seed must be a whole number .*, got -1"),
  (SWEEP + "temperature=1,2",
   r"--temperature is for .*, not for annealed_mf_trpo\.$"),
  (SWEEP + "setting=four_rooms", "setting must be given by .*, got both"),
  (SWEEP + "num_iterations=1 --scheduler_address=nowhere",
   "scheduler_address (must be that of a running scheduler|needs the package)"),
  ("sweep --logdir=run --setting=two_islands --grid=num_iterations=1",
   "logdir must be a folder for many runs, got the run directory run"),
  # Folders that cannot be written to, not even by root.
  ("solve --setting=two_islands --logdir=file/run",
   r"logdir must be a folder that can be created, got file/run \(Not a dir"),
  ("solve --setting=two_islands --logdir=/proc/run",
   "logdir must be a folder that can be created, got /proc/run"),
  ("solve --setting=two_islands --logdir=",
   "logdir must be the name of a folder, got ''"),
  ("sweep --logdir=file/new --setting=two_islands --grid=num_iterations=1",
   "logdir must be a folder that can be created, got file/new"),
  ("benchmark --tables=lint --logdir=file/new",
   "logdir must be a folder that can be created, got file/new"),
  ("reproduce-paper --logdir=file",
   r"logdir must be a folder that can be created, got file \(File exists"),
  # Runs that cannot be resumed.
  ("solve --setting=two_islands --logdir=run",
   "logdir already contains a run, got run; add --resume to resume it"),
  ("solve --setting=two_islands --logdir=loose",
   "logdir must be new .* loose, which contains metrics.csv but no config.js"),
  (RESUME + "run --warm_start --num_iterations=4",
   "--warm_start must not be given to resume the run in run, got True"),
  (RESUME + "run --num_iterations=2",
   "num_iterations must be at least 4 to resume the run in run, got 2"),
  (RESUME + "truncated", "truncated/checkpoint.npz is not a valid checkpoint"),
  (RESUME + "foreign",
   r"foreign/checkpoint.npz is not a valid checkpoint \(it has no iteration\)"),
  (RESUME + "of_another_run",
   "of_another_run/checkpoint.npz is a checkpoint of a different run"),
  (RESUME + "no_json", "no_json/config.json cannot be read: Expecting"),
  (RESUME + "other_json",
   "other_json/config.json cannot be read: it is not a JSON object"),
  (RESUME + "old_format",
   "old_format/config.json cannot be read: its format is 1, but this version"),
  (RESUME + "nested",
   "nested/config.json cannot be read: it is nested too deeply"),
  (RESUME + "changed_digit",
   "changed_digit/metrics.csv, line 2, is damaged: the checksum does"),
  (RESUME + "bad_line",
   "bad_line/metrics.csv, line 7, must have a whole number, .*, got 'end'"),
  (RESUME + "no_solution --num_iterations=4",
   "path must be a complete file .*, got no_solution/solution.npz"),
  # Pictures.
  ("plot", "RUN_DIR must be one or more run directories, got none"),
  ("plot empty",
   "RUN_DIR must be a run directory or a folder of them, such as that of a"
   " sweep, got empty"),
  ("plot run nowhere",
   "RUN_DIR must be a run directory or a folder of them, such as that of a"
   " sweep, got nowhere"),
  ("plot cut", "cut/metrics.csv, line 6, is incomplete"),
  ("plot bad_line",
   "bad_line/metrics.csv, line 7, must have a whole number, .*, got 'end'"),
  ("plot old_format", "config.json cannot be read: its format is 1, but this"),
  ("plot nested", "nested/config.json cannot be read: it is nested too deeply"),
  ("plot changed_digit", "changed_digit/metrics.csv, line 2, is damaged"),
  ("plot no_json", "no_json/config.json cannot be read: Expecting"),
  ("plot no_solution", "path must be a complete file .*, got no_solution/sol"),
  ("plot run --output=curves.doc",
   "path must end in one of pdf, png, svg, got 'curves.doc'"),
  ("plot run --kind=animation --output=crowd.png",
   "path must end in gif, got 'crowd.png'"),
  ("plot run --output=file/curves.pdf",
   r"path must lie in a writable folder, got file/curves.pdf \(Not a dir"),
  ("plot run --kind=pie", "--kind=pie: value should be one of <curves|mean_fi"),
  ("plot run --kind=mean_field --moments=99",
   "moments must be among the 5 of run, from 0 to 4, got 99"),
  ("plot run --kind=mean_field --log_x",
   "--log_x is not an option of kind 'mean_field'"),
  ("plot run --group_by=speed",
   "group_by must be fields of the runs, algorithm, .*, got 'speed'"),
]
# Commands with their complete messages.
EXACT = [
  ("solve",
   "--game_name or --setting must be given, such as the setting four_rooms; got"
   " neither."),
  ("solve --game_name=two_islands",
   "--game_name must not be a setting, got 'two_islands'; give"
   " setting=two_islands instead."),
  ("solve --setting=dynamic_routing_braess",
   "--game_name must be given with --setting 'dynamic_routing_braess', which"
   " applies to mfg_dynamic_routing and python_mfg_dynamic_routing."),
  ("lint --game_name=chess",
   "game must be a mean-field game, got 'chess'; --list_games lists them."),
  ("solve --game_name=garnet",
   "--game_name must be a registered OpenSpiel game, got 'garnet' (did you mean"
   " mfg_garnet?); ours are python_mfg_four_rooms, python_mfg_four_rooms_poi,"
   " python_mfg_two_islands; --list_games lists them."),
  ("solve --setting=two_islands --lr=1",
   "there is no flag --lr; did you mean --learning_rate?"),
  ("solve --setting=two_islands --horizon=3",
   "there is no flag --horizon; did you mean --game_parameters=horizon=VALUE?"),
  ("solve --setting=two_islands --loudness=3",
   "there is no flag --loudness; --help lists all flags."),
  ("solve --setting=two_islands --algorithm=mirror_descent --learning_rate=0",
   "--learning_rate must be a number in (0, inf), got 0.0."),
  ("solve --setting=two_islands --learning_rate=1",
   "--learning_rate is for --algorithm=fictitious_play, mirror_descent,"
   " proximal_point, openspiel_fictitious_play, openspiel_mirror_descent,"
   " openspiel_mirror_descent_frozen_table, not for annealed_mf_trpo (the"
   " default)."),
  ("solve --setting=two_islands --algorithm=annealed_mf_trpo"
   " --regularization=1",
   "--regularization is for --algorithm=mf_trpo, fictitious_play,"
   " mirror_descent, fixed_point, interior_point, not for annealed_mf_trpo;"
   " --evaluation_regularization sets the eta of phi_eta."),
  ("solve --setting=two_islands --num_iterations=1e3",
   "--num_iterations must be a whole number, got '1e3'."),
  ("solve --setting=two_islands --population_update_rate=slow",
   "--population_update_rate must be a number or auto, got 'slow'."),
  ("solve --setting=two_islands --warm_start=maybe",
   "--warm_start must be true or false, got 'maybe'."),
  ("solve --setting=two_islands --model=infinite",
   "--model must be one of compiled, openspiel, sampled, stationary, got"
   " 'infinite'."),
  ("solve --setting=two_islands --resume",
   "--resume must not be given without --logdir."),
  (RESUME + "run --warm_start",
   "--warm_start must not be given to resume the run in run, got True."),
  (RESUME + "run --evaluation_regularization=0.3",
   "--evaluation_regularization must be 0.05 to resume the run in run, got"
   " 0.3."),
  # Learning from samples.
  ("solve --setting=two_islands --num_particles=10",
   "--num_particles is for --model=sampled, not for the default model."),
  ("solve --setting=two_islands --model=compiled --max_environment_steps=1000",
   "--max_environment_steps is for --model=sampled, not for compiled."),
  ("solve --setting=two_islands --seed=1",
   "--seed is for --model=sampled, not for the default model; the seed of a"
   " game is one of its parameters, --game_parameters=seed=N, or"
   " game_parameters.seed in a grid."),
  (SAMPLED + "--seed=1.5", "--seed must be a whole number, got '1.5'."),
  (SAMPLED + "--seed=-1",
   "--seed must be a whole number of at least 0, got -1."),
  (SAMPLED + "--game_parameters=seed=-1",
   "seed must be a whole number in [0, 2147483647], got -1."),
  (SAMPLED + "--num_trajectories=0",
   "--num_trajectories must be a whole number of at least 1, got 0."),
  (SAMPLED + "--num_particles=0",
   "--num_particles must be a whole number of at least 1, got 0."),
  (SAMPLED + "--estimator=mean",
   "--estimator must be one of baseline, pair_averages, published, got"
   " 'mean'."),
  (SAMPLED + "--sampled_from=openspiel",
   "--sampled_from must be one of compiled, stationary, got 'openspiel'."),
  ("solve --game_name=mfg_garnet --model=sampled --sampled_from=stationary",
   "--sampled_from must be 'compiled' for a game that has no mean_field_mdp(),"
   " got 'stationary'."),
  (SAMPLED + "--max_environment_steps=0",
   "--max_environment_steps must be a whole number of at least 1, got 0."),
  (SAMPLED + "--max_environment_steps=21",
   "--max_environment_steps must be at least 22, the steps of one trajectory,"
   " got 21."),
  (SAMPLED + "--algorithm=openspiel_mirror_descent",
   "algorithm 'openspiel_mirror_descent' needs model='openspiel'."),
  (SWEEP + "seed=0,-1 --model=sampled",
   "--grid, at seed=-1: --seed must be a whole number of at least 0, got -1."),
  (SWEEP + "estimator=published,mean --model=sampled",
   "--grid, at estimator=mean: --estimator must be one of baseline,"
   " pair_averages, published, got 'mean'."),
  (SWEEP + "num_particles=10,20",
   "--num_particles is for --model=sampled, not for the default model."),
  (SWEEP + "game_parameters.seed=-1 --model=sampled",
   "--grid, at game_parameters.seed=-1: seed must be a whole number in [0,"
   " 2147483647], got -1."),
  ("plot run --x=environment_steps",
   "--x must be iterations or seconds for run, whose model, stationary, has no"
   " environment steps."),
  ("plot run --x=steps",
   "--x must be one of iterations, seconds, environment_steps, got 'steps'."),
  (SWEEP + "horizon=1",
   "--grid must name parameters of the game as game_parameters.horizon=1, got"
   " 'horizon=1'."),
  (SWEEP + "seed=1",
   "--seed is for --model=sampled, not for the default model; the seed of a"
   " game is one of its parameters, --game_parameters=seed=N, or"
   " game_parameters.seed in a grid."),
  (SWEEP + "algorithm=mirror_descent --learning_rate=0",
   "--grid, at algorithm=mirror_descent: --learning_rate must be a number in"
   " (0, inf), got 0.0."),
  (SWEEP + "learning_rate=fast",
   "--grid, at learning_rate=fast: --learning_rate must be a number, got"
   " 'fast'."),
  ("benchmark --games=chess", "--games must be mean-field games, got 'chess'."),
  ("benchmark --games=dynamic_routing_line",
   "--games must name the game of a setting,"
   " mfg_dynamic_routing:dynamic_routing_line or"
   " python_mfg_dynamic_routing:dynamic_routing_line, got"
   " 'dynamic_routing_line'."),
  ("lint two_islands",
   "all arguments must be flags, as in --name=value, got 'two_islands'."),
]
# fmt: on


@pytest.mark.parametrize(
  ("command", "message"), BAD_COMMANDS, ids=[row[0] for row in BAD_COMMANDS]
)
def test_a_command_is_refused_in_one_line(
  program, folder, contents, command, message
):
  before = contents(folder)
  result = program(*shlex.split(command), cwd=folder, status=2)
  (line,) = result.stderr.splitlines()
  assert line.startswith(f"mftrpo-{command.split()[0]}: ")
  assert re.search(message, line), line
  assert contents(folder) == before


@pytest.mark.parametrize(
  ("command", "message"), EXACT, ids=[row[0] for row in EXACT]
)
def test_a_message_names_the_flag_and_the_next_step(
  program, folder, command, message
):
  result = program(*shlex.split(command), cwd=folder, status=2)
  assert result.stderr == f"mftrpo-{command.split()[0]}: {message}\n"


@pytest.mark.parametrize("command", ["plot cut", RESUME + "truncated"])
def test_the_installed_command_says_the_same(program, folder, command):
  name, *arguments = command.split()
  result = subprocess.run(
    [pathlib.Path(sys.executable).parent / f"mftrpo-{name}", *arguments],
    cwd=folder,
    capture_output=True,
    text=True,
  )
  expected = program(name, *arguments, cwd=folder, status=2)
  assert (result.returncode, result.stderr) == (2, expected.stderr)
  assert not result.stdout
