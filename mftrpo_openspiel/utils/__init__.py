"""The floor: what every room may use and what knows no game.

Checks of what users hand in (`validation`), operations on the rows of (N, A)
arrays (`rows`, `softmax`), remembered results (`memo`), memory that is asked
for before it is taken (`memory`), files that are written whole or not at all
(`files`, `array_files`), and Ctrl-C (`interrupts`). It imports NumPy and SciPy,
never OpenSpiel. A newcomer starts with `validation`: its errors are what users
see first.
"""
