"""Tests of the programs with modules of a user.

Module names differ between tests, because what one test registers stays
registered in later tests of the same process.
"""

import json
import os
import shlex
import shutil
import sys
import textwrap

import pytest
import sweep_runs

from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory

GAME = """
    import pyspiel
    from mftrpo_openspiel.games import two_islands
    from mftrpo_openspiel.mdp import mdp_game

    TYPE = mdp_game.game_type("{name}", "Of a user", two_islands.DEFAULT_PARAMS)

    class Game(mdp_game.MDPGame):
      def __init__(self, params=None):
        values = {{**two_islands.DEFAULT_PARAMS, **(params or {{}})}}
        mdp = two_islands.build_mdp({{**values, "initial_distribution": "2"}})
        super().__init__(mdp, values["horizon"], TYPE, values)

    pyspiel.register_game(TYPE, Game)
    """
METHOD = """
    import dataclasses
    import mftrpo_openspiel

    class Method(mftrpo_openspiel.FixedPoint):
      def __init__(self, model_or_game, softness: float = 1.0, rounds: int = 1):
        self.rounds = rounds
        super().__init__(model_or_game, temperature=softness)

      def _next_state(self, state):
        following = state
        for _ in range(self.rounds):
          following = super()._next_state(following)
        return dataclasses.replace(following, iteration=state.iteration + 1)

    mftrpo_openspiel.register_algorithm("{name}", Method, title="The Method")
    """


@pytest.fixture
def folder(tmp_path):
  """An empty folder for modules."""
  path = tmp_path / "work"
  path.mkdir()
  return path


def write(folder, file, text, **values):
  (folder / file).write_text(textwrap.dedent(text.format(**values)))


def test_a_game_and_an_algorithm_are_solved_resumed_plotted_and_linted(
  program, folder
):
  write(folder, "user_game_1.py", GAME, name="python_mfg_user_1")
  write(folder, "user_method_1.py", METHOD, name="user_method_1")

  def run(name, *arguments, status=0):
    return program(name, *arguments, cwd=folder, status=status)

  common = (
    "--game_name=python_mfg_user_1",
    "--algorithm=user_method_1",
    "--algorithm_options=softness=0.5",
    "--algorithm_options=rounds=2",
    "--log_distribution",
    "--logdir=run",
  )
  imports = ("--import=user_game_1", "--import=user_method_1")
  run("solve", *imports, *common, "--num_iterations=4")
  config = json.loads((folder / "run" / "config.json").read_text())
  experiment = config["experiment"]
  assert experiment["imports"] == ["user_game_1", "user_method_1"]
  assert experiment["algorithm"] == "user_method_1"
  assert experiment["options"] == {"softness": 0.5, "rounds": 2}
  assert config["game"].startswith("python_mfg_user_1(")
  records = run_directory.load_run(folder / "run").records

  # The same as twice as many iterations of the built-in algorithm and game.
  run(
    *("solve", "--setting=two_islands", "--algorithm=fixed_point"),
    *("--temperature=0.5", "--num_iterations=8", "--record_every=2"),
    "--logdir=reference",
  )
  reference = run_directory.load_run(folder / "reference").records
  assert [record.exploitability for record in records] == pytest.approx(
    [record.exploitability for record in reference], abs=1e-12
  )

  # The modules are stored with the run.
  output = run("solve", *common, "--num_iterations=6", "--resume").stdout
  assert "Resumed after iteration 4." in output
  there = run_directory.load_run(folder / "run")
  assert there.config["experiment"]["imports"] == experiment["imports"]
  assert there.records[-1].iteration == 6
  for kind in ("curves", "mean_field", "policy", "difference"):
    runs = ("run", "reference") if kind == "difference" else ("run",)
    run("plot", f"--kind={kind}", f"--output={kind}.png", *runs)
    assert (folder / f"{kind}.png").stat().st_size > 1000
  run(
    "lint", "--import=user_game_1", "--game_name=python_mfg_user_1(horizon=2)"
  )
  output = run(
    *("benchmark", "--import=user_game_1", "--num_iterations=1"),
    "--import=user_method_1",
    "--games=python_mfg_user_1(horizon=2)",
    "--algorithms=mirror_descent,user_method_1",
    "--seconds=0.1",
  ).stdout
  rows = output.splitlines()[1:]
  assert [" OMD " in row for row in rows].count(True) == 1
  assert [" The Method " in row for row in rows].count(True) == 1
  assert all(row.startswith("python_mfg_user_1(horizon=2)") for row in rows[:4])


PLAIN = """
    import pathlib
    from open_spiel.python.mfg.games import crowd_modelling
    from mftrpo_openspiel.plots import game_drawings
    from mftrpo_openspiel.plots import openspiel_drawings

    text = pathlib.Path(crowd_modelling.__file__).read_text()
    exec(text.replace("python_mfg_crowd_modelling", "python_mfg_plain_5"))
    game_drawings.register("python_mfg_plain_5", openspiel_drawings.ring)
    """


def test_a_game_that_uses_only_openspiel_works_in_all_programs(program, folder):
  """The game is OpenSpiel's crowd modelling under another name."""
  write(folder, "plain_5.py", PLAIN)
  flags = (
    "--algorithm=fictitious_play",
    "--num_iterations=3",
    "--record_every=1",
  )
  for name, game in (
    ("user", "python_mfg_plain_5(size=4,horizon=3)"),
    ("openspiel", "python_mfg_crowd_modelling(size=4,horizon=3)"),
  ):
    program(
      *("solve", "--import=plain_5", f"--game_name={game}", *flags),
      f"--logdir={name}",
      cwd=folder,
    )
  ours, theirs = (
    [
      record.exploitability
      for record in run_directory.load_run(folder / name).records
    ]
    for name in ("user", "openspiel")
  )
  assert ours == pytest.approx(theirs, abs=1e-12)
  assert ours[-1] < ours[0]
  program("plot", "--kind=mean_field", "--output=ring.png", "user", cwd=folder)
  assert (folder / "ring.png").stat().st_size > 1000
  # Its rewards depend on the path, as those of OpenSpiel's game do.
  output = program(
    *("lint", "--import=plain_5"),
    "--game_name=python_mfg_plain_5(size=3,horizon=2)",
    cwd=folder,
    status=1,
  ).stdout
  assert "differs by 0.333 between paths" in output


def test_a_missing_module_of_a_run_is_named(program, folder, tmp_path):
  write(folder, "user_game_2.py", GAME, name="python_mfg_user_2")
  write(folder, "user_method_2.py", METHOD, name="user_method_2")
  flags = (
    "--game_name=python_mfg_user_2",
    "--algorithm=user_method_2:Method",
    f"--logdir={tmp_path / 'run'}",
  )
  program(
    *("solve", "--import=user_game_2", "--num_iterations=2", *flags), cwd=folder
  )
  elsewhere = tmp_path / "elsewhere"
  elsewhere.mkdir()
  shutil.copy(folder / "user_method_2.py", elsewhere)
  for name, arguments in (
    ("plot", (str(tmp_path / "run"),)),
    ("plot", ("--kind=mean_field", str(tmp_path / "run"))),
    ("solve", (*flags, "--num_iterations=3", "--resume")),
  ):
    result = program(name, *arguments, cwd=elsewhere, status=2)
    assert result.stderr == (
      f"mftrpo-{name}: {tmp_path / 'run'} needs its modules: imports must be a"
      " module that can be imported, got 'user_game_2': there is no module"
      " 'user_game_2', neither installed nor in the current folder or in a"
      " folder of PYTHONPATH.\n"
    )
  # The module was renamed.
  (elsewhere / "renamed_2.py").write_text(
    (folder / "user_game_2.py").read_text()
  )
  program(
    *("solve", *flags, "--import=renamed_2", "--num_iterations=3", "--resume"),
    cwd=elsewhere,
  )
  program("plot", str(tmp_path / "run"), cwd=elsewhere)
  (elsewhere / "user_method_2.py").unlink()
  result = program("plot", str(tmp_path / "run"), cwd=elsewhere, status=2)
  assert result.stderr == (
    f"mftrpo-plot: {tmp_path / 'run'} needs its modules: algorithm must be"
    " of the form package.module:name and importable, got"
    " 'user_method_2:Method': there is no module 'user_method_2', neither"
    " installed nor in the current folder or in a folder of PYTHONPATH.\n"
  )


def test_a_run_whose_algorithm_has_no_module_can_be_drawn(
  program, folder, monkeypatch
):
  """As for a class that was defined in a notebook."""

  class Mine(fixed_point.FixedPoint):
    pass

  with monkeypatch.context() as patch:
    patch.setattr(registry, "ALGORITHMS", dict(registry.ALGORITHMS))
    registry.register_algorithm("of_a_notebook", Mine, title="Mine")
    experiment_lib.run_experiment(
      experiment_lib.Experiment(
        setting="two_islands", algorithm="of_a_notebook", num_iterations=2
      ),
      folder / "run",
    )
  for kind in ("curves", "mean_field"):
    program("plot", f"--kind={kind}", "--output=run.png", "run", cwd=folder)
    (folder / "run.png").unlink()


BAD = [
  (
    "solve --setting=two_islands --import=absent_module",
    "--import must be a module that can be imported, got 'absent_module': there"
    " is no module 'absent_module', neither installed nor in the current folder"
    " or in a folder of PYTHONPATH.",
  ),
  (
    "lint --import=broken_3 --game_name=python_mfg_two_islands",
    "--import must be a module that can be imported, got 'broken_3':"
    " ZeroDivisionError: division by zero (broken_3.py, line 2).",
  ),
  (
    "plot --import=user/game.py run",
    "--import must be a module that can be imported, got 'user/game.py':"
    " 'user/game.py' is not a valid name of a Python module.",
  ),
  (
    "benchmark --import=taken_3",
    "--import must be a module that can be imported, got 'taken_3': ValueError:"
    " name must not be that of another algorithm, got 'mf_trpo', which is"
    " mftrpo_openspiel.algorithms.mf_trpo.MFTRPO (registry.py, line ",
  ),
  (
    "solve --setting=two_islands --algorithm=user_method_3:Absent",
    "--algorithm must be of the form package.module:name and importable, got"
    " 'user_method_3:Absent': module 'user_method_3' has no 'Absent'.",
  ),
  (
    "solve --setting=two_islands --algorithm=fractions:Fraction",
    "--algorithm must be a subclass of MeanFieldAlgorithm, got the class"
    " fractions.Fraction.",
  ),
  (
    "solve --setting=two_islands --algorithm=user_method_3:Method"
    " --algorithm_options=hardness=1",
    "option of algorithm 'user_method_3:Method' must be one of softness,"
    " rounds, got 'hardness'.",
  ),
  (
    "solve --setting=two_islands --algorithm=user_method_3:Method"
    " --algorithm_options=softness=0.5,rounds=1.5",
    "rounds of algorithm 'user_method_3:Method' must be a whole number, got"
    " '1.5'.",
  ),
  (
    "solve --setting=two_islands --algorithm_options=warm_start",
    "--algorithm_options must be name=value, got 'warm_start'.",
  ),
  (
    "solve --setting=two_islands --algorithm=mirror_descent"
    " --algorithm_options=lr=0.1 --algorithm_options=lr=0.2",
    "--algorithm_options must have lr once, got it twice.",
  ),
  (
    "solve --setting=two_islands --algorithm=mirror_descent --learning_rate=0.1"
    " --algorithm_options=lr=0.2",
    "--learning_rate must be given once, got it by a flag of its own and as"
    " algorithm_options.lr.",
  ),
  (
    "sweep --setting=two_islands --logdir=sweep"
    " --grid=algorithm=mf_trpo,absent_module:Method",
    "--grid, at algorithm=absent_module:Method: --algorithm must be of the form"
    " package.module:name and importable, got 'absent_module:Method': there is"
    " no module 'absent_module', neither installed nor in the current folder or"
    " in a folder of PYTHONPATH.",
  ),
  (
    "sweep --setting=two_islands --logdir=sweep"
    " --grid=algorithm_options.hardness=1,2 --grid=algorithm=mf_trpo",
    "algorithm_options.hardness is not an option of mf_trpo.",
  ),
  (
    "sweep --setting=two_islands --logdir=sweep --grid=algorithm_options=lr=1",
    "--grid must name algorithm_options one by one, as algorithm_options.NAME,"
    " got 'algorithm_options=lr=1'.",
  ),
]


@pytest.mark.parametrize(("command", "line"), BAD, ids=[row[0] for row in BAD])
def test_a_bad_module_algorithm_or_option_is_one_line(
  program, folder, command, line
):
  write(folder, "user_method_3.py", METHOD, name="user_method_3")
  write(folder, "broken_3.py", "x = 0\n1 / x")
  write(folder, "taken_3.py", METHOD, name="mf_trpo")
  name, *arguments = shlex.split(command)
  result = program(name, *arguments, cwd=folder, status=2)
  (said,) = result.stderr.splitlines()
  assert said.startswith(f"mftrpo-{name}: {line}")
  assert not result.stdout
  assert not (folder / "sweep").exists()


def test_options_of_all_algorithms_are_axes_of_sweeps():
  grid = [
    "algorithm=mirror_descent,annealed_mf_trpo",
    "algorithm_options.window=5,10",
    "learning_rate=0.1",
  ]
  runs, notes = sweep_runs.expand(grid, "--setting=two_islands")
  assert [run.name for run in runs] == [
    "algorithm=mirror_descent,learning_rate=0.1",
    "algorithm=annealed_mf_trpo,window=5.0",
    "algorithm=annealed_mf_trpo,window=10.0",
  ]
  assert [run.experiment.options for run in runs] == [
    {"lr": 0.1},
    {"window": 5.0},
    {"window": 10.0},
  ]
  assert "algorithm_options.window is ignored for mirror_descent." in notes


@pytest.mark.slow
def test_workers_on_other_machines_find_the_modules(
  folder, tmp_path, monkeypatch
):
  """The cluster is started in a different folder than the sweep."""
  distributed = pytest.importorskip("distributed")
  write(folder, "user_game_4.py", GAME, name="python_mfg_user_4")
  write(folder, "user_method_4.py", METHOD, name="user_method_4")
  monkeypatch.setattr(sys, "path", list(sys.path))
  (tmp_path / "cluster").mkdir()
  monkeypatch.chdir(tmp_path / "cluster")
  with distributed.LocalCluster(
    n_workers=1, threads_per_worker=1, dashboard_address=None
  ) as cluster:
    os.chdir(folder)
    status = sweep_runs.main(
      "--import=user_game_4",
      "--game_name=python_mfg_user_4",
      "--num_iterations=2",
      "--grid=algorithm=mf_trpo,user_method_4:Method",
      "--grid=algorithm_options.rounds=3",
      f"--logdir={tmp_path / 'sweep'}",
      f"--scheduler_address={cluster.scheduler_address}",
    )
  assert status == 0
  configs = [
    run_directory.load_run(path.parent).config["experiment"]
    for path in sorted((tmp_path / "sweep").glob("*/config.json"))
  ]
  assert [config["algorithm"] for config in configs] == [
    "mf_trpo",
    "user_method_4:Method",
  ]
  assert [config["imports"] for config in configs] == [["user_game_4"]] * 2
  assert configs[1]["options"] == {"rounds": 3}
