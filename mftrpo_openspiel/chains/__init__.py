"""Finite Markov chains and their long-run laws.

Here is what turns policies into chains (`transition_kernel`), and chains into
the laws that they end up with: a module for each method (`elimination`,
`banded_chains`, `sparse_lu`, `gmres`), and `long_run_law`, which chooses among
them. Each law comes with a proven bound of its error (`law_report`,
`certificate`). This room may import `mdp` and `utils`, and knows nothing of
OpenSpiel. Start with `long_run_law`.
"""
