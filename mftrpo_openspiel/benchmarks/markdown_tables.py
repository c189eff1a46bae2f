"""Writes tables of the benchmark into Markdown documents.

Such a document has, for a table `name`, two lines

    <!-- begin name -->
    <!-- end name -->

and the text between them is replaced.
"""

from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
import itertools
import os
import re
from typing import Any

from mftrpo_openspiel.utils import files


def blocks(text: str) -> dict[str, str]:
  """Returns the text between the markers of each table of a document."""
  return dict(
    re.findall(
      r"^<!-- begin (\w+) -->\n(.*?)^<!-- end \1 -->$",
      text,
      re.DOTALL | re.MULTILINE,
    )
  )


def check(path: str | os.PathLike, names: Collection[str]) -> None:
  """Raises a ValueError unless the document has markers for each table."""
  missing = sorted(set(names) - blocks(files.read_text(path)).keys())
  if missing:
    raise ValueError(
      "document must have lines '<!-- begin NAME -->' and '<!-- end NAME -->'"
      f" for each table, got {path} without {', '.join(missing)}."
    )


def replace(path: str | os.PathLike, name: str, block: str) -> None:
  """Replaces the text of the table `name` by a block.

  Raises:
    ValueError: If the document cannot be read or written, or does not have
      these markers.
  """
  check(path, [name])
  text = re.sub(
    rf"(?<=<!-- begin {name} -->\n).*?(?=<!-- end {name} -->)",
    lambda _: block,
    files.read_text(path),
    count=1,
    flags=re.DOTALL,
  )
  with files.replacing(path) as temporary:
    temporary.write_text(text, "utf-8")


def markdown(
  rows: Sequence[Mapping[str, Any]],
  columns: Mapping[str, str],
  least: Collection[str] = (),
) -> str:
  """Returns rows as Markdown.

  If several rows have the same value in the first column, there is one table
  per value, with the value above it.

  Args:
    rows: The rows. Rows with the same value in the first column must be
      adjacent.
    columns: Name -> format. Columns without values are omitted from a table,
      except for those of `least`.
    least: Columns whose smallest value is bold, in each table.
  """
  first = next(iter(columns))
  groups = [
    list(group) for _, group in itertools.groupby(rows, lambda row: row[first])
  ]
  if len(groups) == len(rows):
    return "".join(_lines(rows, columns, least))
  others = {name: form for name, form in columns.items() if name != first}
  return "\n".join(
    f"**{group[0][first]}**\n\n" + "".join(_lines(group, others, least))
    for group in groups
  )


def _lines(
  rows: Sequence[Mapping[str, Any]],
  columns: Mapping[str, str],
  least: Collection[str],
) -> Iterator[str]:
  shown = {}
  for name, form in columns.items():
    values = [row.get(name) for row in rows]
    cells = [cell(row, name, form).strip().replace("|", r"\|") for row in rows]
    if name in least:
      bold = min((v for v in values if v is not None), default=None)
      cells = [
        f"**{text}**" if text and value == bold else text
        for text, value in zip(cells, values)
      ]
    if any(cells) or name in least:
      shown[name] = cells
  yield f"| {' | '.join(shown)} |\n"
  sides = ["---:" if columns[name][0] == ">" else "---" for name in shown]
  yield f"|{'|'.join(sides)}|\n"
  for line in zip(*shown.values()):
    yield f"| {' | '.join(line)} |\n"


def cell(row: Mapping[str, Any], name: str, form: str) -> str:
  """Returns the text of a cell; "" if there is no value."""
  return "" if row.get(name) is None else f"{row[name]:{form}}"
