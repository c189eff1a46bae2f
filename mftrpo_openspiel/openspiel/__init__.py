"""Additions to OpenSpiel's own objects.

Policies made from arrays (`policies`), checks of games (`games`), parameters of
games (`game_parameters`), and the recursion limit for OpenSpiel's utilities
(`recursion`). This subpackage imports `utils`. Start reading at `policies`,
whose objects algorithms return to OpenSpiel programs.
"""
