"""Finite Markov chains and their long-run laws.

The long-run law of a chain is the limit of the average of its distributions at
times 0, 1, ...; if the chain is irreducible, it is the invariant law
(stationary distribution). `transition_kernel` computes the chain of a policy.
There is a module for each method of computing laws (`elimination`,
`banded_chains`, `sparse_lu`, `gmres`), and `long_run_law` chooses among them.
Each law comes with a proven error bound (`law_report`, `certificate`). This
subpackage imports `utils` only, and does not depend on OpenSpiel. Start reading
at `long_run_law`.
"""
