"""Mean-field equilibria as complementarity problems, solved by Newton's method.

`complementarity` defines the unknowns, the equations and the step lengths for
all models. A `complementarity.System` contains what depends on the model:
`layered_system` for a finite horizon, `stationary_system` for an infinite one.
`reward_slopes` computes the derivatives of rewards with respect to the mean
field, and `logit_steps` the last steps to a regularized equilibrium. This
subpackage imports `models`, `compiler`, `mdp` and `utils`. It provides the
equations for `algorithms.interior_point`. Start reading at `complementarity`.
"""
