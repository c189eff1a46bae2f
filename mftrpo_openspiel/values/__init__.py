"""Values of policies, and optimal values.

Discounted values over an infinite horizon, by a class for each size of the
linear system, policy iteration with bounds of the error, and sweeps over the
layers of a game of finite horizon (`layered_mdp`). It is linear algebra: it
imports `chains`, `mdp` and `utils`, not OpenSpiel. A newcomer starts with
`discounted_values`.
"""
