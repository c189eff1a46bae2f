"""What an algorithm sees of a mean-field game: arrays over decision states.

`mean_field_model` has the interface; `stationary_model`, `compiled_game` and
`openspiel_model` are the three ways to meet it, and `from_game` makes the one
that fits a game. It imports `compiler`, `values`, `chains`, `mdp`, `openspiel`
and `utils`. A newcomer starts with `mean_field_model.MeanFieldModel`.
"""
