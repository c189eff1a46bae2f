"""Tables and figures that compare this package with others.

The algorithms of this package are compared with OpenSpiel's utilities and
algorithms, Bench-MFG and MFGLib, on the same games and in the same run. Each
table is a module with a function that yields its rows. This subpackage imports
`plots`, `algorithms`, `games` and the subpackages below them. Start reading at
`comparison`, which compares algorithms on one game.
"""
