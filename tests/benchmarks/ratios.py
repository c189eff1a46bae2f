"""Benchmarks of the ratios that matter: how much faster than OpenSpiel we are.

    pip install -e '.[test,bench]'
    python -m pytest --dist=no tests/benchmarks/ratios.py

Each group of the printed table has one operation, by OpenSpiel and by this
package on the same game, in the same process; before the table, a line for each
group has the ratio of the medians. Stationary MF-TRPO has no counterpart in
OpenSpiel; its time is absolute.

Seconds depend on the machine, ratios much less. To compare two versions of the
package, add `--benchmark-autosave` to the run of the first, and
`--benchmark-compare` to that of the second.

The name of this module keeps it out of the collection of tests, which need not
be repeated as often as times must.
"""

from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
import pytest

from mftrpo_openspiel.algorithms import fictitious_play
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import mirror_descent
from mftrpo_openspiel.benchmarks import comparison
from mftrpo_openspiel.benchmarks import game_names
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.openspiel import recursion
from mftrpo_openspiel.utils import tabular_policies

GRID = "mfg_crowd_modelling_2d:crowd_modelling_2d_10x10"
ROADS = "mfg_dynamic_routing:dynamic_routing_braess"
PROGRAMS = ("OpenSpiel", "compiled")
# Iterations that make caches and memory ready, and are not timed.
NUM_WARM_UP = 2
# OpenSpiel's calls take a second or so each, ours milliseconds.
NUM_ROUNDS = {"OpenSpiel": 3, "compiled": 50}
LEARNING_RATE = 0.1


@pytest.fixture(scope="module")
def compiled():
  """Returns a function from the name of a game to its compiled game."""
  models = {}

  def get(name):
    if name not in models:
      models[name] = compiled_game.CompiledGame(game_names.load(name))
    return models[name]

  return get


@pytest.fixture(scope="module")
def medians(request):
  """Collects seconds by group and program, and prints their ratios."""
  seconds = {}
  yield seconds
  capture = request.config.pluginmanager.getplugin("capturemanager")
  with capture.global_and_fixture_disabled():
    print()
    for group, of_program in seconds.items():
      if len(of_program) == len(PROGRAMS):
        ratio = of_program["OpenSpiel"] / of_program["compiled"]
        print(f"{group}: {ratio:.0f} times as fast as OpenSpiel")


@pytest.fixture
def measure(benchmark, medians):
  """Returns a function that times the calls of one of the programs."""

  def run(program, call):
    benchmark.pedantic(
      call, rounds=NUM_ROUNDS[program], warmup_rounds=NUM_WARM_UP
    )
    if benchmark.stats is not None:  # Unless benchmarks are disabled.
      median = benchmark.stats.stats.median
      medians.setdefault(benchmark.group, {})[program] = median

  return run


def measure_nash_conv(measure, program, model):
  """Times NashConv of policies that differ from call to call."""
  # A model keeps the rewards of the last mean field.
  arrays = [
    tabular_policies.uniform_policy(model.legal_actions_mask),
    tabular_policies.greedy_policy(model.legal_actions_mask.astype(float)),
  ]
  policies = [model.to_openspiel(array) for array in arrays]
  count = 0

  def call():
    nonlocal count
    count += 1
    if program == "OpenSpiel":
      comparison.openspiel_nash_conv(model.game, policies[count % 2])
    else:
      model.exploitability(arrays[count % 2])

  measure(program, call)


def measure_iteration(measure, program, game, solver):
  with recursion.deep(game):
    measure(program, solver.iteration)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.benchmark(group="1. NashConv, 10x10 grid")
def test_nash_conv(measure, program, compiled):
  measure_nash_conv(measure, program, compiled(GRID))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.benchmark(group="2. Iteration of FP, 10x10 grid")
def test_fictitious_play(measure, program, compiled):
  model = compiled(GRID)
  if program == "OpenSpiel":
    solver = openspiel_fp.FictitiousPlay(model.game)
  else:
    solver = fictitious_play.FictitiousPlay(model)
  measure_iteration(measure, program, model.game, solver)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.benchmark(group="3. Iteration of OMD, 10x10 grid")
def test_mirror_descent(measure, program, compiled):
  model = compiled(GRID)
  if program == "OpenSpiel":
    solver = openspiel_omd.MirrorDescent(model.game, lr=LEARNING_RATE)
  else:
    solver = mirror_descent.MirrorDescent(model, lr=LEARNING_RATE)
  measure_iteration(measure, program, model.game, solver)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.benchmark(group="4. NashConv, dynamic routing on Braess' network")
def test_dynamic_routing(measure, program, compiled):
  measure_nash_conv(measure, program, compiled(ROADS))


@pytest.mark.benchmark(group="5. Iteration of stationary MF-TRPO, Four Rooms")
def test_stationary_mf_trpo(measure):
  mdp = game_names.load("python_mfg_four_rooms").mean_field_mdp()
  solver = mf_trpo.MFTRPO(
    stationary_model.StationaryModel(mdp), regularization=0.05
  )
  measure("compiled", solver.iteration)
