"""Simulates single players under a frozen mean field, for sample-based methods.

`simulator` defines the interface of simulators. `array_simulator` works on
arrays, and draws next states with `alias_tables`; `openspiel_simulator` uses
the states of an OpenSpiel game. `rollouts` plays many players side by side and
sums their returns, `estimators` computes action values from these sums, and
`particles` computes mean fields from the states of players. `best_responses`
lists the methods that learn optimal action values, `sampled_kernel` and
`q_learning`, by name.

This subpackage imports `compiler`, `values`, `chains`, `mdp` and `utils`. Start
reading at `simulator`, then `rollouts`.
"""
