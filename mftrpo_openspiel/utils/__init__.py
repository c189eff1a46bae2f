"""Utilities for all other subpackages, independent of games.

Checks of user input (`validation`), operations on the rows of (N, A) arrays
(`rows`, `softmax`), caching of results (`memo`), checks for available memory
(`memory`), files that are written atomically (`files`, `array_files`), and
Ctrl-C (`interrupts`). It imports NumPy and SciPy, never OpenSpiel. Start
reading at `validation`, whose errors users see first.
"""
