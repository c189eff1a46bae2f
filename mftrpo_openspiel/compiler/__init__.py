"""Compiles any OpenSpiel mean-field game into arrays.

`game_walk` traverses a game level by level (a level holds the nodes after the
same number of moves), for a given policy of the population and for the
distributions that mean-field nodes receive. `crowds` passes distributions other
than the true one. `comparison` finds, in such a traversal, whether anything
depends on the path to a node or on the mean field. `folding` keeps the levels
with a choice as the layers of a `LayeredMDP`.

The result is a `game_form.GameForm`, one of four kinds: of a game over an MDP
(`mdp_form`); of a game whose transitions are fixed (`fixed_moves_form`, with
its `reward_sources` and the knowledge about OpenSpiel's games in
`known_games`); of a game whose transitions depend on the mean field
(`moving_form`, whose nodes are found by `node_search`); or of OpenSpiel's
routing games, whose transitions depend on it in a known way (`routing_form`,
with `road_network`, `routing_states` and the other modules of this name).
`lint` reports where OpenSpiel's utilities are not exact.

This subpackage imports `values`, `mdp`, `openspiel` and `utils`. Start reading
at `form_choice.compile_game`, which chooses the form.
"""
