"""Objects that record their constructor arguments, for their titles."""

import inspect
from typing import Any
from typing import Self


class NotedOptions:
  """Records the arguments of the constructor.

  Attributes:
    options: The arguments after the first one, by the names of the
      constructor's parameters, including defaults.
  """

  options: dict[str, Any]

  def __new__(cls, *args: Any, **kwargs: Any) -> Self:
    """Records the options; the constructor does the rest."""
    noted = super().__new__(cls)
    noted.options = _options(cls, args, kwargs)
    return noted

  def shown_options(self) -> dict[str, Any]:
    """Returns the regularization and all options that differ from defaults.

    Values other than numbers, strings and bools are replaced by their names.
    """
    defaults = _options(type(self), (None,), {})
    return {
      name: _shown(value)
      for name, value in self.options.items()
      if _shown(value) != _shown(defaults.get(name))
      or (name == "regularization" and value)
    }

  def title(self) -> str:
    """Returns the name of the class with its `shown_options`."""
    shown = [
      f"{name}={value!r}" if value is self.options[name] else f"{name}={value}"
      for name, value in self.shown_options().items()
    ]
    return f"{type(self).__name__}({', '.join(shown)})"


def _options(
  cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
  """Returns the arguments of a constructor after the first one, by name."""
  signature = inspect.signature(cls)
  try:
    bound = signature.bind_partial(*args, **kwargs)
  except TypeError:  # The constructor raises the same error.
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


def _shown(value: Any) -> bool | int | float | str | None:
  """Returns the value of an option, or a name for it."""
  if isinstance(value, bool | int | float | str | None):
    return value
  return getattr(value, "__name__", type(value).__name__)
