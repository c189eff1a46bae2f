"""Turns any OpenSpiel mean-field game into arrays.

A game is walked through once, layer by layer; where actions and chance lead,
and what is paid, become arrays on which flows and values are sweeps. The room
also finds out whether moves depend on the mean field, and has the linter that
says where OpenSpiel's utilities are not exact. It imports `values`, `mdp`,
`openspiel` and `utils`. A newcomer starts with `game_compiler.compile_game`,
which chooses the form in which a game is compiled.
"""
