"""Mean-field Markov decision processes, and OpenSpiel's games over them.

`mean_field_mdp` holds the arrays (states, actions, kernel, reward, discount),
`mdp_game` makes an OpenSpiel mean-field game of finite horizon from them,
`observer` defines the observations of its players, and `drawing` the positions
of states in plots. This subpackage imports `openspiel` and `utils`. Start
reading at `mean_field_mdp.MeanFieldMDP`, on which every game of this package is
based.
"""
