"""Algorithms that compute mean-field equilibria, one module per algorithm.

An algorithm is written once, against `models.mean_field_model`, and runs on
every kind of model. Algorithms import `models` and `utils`. To get started,
read `algorithm.MeanFieldAlgorithm`, then `mirror_descent`, which is the
shortest, and `mf_trpo`. `registry` lists all algorithms by name.
"""
