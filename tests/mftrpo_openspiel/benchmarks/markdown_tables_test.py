"""Tests of documents with tables."""

import pytest

from mftrpo_openspiel.benchmarks import markdown_tables

COLUMNS = {"game": "<9", "method": "<4", "s": ">6.2f", "note": "<"}
DOCUMENT = """Before.

<!-- begin a -->
old
<!-- end a -->

<!-- begin b -->
<!-- end b -->
After.
"""


def test_each_game_has_a_table_with_its_smallest_value_in_bold():
  rows = [
    {"game": "one", "method": "x", "s": 2.0},
    {"game": "one", "method": "y", "s": 1.004},
    {"game": "one", "method": "z"},
    {"game": "two", "note": "no | such"},
  ]
  assert markdown_tables.markdown(rows, COLUMNS, least=["s"]) == (
    "**one**\n\n| method | s |\n|---|---:|\n"
    "| x | 2.00 |\n| y | **1.00** |\n| z |  |\n"
    "\n**two**\n\n| s | note |\n|---:|---|\n|  | no \\| such |\n"
  )


def test_games_with_one_row_share_a_table():
  rows = [{"game": "one", "s": 2.0}, {"game": "two", "s": 1.0}]
  assert markdown_tables.markdown(rows, COLUMNS) == (
    "| game | s |\n|---|---:|\n| one | 2.00 |\n| two | 1.00 |\n"
  )


def test_only_the_block_is_replaced(tmp_path):
  path = tmp_path / "document.md"
  path.write_text(DOCUMENT)
  markdown_tables.replace(path, "b", "new\n")
  assert path.read_text() == DOCUMENT.replace("b -->\n<", "b -->\nnew\n<")
  assert markdown_tables.blocks(path.read_text()) == {
    "a": "old\n",
    "b": "new\n",
  }
  markdown_tables.replace(path, "b", "")
  assert path.read_text() == DOCUMENT


def test_a_document_without_markers_raises_an_error(tmp_path):
  path = tmp_path / "document.md"
  path.write_text(DOCUMENT.replace("<!-- end b -->", ""))
  markdown_tables.check(path, ["a"])
  with pytest.raises(
    ValueError, match=r"document must have lines .* without b"
  ):
    markdown_tables.check(path, ["a", "b"])
  with pytest.raises(ValueError, match="cannot be read"):
    markdown_tables.check(tmp_path / "none.md", ["a"])
