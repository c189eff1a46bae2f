"""Mean fields and policies of runs in run directories, for drawing."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

# Registers OpenSpiel's own games in Python.
from open_spiel.python.mfg import games as openspiel_games  # noqa: F401

from mftrpo_openspiel.plots import drawn as drawn_lib
from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import placement
from mftrpo_openspiel.plots import run_labels
from mftrpo_openspiel.runs import experiment as experiment_lib
from mftrpo_openspiel.runs import run_directory


def drawn_runs(runs: Sequence[run_labels.Run]) -> list[drawn_lib.Drawn]:
  """Returns mean fields and policies of runs, with distinct names.

  The names are labels, or paths if labels are equal.

  Raises:
    ValueError: As `drawn_run`.
  """
  labels = [run.label for run in runs]
  if len(set(labels)) < len(runs) or len(runs) == 1:
    labels = [run.path for run in runs]
  return [drawn_run(run, label) for run, label in zip(runs, labels)]


def drawn_run(run: run_labels.Run, name: str | None = None) -> drawn_lib.Drawn:
  """Returns mean fields and policies of a run.

  Args:
    run: A run in a run directory.
    name: Its name in titles and messages; its path if not given.

  Raises:
    ValueError: As `drawn_result`.
  """
  run_directory.import_plugins(run.path)
  return drawn_result(run.result, name or run.path)


def drawn_result(result: run_directory.RunResult, name: str) -> drawn_lib.Drawn:
  """Returns mean fields and policies of the result of a run.

  Args:
    result: The result of the run.
    name: Its name in titles and messages.

  Raises:
    ValueError: If its game has no drawing, or if it has a finite horizon and no
      solution yet.
  """
  config, solution = result.config, result.solution
  # Created from the config, because the text of a game does not contain
  # networks.
  game = experiment_lib.recorded_game(config)
  game_drawing = game_drawings.of_game(game)
  is_stationary = config["model"] == "stationary"
  title = game_title(config)
  if not is_stationary:
    if solution is None:
      raise ValueError(f"{name} must have a solution to draw, it has none.")
    placed = placement.placed(game_drawing, solution.observation_strings)
    return drawn_lib.Drawn(
      name,
      title,
      game_drawing,
      is_stationary,
      placed.mean_fields(solution.mean_field),
      placed.policies(solution.policy, solution.mean_field),
    )
  mean_fields, policies = dict(result.mean_fields), dict(result.policies)
  if solution is not None:
    mean_fields[solution.iteration] = solution.mean_field
    policies[solution.iteration] = solution.policy
  return drawn_lib.Drawn(
    name,
    title,
    game_drawing,
    is_stationary,
    {k: mean_field[None] for k, mean_field in mean_fields.items()},
    {k: policy[None] for k, policy in policies.items()},
  )


def game_title(config: Mapping[str, Any]) -> str:
  """Returns the title of the game of a run.

  It contains the setting or name, and other given parameters.
  """
  experiment = config["experiment"]
  parameters = [
    f"{name} = {value}" for name, value in experiment["game_parameters"].items()
  ]
  game = experiment["setting"] or experiment["game_name"].partition("(")[0]
  return ", ".join([game, *parameters])
