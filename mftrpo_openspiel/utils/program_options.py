"""Options of algorithms and models as programs take them: their flags."""

from collections.abc import Collection
import dataclasses
import types


@dataclasses.dataclass(frozen=True)
class Option:
  """An option of an algorithm or a model, as programs take it.

  Attributes:
    flag: Its name in programs.
    kind: Of its values.
    text: What --help says.
    choices: The values, if it is one of a few names.
  """

  flag: str
  kind: type | types.UnionType
  text: str
  choices: Collection[str] = ()
