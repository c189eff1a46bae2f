"""What the package adds to OpenSpiel's own objects.

Policies made from arrays (`policies`), the check of a game that a user hands in
(`games`), parameters of any game (`game_parameters`) and how deep OpenSpiel's
utilities may recurse (`recursion`). It imports OpenSpiel and `utils`. A
newcomer starts with `policies`: what an algorithm returns to an OpenSpiel
program is one of these.
"""
