"""Birth-death chains, whose invariant distributions are known."""

import numpy as np
from scipy import sparse


def chain(up, down):
  """Returns the sparse chain with up[i] = P(i, i+1), down[i] = P(i+1, i)."""
  stay = 1.0 - np.append(up, 0.0) - np.append(0.0, down)
  return sparse.diags_array([down, stay, up], offsets=[-1, 0, 1]).tocsr()


def law(up, down):
  """Returns its invariant distribution, by detailed balance."""
  logs = np.append(0.0, np.cumsum(np.log(up) - np.log(down)))
  law = np.exp(logs - logs.max())
  return law / law.sum()
