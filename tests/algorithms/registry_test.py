"""Tests of the algorithms by name and of their options."""

import pyspiel
import pytest

from mftrpo_openspiel.algorithms import registry


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
  """With a value of its kind."""
  values = {bool: True, int: 1, float: 0.5, float | str: "auto"}
  assert set(registry.ALGORITHMS) >= {"mf_trpo", "annealed_mf_trpo"}
  for name in registry.ALGORITHMS:
    options = registry.options_of(name)
    if name.startswith("openspiel"):
      continue
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
