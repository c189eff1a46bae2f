"""The options of an algorithm, read from the signature of its constructor.

Programs receive options as strings. The names and types of the options follow
from the signature alone, so that an algorithm of a user has options in programs
without further code.
"""

from collections.abc import Callable
from collections.abc import Sequence
import inspect
import types
import typing
from typing import Any

# Types whose values can be given as strings, in the order in which they are
# tried where a parameter has several types.
ANY = (type(None), bool, int, float, str)
_BOOLS = {"true": True, "false": False}
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)

Kinds = tuple[type, ...]


def parameters(constructor: Callable[..., Any]) -> dict[str, inspect.Parameter]:
  """Returns the parameters of a constructor after the first, the model.

  Annotations are types, also in modules that store them as strings.
  `takes_others` tells whether options of other names are accepted.

  Raises:
    ValueError: If the constructor takes no argument, or has no signature.
  """
  try:
    signature = inspect.signature(constructor, eval_str=True)
  except NameError:  # A name that is imported for type checkers only.
    signature = inspect.signature(constructor)
  if not signature.parameters:
    raise ValueError("it takes no argument")
  _, *others = signature.parameters.values()
  return {x.name: x for x in others if x.kind not in _VARIABLE}


def takes_others(constructor: Callable[..., Any]) -> bool:
  """Whether a constructor accepts options of any name, by its **options."""
  known = inspect.signature(constructor).parameters.values()
  return any(x.kind is inspect.Parameter.VAR_KEYWORD for x in known)


def kinds(parameter: inspect.Parameter) -> Kinds:
  """Returns the types that the value of an option may have in programs.

  These are the types among int, float, bool, str and None in its annotation;
  otherwise the type of its default; and all of them if neither is informative.
  Empty if the option has other types, so that it can only be given in Python.
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
  """Returns the members of a union, or the annotation itself."""
  if typing.get_origin(annotation) in (typing.Union, types.UnionType):
    return typing.get_args(annotation)
  return (annotation,)


def parse(name: str, text: str, allowed: Kinds) -> Any:
  """Returns the value of an option that is given as a string.

  Args:
    name: Name of the option, for messages.
    text: Its value.
    allowed: Its types, from `kinds`.

  Raises:
    ValueError: If it has none of the allowed types.
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
    str: "a string",
    type(None): "none",
  }
  return " or ".join(words[kind] for kind in reversed(allowed))
