"""The same policy among N players instead of a continuum.

`n_player_game` makes an N-player OpenSpiel game of any mean-field game of one
population. It imports `openspiel` and `utils`.
"""
