"""The experiments of the paper, its figures, and its claims.

`experiments` lists the runs behind figures 2 to 5, `run_to_rest` performs one
of them, and `paper_figures` draws them. `claims` judges each claim of the
paper's section IV by the results, and `report` writes the verdicts down.
`claim_grid`, `claim_verdicts` and `claim_figures` study for which choices the
claim "superior results in the long run" is true. `companion` is the experiment
of the paper on finite samples, and `companion_study` is the study from which
its settings come. `regularization_study` tests which eta suits a finite number
of players. This subpackage imports `plots`, `runs`, `algorithms`, `games` and
the subpackages below them. Start reading at `experiments`.
"""
