"""Tests of the algorithms by name and of their options."""

import functools

import pyspiel
import pytest

from mftrpo_openspiel.algorithms import algorithm
from mftrpo_openspiel.algorithms import fixed_point
from mftrpo_openspiel.algorithms import mf_trpo
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import compiled_game


@pytest.mark.parametrize(
  ("name", "options", "message"),
  [
    ("mirror_descent", {"lr": 0.0}, "lr must be a number"),
    ("mirror_descent", {"lr": float("inf")}, "lr must"),
    ("mirror_descent", {"regularization": -1.0}, "regularization must"),
    (
      "mirror_descent",
      {"lr": 0.5, "regularization": 2.0},
      "regularization must be a number in",
    ),
    ("fictitious_play", {"lr": 0.0}, "lr must"),
    ("fictitious_play", {"lr": 1.5}, "lr must"),
    ("fictitious_play", {"temperature": 0.0}, "temperature must"),
    ("fictitious_play", {"regularization": -0.1}, "regularization must"),
    (
      "fictitious_play",
      {"temperature": 1.0, "regularization": 1.0},
      "temperature must be None",
    ),
    ("fixed_point", {"temperature": -1.0}, "temperature must"),
    ("fixed_point", {"regularization": float("nan")}, "regularization must"),
    (
      "fixed_point",
      {"temperature": 1.0, "regularization": 1.0},
      "temperature must be None",
    ),
    ("prior_descent", {"temperature": 0.0}, "temperature must"),
    ("prior_descent", {"num_prior_iterations": 0}, "num_prior_iterations must"),
    ("proximal_point", {"lr": 0.0}, "lr must"),
    ("proximal_point", {"proximal_weight": 0.0}, "proximal_weight must"),
    (
      "proximal_point",
      {"lr": 0.5, "proximal_weight": 2.1},
      r"^proximal_weight must be a number in .0, 2., got 2.1",
    ),
    ("proximal_point", {"num_prior_iterations": 0}, "num_prior_iterations"),
    ("line_search_fictitious_play", {"lr": 0.1}, "takes no options"),
    ("boltzmann_policy_iteration", {"temperature": -1.0}, "temperature must"),
    ("openspiel_mirror_descent", {}, "model='openspiel'"),
    ("policy_iteration", {}, "algorithm must be one of"),
  ],
)
def test_bad_parameters_are_refused(islands, name, options, message):
  with pytest.raises(ValueError, match=message) as error:
    registry.create_algorithm(name, islands, **options)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize(
  ("name", "options"),
  [
    ("mf_trpo", {"warm_start": "no"}),
    ("mf_trpo", {"max_step_count": 5}),
    ("mf_trpo", {"regularization": 0.0}),
    ("mf_trpo", {"population_update_rate": "slow"}),
    ("mf_trpo", {"num_policy_updates": 0, "warm_start": True}),
    ("annealed_mf_trpo", {"window": 0.0}),
    ("annealed_mf_trpo", {"num_population_steps": 0}),
    ("fictitious_play", {"lr": 2.0}),
    ("fictitious_play", {"temperature": -1.0}),
    ("mirror_descent", {"lr": -1.0}),
    ("fixed_point", {"regularization": -1.0}),
    ("prior_descent", {"num_prior_iterations": 0}),
    ("proximal_point", {"proximal_weight": -1.0}),
    ("boltzmann_policy_iteration", {"temperature": 0.0}),
  ],
)
def test_options_are_checked_before_the_game(name, options):
  """A game that no model can be made of."""
  game = pyspiel.load_game("kuhn_poker")
  create = registry.ALGORITHMS[name].constructor
  with pytest.raises(ValueError, match=f"^{next(iter(options))} must "):
    create(game, **options)
  with pytest.raises(ValueError, match=r"^game must be a mean-field game"):
    create(game)


def test_each_option_of_an_algorithm_is_taken(islands):
  """With a value of its type."""
  values = {bool: True, int: 1, float: 0.5, float | str: "auto"}
  assert set(registry.ALGORITHMS) >= {"mf_trpo", "annealed_mf_trpo"}
  for name in registry.ALGORITHMS:
    options = registry.options_of(name)
    if registry.ALGORITHMS[name].model:
      continue  # It runs only on some models.
    for key, option in options.items():
      given = {key: values[option.kind]}
      if key == "max_step_count":
        given["warm_start"] = True
      registry.create_algorithm(name, islands, **given)
  taken = {
    key for name in registry.ALGORITHMS for key in registry.options_of(name)
  }
  assert taken == set(registry.OPTIONS)


def test_the_annealed_method_has_no_regularization():
  assert set(registry.options_of("annealed_mf_trpo")) == {
    "num_population_steps"
  }


class Mine(fixed_point.FixedPoint):
  """An algorithm of a user's."""

  def __init__(self, model_or_game, step: float, note="", start=()):
    del note, start
    self.step = step
    super().__init__(model_or_game)


def made_by_a_function(model, step: int | None = None):
  return Mine(model, step=step or 0)


def text_of(model):
  return f"No algorithm on {model}."


def without_arguments():
  return None


class NoAlgorithm:
  pass


class Unfinished(algorithm.MeanFieldAlgorithm):
  """A class that lacks some of the required methods."""

  def iteration(self):
    """Performs nothing."""


@pytest.fixture
def registered(monkeypatch):
  """Lets a test register what later tests do not know."""
  monkeypatch.setattr(registry, "ALGORITHMS", dict(registry.ALGORITHMS))
  return registry.register_algorithm


def test_an_algorithm_of_a_user_is_known_by_its_name(registered, islands):
  registered("mine", Mine, title="My method")
  made = registry.create_algorithm("mine", islands, step=0.5)
  assert isinstance(made, Mine)
  assert made.step == 0.5
  assert registry.title("mine") == "My method"
  assert registry.parse_options("mine", {"step": "1", "note": "none"}) == {
    "step": 1.0,
    "note": "none",
  }
  assert registry.options_of("mine") == {}


def test_options_of_a_user_that_have_a_flag_are_taken_by_it(registered):
  def respond(model, temperature=1.0, *, lr: float = 0.1):
    return fixed_point.FixedPoint(model, temperature * lr)

  registered("respond", respond)
  assert set(registry.options_of("respond")) == {"lr", "temperature"}


def test_a_function_can_be_registered_and_is_titled_by_its_name(
  registered, islands
):
  registered("made", made_by_a_function)
  assert registry.title("made") == "made"
  assert isinstance(registry.create_algorithm("made", islands), Mine)


def test_a_function_can_pass_on_options_of_any_name(registered, islands):
  def warm(model, **options):
    return mf_trpo.MFTRPO(model, warm_start=True, **options)

  registered("warm", warm)
  texts = {"regularization": "0.3", "num_policy_updates": "2"}
  options = registry.parse_options("warm", texts)
  assert options == {"regularization": 0.3, "num_policy_updates": 2}
  made = registry.create_algorithm("warm", islands, **options)
  same = mf_trpo.MFTRPO(islands, warm_start=True, **options)
  for solver in (made, same):
    solver.iteration()
  assert (made.policy == same.policy).all()
  with pytest.raises(
    ValueError, match=r"^algorithm 'warm' cannot be made: Typ"
  ):
    registry.create_algorithm("warm", islands, cold=True)


def test_an_algorithm_is_found_by_module_and_class(islands):
  path = f"{__name__}:Mine"
  assert registry.find(path).constructor is Mine
  assert registry.title(path) == "Mine"
  assert registry.create_algorithm(path, islands, step=0.3).step == 0.3
  # A run whose algorithm is no longer registered still has a name in plots.
  assert registry.title("forgotten") == "forgotten"
  assert registry.title("forgotten:Forgotten") == "Forgotten"


def test_only_one_algorithm_has_a_name(registered):
  registered("mine", Mine)
  before = dict(registry.ALGORITHMS)
  for name in ("mine", "mf_trpo"):
    with pytest.raises(ValueError) as error:
      registered(name, made_by_a_function)
    origin = {
      "mine": f"{__name__}.Mine",
      "mf_trpo": "mftrpo_openspiel.algorithms.mf_trpo.MFTRPO",
    }[name]
    assert str(error.value) == (
      f"name must not be that of another algorithm, got {name!r}, which is"
      f" {origin}."
    )
  assert before == registry.ALGORITHMS
  # A notebook cell is run again, and a program is imported as a module.
  for module in (__name__, "__main__", __name__):
    again = type("Mine", (fixed_point.FixedPoint,), {"__module__": module})
    registered("mine", again, title="Again")
    assert registry.find("mine").constructor is again
  partial = functools.partial(Mine, step=1.0)
  for _ in range(2):
    registered("partial", partial)
  with pytest.raises(ValueError, match=r"^name must not be that of another"):
    registered("partial", functools.partial(Mine, step=2.0))


@pytest.mark.parametrize(
  ("arguments", "options", "line"),
  [
    (
      ("my-method", Mine),
      {},
      "name must consist of letters, digits and '_', such as my_method, got"
      " 'my-method'.",
    ),
    (
      ("a.module:Mine", Mine),
      {},
      "name must consist of letters, digits and '_', such as my_method, got"
      " 'a.module:Mine'.",
    ),
    (
      (Mine, "mine"),
      {},
      "name must consist of letters, digits and '_', such as my_method, got"
      f" {Mine!r}.",
    ),
    (
      ("mine", NoAlgorithm),
      {},
      "constructor must be a subclass of MeanFieldAlgorithm, got the class"
      f" {__name__}.NoAlgorithm.",
    ),
    (
      ("mine", Unfinished),
      {},
      "constructor must have all methods of MeanFieldAlgorithm, but"
      f" {__name__}.Unfinished does not have mean_field, num_iterations,"
      " policy, restore, state.",
    ),
    (
      ("mine", 3),
      {},
      "constructor must be a MeanFieldAlgorithm class, or a function that"
      " returns an instance of one, got 3.",
    ),
    (
      ("mine", without_arguments),
      {},
      "constructor must take a model as its first argument, got"
      f" {__name__}.without_arguments: it takes no argument.",
    ),
    (("mine", Mine), {"title": 3}, "title must be a str, got 3."),
    (
      ("mine", Mine),
      {"model": "finite"},
      "model must be one of compiled, openspiel, sampled, stationary, got"
      " 'finite'.",
    ),
  ],
)
def test_objects_other_than_algorithms_are_not_registered(
  registered, arguments, options, line
):
  before = dict(registry.ALGORITHMS)
  with pytest.raises(ValueError) as error:
    registered(*arguments, **options)
  assert str(error.value) == line
  assert before == registry.ALGORITHMS


@pytest.mark.parametrize(
  ("name", "options", "line"),
  [
    (
      "Mine",
      {},
      "option 'step' of algorithm '{path}' must be given, got nothing.",
    ),
    (
      "Mine",
      {"step": 1, "stop": 2},
      "option of algorithm '{path}' must be one of step, note, start, got"
      " 'stop'.",
    ),
    (
      "text_of",
      {},
      "algorithm '{path}' must return a MeanFieldAlgorithm, got str.",
    ),
    (
      "text_of",
      {"step": 1},
      "algorithm '{path}' takes no options, got 'step'.",
    ),
    (
      "NoAlgorithm",
      {},
      "algorithm must be a subclass of MeanFieldAlgorithm, got the class"
      f" {__name__}.NoAlgorithm.",
    ),
    (
      "EXAMPLES",
      {},
      "algorithm must be of the form package.module:name and importable, got"
      f" '{{path}}': module '{__name__}' has no 'EXAMPLES'.",
    ),
  ],
)
def test_objects_other_than_algorithms_are_not_created(
  islands, name, options, line
):
  path = f"{__name__}:{name}"
  with pytest.raises(ValueError) as error:
    registry.create_algorithm(path, islands, **options)
  assert str(error.value) == line.format(path=path)


def test_the_error_for_a_function_of_another_kind_is_one_line(islands):
  with pytest.raises(
    ValueError,
    match=r"^algorithm 'json:loads' cannot be made: TypeError: .* line \d+\)",
  ):
    registry.create_algorithm("json:loads", islands)


@pytest.mark.parametrize(
  ("name", "texts", "line"),
  [
    (
      "mirror_descent",
      {"learning_rate": "0.1"},
      "option of algorithm 'mirror_descent' must be one of lr, regularization,"
      " got 'learning_rate'.",
    ),
    (
      "mirror_descent",
      {"lr": "fast"},
      "lr of algorithm 'mirror_descent' must be a number, got 'fast'.",
    ),
    (
      "mf_trpo",
      {"warm_start": "yes"},
      "warm_start of algorithm 'mf_trpo' must be true or false, got 'yes'.",
    ),
    # An array, which cannot be given as a string.
    (
      "annealed_mf_trpo",
      {"restart_distribution": "[1.0]"},
      "option of algorithm 'annealed_mf_trpo' must be one of"
      " num_population_steps, window, got 'restart_distribution'.",
    ),
  ],
)
def test_invalid_option_strings_are_refused(name, texts, line):
  with pytest.raises(ValueError) as error:
    registry.parse_options(name, texts)
  assert str(error.value) == line


def test_strings_are_parsed_to_options_of_all_types():
  texts = {
    "regularization": "0.2",
    "num_policy_updates": "none",
    "num_population_steps": "3",
    "population_update_rate": "auto",
    "warm_start": "true",
  }
  options = registry.parse_options("mf_trpo", texts)
  assert options == {
    "regularization": 0.2,
    "num_policy_updates": None,
    "num_population_steps": 3,
    "population_update_rate": "auto",
    "warm_start": True,
  }
  assert registry.parse_options(
    "openspiel_fictitious_play", {"temperature": "2"}
  ) == {"temperature": 2.0}


def test_an_algorithm_of_one_model_says_so(registered, islands):
  registered("mine", made_by_a_function, model="compiled")
  with pytest.raises(ValueError) as error:
    registry.create_algorithm("mine", islands)
  assert str(error.value) == "algorithm 'mine' needs model='compiled'."
  made = registry.create_algorithm(
    "mine", compiled_game.CompiledGame(islands.game)
  )
  assert isinstance(made, Mine)
