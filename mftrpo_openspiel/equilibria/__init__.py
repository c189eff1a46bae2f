"""Mean-field equilibria as complementarity problems, solved by Newton's method.

`complementarity` has the unknowns, the equations and how far a step may go, for
every model; what differs between models is a `complementarity.System`:
`layered_system` for a finite horizon, `stationary_system` for an infinite one.
`reward_slopes` has the derivatives of rewards in the mean field, and
`logit_steps` the last steps to a regularized equilibrium. The room imports
`models`, `compiler` and what is below, and `algorithms.interior_point` is made
of it. A newcomer starts with `complementarity`.
"""
