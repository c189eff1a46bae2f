"""Distance of the empirical distribution of N players to the mean field."""

import numpy as np
from scipy import stats


def expected_distance(mean_field: np.ndarray, num_players: int) -> float:
  """Returns the expected total variation distance of N samples to their law.

  If the number of players in state s is B ~ Binomial(N, mu(s)), it is

      E sum_s |B / N - mu(s)| / 2,    E|B - N p| = 2 m (1 - p) P(B = m),

  m = floor(N p) + 1 (De Moivre; Diaconis and Zabell (1991), "Closed form
  summation for classical distributions"), exact up to rounding. If the kernel
  does not depend on the mean field, the states of players that all use the same
  policy are such samples.

  Args:
    mean_field: (S,), one law, or the concatenated laws of several layers. In
      the latter case the mean over layers is returned.
    num_players: N >= 1.
  """
  mode = np.floor(num_players * mean_field) + 1
  probabilities = stats.binom.pmf(mode, num_players, mean_field)
  deviations = 2 * mode * (1 - mean_field) * probabilities / num_players
  return float(deviations.sum() / (2 * mean_field.sum()))
