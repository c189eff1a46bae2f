"""Tests of the models by name, and of their options."""

import inspect

import numpy as np
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.games import factory
from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.models import sampled_model
from mftrpo_openspiel.models import stationary_model
from mftrpo_openspiel.runs import run_config


def islands():
  return factory.create_game(setting="two_islands")


def test_programs_have_all_options_of_the_sampled_model():
  parameters = inspect.signature(sampled_model.SampledModel).parameters
  options = from_game.options_of("sampled")
  assert options.keys() == parameters.keys() - {"game"} | {"sampled_from"}
  for name, option in options.items():
    assert option.flag == name
    if name != "sampled_from":
      default = parameters[name].default
      assert default is None or type(default) is option.kind
      assert not option.choices or default in option.choices
  flags = {option.flag for option in registry.OPTIONS.values()}
  assert not options.keys() & (flags | run_config.FIELDS.keys())


@pytest.mark.parametrize(
  ("game", "options", "kind"),
  [
    (islands, {}, stationary_model.StationaryModel),
    (islands, {"sampled_from": "compiled"}, compiled_game.CompiledGame),
    (
      lambda: pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=3)"),
      {},
      compiled_game.CompiledGame,
    ),
  ],
)
def test_the_exact_model_to_sample_from(game, options, kind):
  game = game()
  model = from_game.create_model("sampled", game, num_particles=7, **options)
  assert isinstance(model, sampled_model.SampledModel)
  assert model.num_particles == 7
  assert type(model.exact) is kind
  assert str(model.game) == str(game)
  name = from_game.exact_kind("sampled", game, options)
  assert name == from_game.kind_of(model.exact)
  assert from_game.kind_of(model) == "sampled"
  assert from_game.exact_model(model) is model.exact
  assert from_game.exact_model(model.exact) is model.exact
  exact = from_game.create_model(name, game)
  assert exact.observation_strings == model.observation_strings


def test_a_sampled_model_plays_from_a_root_state():
  game = pyspiel.load_game("mfg_crowd_modelling(size=4,horizon=3)")
  root = game.new_initial_state()
  root.apply_action(2)
  model = from_game.create_model("sampled", game, root, num_particles=10)
  exact = compiled_game.CompiledGame(game, root)
  assert model.observation_strings == exact.observation_strings
  uniform = np.where(exact.legal_actions_mask, 1, 0)
  uniform = uniform / uniform.sum(axis=1, keepdims=True)
  first = exact.mean_field(uniform) == 1
  assert model.mean_field(uniform)[first] == 1


@pytest.mark.parametrize(
  ("name", "options", "message"),
  [
    (
      "stationary",
      {"seed": 1},
      "model 'stationary' takes no options, got 'seed'.",
    ),
    (
      "sampled",
      {"trajectories": 1},
      "option of model 'sampled' must be one of num_trajectories,"
      " num_particles, estimator, simulator, best_response, seed,"
      " max_rollout_steps, num_particle_steps, num_best_response_steps,"
      " sampled_from, got 'trajectories'.",
    ),
    (
      "sampled",
      {"sampled_from": "openspiel"},
      "sampled_from must be one of compiled, stationary, got 'openspiel'.",
    ),
    (
      "sampled",
      {"seed": 0.5},
      "seed must be a whole number of at least 0, got 0.5.",
    ),
  ],
)
def test_bad_options_are_refused_before_a_game_is_compiled(
  name, options, message, monkeypatch
):
  def compile_game(*_):
    raise AssertionError("The game was compiled before options were checked.")

  monkeypatch.setattr(compiled_game, "CompiledGame", compile_game)
  with pytest.raises(ValueError) as error:
    from_game.create_model(name, pyspiel.load_game("mfg_garnet"), **options)
  assert str(error.value) == message


def test_a_game_without_an_mdp_is_not_sampled_over_an_infinite_horizon():
  with pytest.raises(ValueError) as error:
    from_game.create_model(
      "sampled", pyspiel.load_game("mfg_garnet"), sampled_from="stationary"
    )
  assert str(error.value) == (
    "sampled_from must be 'compiled' for a game that has no mean_field_mdp(),"
    " got 'stationary'."
  )
