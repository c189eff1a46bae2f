"""Invariant laws and expected visits of finite Markov chains.

The mean field of a stationary policy is the invariant law of its chain. Each
way to solve for it (elimination, band LU, sparse LU, GMRES) is a module, and
each law comes with a report of how it was computed and a proven bound of its
error. It is linear algebra: it imports `mdp` and `utils`, not OpenSpiel. A
newcomer starts with `markov_chain.cesaro_limit`, which chooses the way.
"""
