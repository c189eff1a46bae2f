"""Models: mean-field games as arrays over decision states, for algorithms.

`mean_field_model` defines the interface. `stationary_model`, `compiled_game`
and `openspiel_model` implement it exactly, `sampled_model` implements it with
estimates from simulated play, and `from_game` creates the model that fits a
game. This subpackage imports `simulators`, `compiler`, `values`, `chains`,
`mdp`, `openspiel` and `utils`. Start reading at
`mean_field_model.MeanFieldModel`.
"""
