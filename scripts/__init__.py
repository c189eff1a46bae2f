"""Command-line programs, their flags, and example scripts.

A program reads its flags, calls the other subpackages and prints results. No
other subpackage imports this one. Start reading at `solve`.
"""
