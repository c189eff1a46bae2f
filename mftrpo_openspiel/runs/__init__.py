"""Runs of an algorithm: experiments, run directories, checkpoints, sweeps.

An `experiment.Experiment` defines a run. `run_experiment` performs it in a run
directory with records, checkpoints and a solution; an interrupted run can be
resumed and then gives bitwise the same results. Sweeps are grids of
experiments. Flags belong to the programs, not to this subpackage. It imports
`algorithms`, `games`, `models` and the subpackages below them. Start reading at
`experiment`.
"""
