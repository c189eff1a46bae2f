"""Prose in code and documents avoids the phrases listed in phrases.toml."""

import pathlib
import re
import tomllib

import pytest

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = (
  "algorithms",
  "docs",
  "games",
  "mftrpo_openspiel",
  "scripts",
  "tests",
)
SUFFIXES = (".ipynb", ".md", ".py")
PHRASES = tomllib.loads((ROOT / "tests" / "phrases.toml").read_text())["phrase"]
# What may stand between two words of a sentence at the end of a line: quotes
# of a string that is continued, line breaks as notebooks write them, and the
# marks of comments, lists and quotations.
LINE_BREAK = re.compile(r"""["']?(?:\\n)?["']?,?\s*\n\s*(?:#:? |f?["'])?\s*""")


def files():
  """Returns all files with prose."""
  found = [*ROOT.glob("*.md"), ROOT / "setup.py"]
  for folder in FOLDERS:
    for suffix in SUFFIXES:
      found += (ROOT / folder).rglob(f"*{suffix}")
  return sorted(path for path in found if "_build" not in path.parts)


def uses(text):
  """Yields line number, phrase and replacement of each use of a phrase."""
  starts = [0]  # In the joined text, of each line of the file.
  joined = ""
  end = 0
  for match in LINE_BREAK.finditer(text):
    joined += text[end : match.start()] + " "
    end = match.end()
    starts += [len(joined)] * match.group().count("\n")
  joined += text[end:]
  for phrase in PHRASES:
    for match in re.finditer(phrase["pattern"], joined, re.IGNORECASE):
      line = sum(start <= match.start() for start in starts)
      yield line, match.group(), phrase["instead"]


def test_a_phrase_is_found_across_lines_and_strings():
  text = "x = 1\n# Rewards, one\n  # a state.\nf(\n  'which goes on'\n  ' from'"
  text = text.replace("'", '"')
  assert [use[:2] for use in uses(text)] == [
    (2, "one a state"),
    (5, "goes on from"),
  ]
  assert not list(uses("No one. A state."))


def test_files_of_all_kinds_are_read():
  names = {path.name for path in files()}
  assert {"README.md", "setup.py", "mf_trpo.py", "prose_test.py"} < names
  assert any(path.suffix == ".ipynb" for path in files())


@pytest.mark.parametrize("pattern", [phrase["pattern"] for phrase in PHRASES])
def test_patterns_compile(pattern):
  re.compile(pattern)


def test_no_listed_phrase_is_used():
  found = [
    f'{path.relative_to(ROOT)}:{line}: "{phrase}" (write: {instead})'
    for path in files()
    if path.name != "prose_test.py"
    for line, phrase, instead in uses(path.read_text(encoding="utf-8"))
  ]
  assert not found, "\n".join(["", *found])
