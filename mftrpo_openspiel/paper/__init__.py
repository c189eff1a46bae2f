"""The experiments of the paper, its figures, and its claims.

`experiments` lists the runs behind figures 2 to 5, and `summary` holds each
claim of the paper's section IV against their numbers. It imports `plots`,
`runs`, `algorithms`, `games` and what is below. A newcomer starts with
`experiments`.
"""
