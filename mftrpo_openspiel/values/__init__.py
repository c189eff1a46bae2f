"""Values of policies, and optimal ones, under one mean field.

Here is the linear algebra of discounted sums: `frozen_mdp` says what is solved
and how exact an answer is, `evaluation` has a class for each method, and
`policy_iteration` finds the best policy with any of them. `layered_mdp` does
the same for a finite horizon, by sweeps. This room may import `chains`, `mdp`
and `utils`, and knows nothing of OpenSpiel. Start with `frozen_mdp`.
"""
