"""Command-line programs, their flags, and example scripts.

A program reads its flags, calls the other subpackages and prints results.
Nothing imports from here. New contributors should start with `solve`.
"""
