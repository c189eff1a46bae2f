"""The experiments of the paper, its figures, and its claims.

`experiments` lists the runs behind figures 2 to 5, `run_to_rest` performs one,
`paper_figures` draws them, and `claims` judges each claim of the paper's
section IV by their numbers, which `report` writes down. `companion` is the
experiment of the paper on finite samples, and `companion_study` what its
settings are from. The room imports `plots`, `runs`, `algorithms`, `games` and
what is below. A newcomer starts with `experiments`.
"""
