"""Tables and figures that compare this package with others.

OpenSpiel's own utilities and algorithms, Bench-MFG and MFGLib beside ours, on
the same games and in one run. A table is a module with a function that yields
its rows. It imports `plots`, `runs`, `algorithms`, `games` and what is below. A
newcomer starts with `comparison`, the head-to-head on one game.
"""
