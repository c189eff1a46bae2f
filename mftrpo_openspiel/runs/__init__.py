"""Runs of an algorithm: what is run, how it is recorded, how it goes on.

An `experiment.Experiment` says what to run; `run_experiment` runs it into a run
directory with records, checkpoints and a solution, from which an interrupted
run goes on with the same bits; sweeps are grids of experiments. No flags here:
those are of the programs. It imports `algorithms`, `games`, `models` and what
is below. A newcomer starts with `experiment`.
"""
