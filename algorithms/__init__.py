"""Algorithms that learn mean-field equilibria, one module each."""
