"""Plays of single players under a frozen mean field, and what they estimate.

`simulator` says what a simulator is; `array_simulator` plays on arrays, by the
`alias_tables` of their laws. `rollouts` plays many players side by side and
adds up what they earn, `estimators` makes action values of the sums, and
`particles` makes mean fields of where players are. The room imports `compiler`,
`values`, `mdp`, `openspiel` and `utils`. A newcomer starts with `simulator`,
then `rollouts`.
"""
