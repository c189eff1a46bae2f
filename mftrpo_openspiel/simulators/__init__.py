"""Plays of single players under a frozen mean field, and what they estimate.

`simulator` says what a simulator is; `array_simulator` plays on arrays, by the
`alias_tables` of their laws, and `openspiel_simulator` through the states of an
OpenSpiel game. `rollouts` plays many players side by side and adds up what they
earn, `estimators` makes action values of the sums, and `particles` makes mean
fields of where players are. `best_responses` has the ways to learn optimal
action values, `sampled_kernel` and `q_learning`, by name. The room imports
`compiler`, `values`, `chains`, `mdp`, `openspiel` and `utils`. A newcomer
starts with `simulator`, then `rollouts`.
"""
