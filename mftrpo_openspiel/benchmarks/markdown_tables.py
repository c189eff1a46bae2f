"""Documents with tables that the benchmark writes.

Such a document has, for a table `name`, two lines

    <!-- begin name -->
    <!-- end name -->

and what stands between them is replaced.
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
  """Returns what stands between the marks of each table of a document."""
  return dict(
    re.findall(
      r"^<!-- begin (\w+) -->\n(.*?)^<!-- end \1 -->$",
      text,
      re.DOTALL | re.MULTILINE,
    )
  )


def check(path: str | os.PathLike, names: Collection[str]) -> None:
  """Raises a ValueError unless the document has a place for each table."""
  missing = sorted(set(names) - blocks(files.read_text(path)).keys())
  if missing:
    raise ValueError(
      "document must have lines '<!-- begin NAME -->' and '<!-- end NAME -->'"
      f" for each table, got {path} without {', '.join(missing)}."
    )


def replace(path: str | os.PathLike, name: str, block: str) -> None:
  """Puts a block in the place of the table `name`.

  Raises:
    ValueError: If the document cannot be read or written, or has no such place.
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

  Where rows share their value in the first column, each of its values has a
  table of its own, with that value above it.

  Args:
    rows: Those with the same value in the first column follow on each other.
    columns: Name -> format. Left out of a table where no row has a value,
      except for those of `least`.
    least: Columns whose least value is bold, in each table.
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
  """Returns what stands in a cell; "" if there is nothing."""
  return "" if row.get(name) is None else f"{row[name]:{form}}"
