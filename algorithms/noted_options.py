"""Objects that know what they were made with, to say so in a line."""

import inspect
from typing import Any
from typing import Self


class NotedOptions:
  """Notes the arguments of the constructor, whatever that does with them.

  Attributes:
    options: The arguments after the first, by the names of the constructor's
      parameters; defaults included.
  """

  options: dict[str, Any]

  def __new__(cls, *args: Any, **kwargs: Any) -> Self:
    """Notes the options; all else is up to the constructor."""
    noted = super().__new__(cls)
    noted.options = _options(cls, args, kwargs)
    return noted

  def title(self) -> str:
    """Returns the class, its regularization, and options that were changed."""
    defaults = _options(type(self), (None,), {})
    shown = [
      f"{name}={_shown(value)}"
      for name, value in self.options.items()
      if _shown(value) != _shown(defaults.get(name))
      or (name == "regularization" and value)
    ]
    return f"{type(self).__name__}({', '.join(shown)})"


def _options(
  cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
  """Returns the arguments of a constructor after the first one, by name."""
  signature = inspect.signature(cls)
  try:
    bound = signature.bind_partial(*args, **kwargs)
  except TypeError:  # The constructor raises it, too.
    return {}
  bound.apply_defaults()
  _, *names = signature.parameters
  options: dict[str, Any] = {}
  for name in names:
    if name in bound.arguments:
      value = bound.arguments[name]
      if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
        options |= value
      else:
        options[name] = value
  return options


def _shown(value: Any) -> str:
  """Returns a text of one word for the value of an option."""
  if isinstance(value, bool | int | float | str | None):
    return repr(value)
  return getattr(value, "__name__", type(value).__name__)
