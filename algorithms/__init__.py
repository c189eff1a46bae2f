"""Algorithms that compute mean-field equilibria, one module per algorithm.

An algorithm is written once, against `models.mean_field_model`, and runs on
every kind of model. This subpackage imports `models`, `equilibria`, `openspiel`
and `utils`. `registry` lists all algorithms by name. Start reading at
`algorithm.MeanFieldAlgorithm`, then `mirror_descent`, which is short, and
`mf_trpo`.
"""
