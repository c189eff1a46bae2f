"""The options of an algorithm, read from the signature of its constructor.

Programs take options as texts. Which there are, and of which types, follows
from the signature alone, so that an algorithm of a user's has options in
programs without another line of code.
"""

from collections.abc import Callable
from collections.abc import Sequence
import inspect
import types
import typing
from typing import Any

# Types whose values can be given as texts, in the order in which they are
# tried where a parameter is of several.
ANY = (type(None), bool, int, float, str)
_BOOLS = {"true": True, "false": False}
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

Kinds = tuple[type, ...]


def parameters(constructor: Callable[..., Any]) -> dict[str, inspect.Parameter]:
  """Returns the parameters of a constructor after the first, the model.

  With annotations that are types, also in modules that keep them as texts.

  `takes_others` says whether there are more.

  Raises:
    ValueError: If it takes no argument, or does not tell.
  """
  try:
    signature = inspect.signature(constructor, eval_str=True)
  except NameError:  # Of a name that is imported for type checkers alone.
    signature = inspect.signature(constructor)
  if not signature.parameters:
    raise ValueError("it takes no argument")
  _, *others = signature.parameters.values()
  return {x.name: x for x in others if x.kind not in _VARIABLE}


def takes_others(constructor: Callable[..., Any]) -> bool:
  """Whether a constructor takes options of any name, by its **options."""
  known = inspect.signature(constructor).parameters.values()
  return any(x.kind is inspect.Parameter.VAR_KEYWORD for x in known)


def kinds(parameter: inspect.Parameter) -> Kinds:
  """Returns the types that the value of an option may have in programs.

  That is what of int, float, bool, str and None is in its annotation; else the
  type of its default; and any of them where neither says something. Empty if it
  is of other types, so that it can only be given in Python.
  """
  annotation, default = parameter.annotation, parameter.default
  members = _members(annotation)
  found = tuple(kind for kind in ANY if kind in members)
  if set(found) - {type(None)}:
    return found
  if default not in (None, inspect.Parameter.empty):
    return (type(default),) if type(default) in ANY else ()
  is_open = annotation in (inspect.Parameter.empty, Any)
  return ANY if is_open or isinstance(annotation, str) else ()


def _members(annotation: Any) -> Sequence[Any]:
  """Returns the types of a union, and of anything else the type itself."""
  if typing.get_origin(annotation) in (typing.Union, types.UnionType):
    return typing.get_args(annotation)
  return (annotation,)


def parse(name: str, text: str, allowed: Kinds) -> Any:
  """Returns the value of an option that is given as a text.

  Args:
    name: Of the option, for messages.
    text: Its value.
    allowed: As from `kinds`.

  Raises:
    ValueError: If it is of none of the types allowed.
  """
  for kind in allowed:
    try:
      if kind is type(None):
        return {"none": None}[text.lower()]
      if kind is bool:
        return _BOOLS[text.lower()]
      return kind(text)
    except (KeyError, ValueError):
      continue
  raise ValueError(f"{name} must be {described(allowed)}, got {text!r}.")


def described(allowed: Kinds) -> str:
  """Returns the types of an option in words."""
  words = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    type(None): "none",
  }
  return " or ".join(words[kind] for kind in reversed(allowed))
