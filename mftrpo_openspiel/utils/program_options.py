"""Options of algorithms and models, and their flags in programs."""

from collections.abc import Collection
import dataclasses
import types


@dataclasses.dataclass(frozen=True)
class Option:
  """An option of an algorithm or a model, and its flag in programs.

  Attributes:
    flag: Name of its flag.
    kind: Type of its values.
    text: Help text of its flag.
    choices: Allowed values, if it is one of a few names.
  """

  flag: str
  kind: type | types.UnionType
  text: str
  choices: Collection[str] = ()
