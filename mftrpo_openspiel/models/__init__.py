"""What an algorithm sees of a mean-field game: arrays over decision states.

`mean_field_model` has the interface; `stationary_model`, `compiled_game` and
`openspiel_model` meet it exactly, `sampled_model` by estimates from simulated
play, and `from_game` makes the one that fits a game. It imports `simulators`,
`compiler`, `values`, `chains`, `mdp`, `openspiel` and `utils`. A newcomer
starts with `mean_field_model.MeanFieldModel`.
"""
