"""Mean-field Markov decision processes, and OpenSpiel's games over them.

`mean_field_mdp` has the arrays (states, actions, kernel, reward, discount),
`mdp_game` makes an OpenSpiel mean-field game of finite horizon from them,
`observer` is what its players see, and `drawing` says where the states lie on
paper. It imports `openspiel` and `utils`. A newcomer starts with
`mean_field_mdp.MeanFieldMDP`, of which every game of this package is made.
"""
