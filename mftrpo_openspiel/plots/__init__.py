"""All pictures: curves, mean fields, policies, and animations.

It draws arrays, and runs from their directories, into Matplotlib figures. It
imports `runs`, `games`, `mdp` and `utils`; nothing but programs, `paper` and
`benchmarks` imports it, so that Matplotlib is loaded only where something is
drawn. A newcomer starts with `figures`, which all figures share.
"""
