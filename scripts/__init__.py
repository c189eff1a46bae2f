"""Programs of the package and their flags, and examples.

A program reads flags, calls a room, and prints; nothing imports from here. A
newcomer starts with `solve`.
"""
