"""Algorithms that learn mean-field equilibria, one module each, a page each.

An algorithm is written once, against `models.mean_field_model`, and runs on
every kind of model. It imports `models` and `utils`. A newcomer starts with
`algorithm.MeanFieldAlgorithm`, then `mirror_descent`, the shortest, and
`mf_trpo`; `registry` has them all by name.
"""
