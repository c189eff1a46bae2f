"""Turns any OpenSpiel mean-field game into arrays.

`game_walk` goes through a game level by level (the nodes after the same number
of moves) under what a crowd plays and is told; `crowds` are told other things
than the truth. `comparison` sees on a walk whether anything depends on the path
or on the mean field. `folding` keeps the levels where somebody has a choice, as
the layers of a `LayeredMDP`. What comes out is a `game_form.GameForm`: of a
game over an MDP (`mdp_form`), of one whose moves are fixed (`fixed_moves_form`,
with its `reward_sources` and what is known of OpenSpiel's games in
`known_games`), of one whose moves depend on the mean field (`moving_form`,
whose nodes `node_search` looks for), or of OpenSpiel's routing games, whose
moves depend on it in a known way (`routing_form`, with `road_network`,
`routing_states` and the other modules of this name). `lint` says where
OpenSpiel's utilities are not exact. The room imports `values`, `mdp`,
`openspiel` and `utils`. A newcomer starts with `form_choice.compile_game`,
which chooses the form.
"""
