"""Values of policies, and optimal values, under a fixed mean field.

This subpackage contains the linear algebra of discounted sums. `frozen_mdp`
defines the problem and the error bounds, `evaluation` has a class for each
method, and `policy_iteration` computes optimal values with any of them.
`layered_mdp` does the same for a finite horizon, by sweeps. This subpackage
imports `chains` and `utils`, and does not depend on OpenSpiel. Start reading at
`frozen_mdp`.
"""
