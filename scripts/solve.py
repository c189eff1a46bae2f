"""Runs one algorithm on one game and prints its exploitability as it goes.

    mftrpo-solve --setting=two_islands --algorithm=mf_trpo --logdir=runs
    mftrpo-solve --game_name=mfg_crowd_modelling --algorithm=mirror_descent

A game of this package is solved over an infinite horizon unless --model says
otherwise; any other OpenSpiel mean-field game over its own finite horizon, on
arrays.
"""

import pathlib

from absl import flags
import pyspiel
import tqdm

from mftrpo_openspiel import files
from mftrpo_openspiel import model as model_lib
from mftrpo_openspiel import models
from mftrpo_openspiel import runs
from mftrpo_openspiel.algorithms import algorithm as algorithm_lib
from mftrpo_openspiel.algorithms import factory as algorithm_factory
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.scripts import programs

FLAGS = flags.FLAGS

# Which flags each algorithm takes, by the names of its own parameters.
_OPTIONS = {
  "mf_trpo": {
    "regularization": "regularization",
    "num_policy_updates": "num_policy_updates",
    "num_population_steps": "num_population_steps",
    "population_update_rate": "population_update_rate",
    "warm_start": "warm_start",
  },
  "fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
    "regularization": "regularization",
  },
  "mirror_descent": {"lr": "learning_rate", "regularization": "regularization"},
  "openspiel_fictitious_play": {
    "lr": "learning_rate",
    "temperature": "temperature",
  },
  "openspiel_mirror_descent": {"lr": "learning_rate"},
  "openspiel_mirror_descent_frozen_table": {"lr": "learning_rate"},
}


def define_flags() -> None:
  """Defines the flags of the program."""
  programs.define_game_flags()
  flags.DEFINE_enum(
    "algorithm", "mf_trpo", sorted(algorithm_factory.ALGORITHMS), "What learns."
  )
  flags.DEFINE_enum(
    "model",
    None,
    sorted(models.MODELS),
    "stationary: infinite horizon, for games over a mean-field MDP, and their"
    " default; compiled: finite horizon on arrays; openspiel: finite horizon by"
    " OpenSpiel's utilities.",
  )
  flags.DEFINE_integer(
    "num_iterations", 1000, "Number of iterations.", lower_bound=1
  )
  flags.DEFINE_float(
    "regularization",
    None,
    "eta, weight of the entropy bonus; for mf_trpo (default 0.05),"
    " mirror_descent and fictitious_play (default 0). Also that of the"
    " regularized exploitability (default 0.05).",
    lower_bound=0.0,
  )
  flags.DEFINE_float(
    "learning_rate",
    None,
    "For mirror_descent (default 0.01) and fictitious_play (default 1 /"
    " (iteration + 1)).",
  )
  flags.DEFINE_float(
    "temperature", None, "Of softmax responses, for fictitious_play."
  )
  flags.DEFINE_integer(
    "num_policy_updates", None, "L, policy updates in an iteration of mf_trpo."
  )
  flags.DEFINE_integer(
    "num_population_steps",
    None,
    "M, population steps in an iteration of mf_trpo; not given: the limit of"
    " many.",
  )
  flags.DEFINE_float(
    "population_update_rate", None, "beta of mf_trpo (default 0.01)."
  )
  flags.DEFINE_bool(
    "warm_start", None, "Whether mf_trpo goes on from its previous policy."
  )
  flags.DEFINE_integer(
    "num_records",
    25,
    "Records per factor of ten iterations.",
    lower_bound=1,
  )
  flags.DEFINE_string("logdir", None, "Folder for a CSV; none if not given.")


def model_from_flags(game: pyspiel.Game) -> model_lib.MeanFieldModel:
  """Returns the model that --model asks for."""
  default = "stationary" if hasattr(game, "mean_field_mdp") else "compiled"
  return models.create_model(FLAGS.model or default, game)


def algorithm_from_flags(
  name: str, model: model_lib.MeanFieldModel
) -> algorithm_lib.MeanFieldAlgorithm:
  """Returns the algorithm `name` with the flags that were given.

  Raises:
    ValueError: If a flag is given that the algorithm does not take.
  """
  options = {}
  all_flags = {flag for names in _OPTIONS.values() for flag in names.values()}
  for flag in sorted(all_flags - {"regularization"}):
    if FLAGS[flag].present and flag not in _OPTIONS[name].values():
      raise ValueError(f"--{flag} is not an option of algorithm {name!r}.")
  for option, flag in _OPTIONS[name].items():
    if FLAGS[flag].value is not None:
      options[option] = FLAGS[flag].value
  return algorithm_factory.create_algorithm(name, model, **options)


def csv_name(game: pyspiel.Game, algorithm: str) -> str:
  """Returns the file name of a run."""
  short_name = FLAGS.setting or game.get_type().short_name
  return f"{short_name}_{algorithm}.csv"


def main() -> None:
  """Runs what the flags ask for."""
  game = game_factory.create_game(FLAGS.game_name, FLAGS.setting)
  algorithm = algorithm_from_flags(FLAGS.algorithm, model_from_flags(game))
  path = None
  if FLAGS.logdir:
    path = files.folder(FLAGS.logdir) / csv_name(game, FLAGS.algorithm)
  eta = 0.05 if FLAGS.regularization is None else FLAGS.regularization
  record_at = runs.log_spaced_iterations(
    FLAGS.num_iterations, FLAGS.num_records
  )
  print(f"{FLAGS.algorithm} on {game}")
  print(f"{'iteration':>9} {'phi_0':>11} {f'phi_{eta:g}':>11} {'seconds':>9}")
  records = []
  try:
    with tqdm.tqdm(total=FLAGS.num_iterations, unit="iteration") as progress:
      for record in runs.run(algorithm, FLAGS.num_iterations, eta, record_at):
        records.append(record)
        progress.update(record.iteration - progress.n)
        tqdm.tqdm.write(
          f"{record.iteration:9d} {record.exploitability:11.4e}"
          f" {record.regularized_exploitability:11.4e} {record.seconds:9.3f}"
        )
  finally:
    if path and records:
      runs.write_csv(path, records)
      print(f"{pathlib.Path(path)} has {len(records)} records.")


def run() -> None:
  """Entry point of mftrpo-solve."""
  define_flags()
  programs.run(main)


if __name__ == "__main__":
  run()
