"""sample_value, the default of MF-PSRO, leaves out terminal rewards."""

import sys

from open_spiel.python import policy
from open_spiel.python.mfg.algorithms import distribution
from open_spiel.python.mfg.algorithms import utils
from open_spiel.python.mfg.games import normal_form_game  # noqa: F401
import pyspiel


def main():
  fault = False
  for reward_function in ("coop", "dom"):
    game = pyspiel.load_game(
      "mean_field_nfg", {"reward_function": reward_function}
    )
    first_action = policy.FirstActionPolicy(game)
    mean_field = distribution.DistributionPolicy(game, first_action)
    # Nothing is random here, and one sample is exact.
    measured = utils.sample_value(first_action, mean_field, game)
    expected = utils.get_exact_value(first_action, mean_field, game)
    print(f"{reward_function}: value {measured:.4f}, expected {expected:.4f}")
    fault = fault or abs(measured - expected) > 1e-9
  return 0 if fault else "sample_value counts terminal rewards: fixed."


if __name__ == "__main__":
  sys.exit(main())
