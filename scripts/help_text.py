"""The output of --help: the flags of a program, formatted for 80 columns.

absl's own formatter breaks words that are longer than a line, among them the
lists of choices, and shows defaults as quoted strings.
"""

from collections.abc import Iterable
import textwrap
from typing import Any

from absl import flags

_WIDTH = 80
_INDENT = " " * 6
_OTHERS = """
Also: -h or --help prints this, --flagfile=FILE reads flags from a file, and
--helpfull lists the flags of absl."""
# Placeholders for the value of a flag, by the type of its parser.
_VALUES = {
  "bool": None,
  "comma separated list of strings": "A,B,...",
  "float": "NUMBER",
  "int": "INTEGER",
  "string": "TEXT",
  "string enum": "NAME",
}


def help_text(description: str, its_flags: Iterable[flags.Flag]) -> str:
  """Returns the text that --help prints.

  Args:
    description: What the program does and how it is used.
    its_flags: The flags of the program, which are listed in order of name.
  """
  entries = [
    _entry(flag) for flag in sorted(its_flags, key=lambda flag: flag.name)
  ]
  return "\n".join([description.strip(), "", "Flags:", "", *entries, _OTHERS])


def _entry(flag: flags.Flag) -> str:
  """Returns the usage, help text, choices and default of a flag."""
  choices = getattr(flag.parser, "enum_values", None)
  # absl adds notes to the help texts of repeatable flags and of enums.
  text = (flag.help or "").partition(";\n    repeat this option")[0]
  if choices:
    text = text.removeprefix(f"<{'|'.join(choices)}>: ")
  lines = []
  for paragraph in text.split("\n"):
    lines += _wrapped(paragraph)
  if choices:
    lines += _wrapped(f"One of: {', '.join(choices)}.")
  default = _shown(flag.default)
  if default is not None:
    if len(default) > _WIDTH // 2:
      default = ", ".join(default.split(","))
    lines += _wrapped(f"Default: {default}.")
  return "\n".join([f"  {_usage(flag)}", *lines])


def _usage(flag: flags.Flag) -> str:
  """Returns a flag as it is written on the command line."""
  if flag.boolean:
    return f"--[no]{flag.name}" if flag.default else f"--{flag.name}"
  short = f"-{flag.short_name}, " if flag.short_name else ""
  value = _VALUES.get(flag.parser.flag_type(), "VALUE")
  is_multi = isinstance(flag, flags.MultiFlag)
  repeated = " (may be given several times)" if is_multi else ""
  return f"{short}--{flag.name}={value}{repeated}"


def _shown(default: Any) -> str | None:
  """Returns a default as a user would type it; None if it is not shown."""
  match default:
    case None | False | "" | []:
      return None
    case True:
      return "true"
    case float():
      return f"{default:g}"
    case list():
      return ",".join(map(str, default))
  return str(default)


def _wrapped(text: str) -> list[str]:
  """Wraps a paragraph to lines; an indented one gets a hanging indent."""
  start = _INDENT + " " * (len(text) - len(text.lstrip()))
  return textwrap.wrap(
    text.strip(),
    _WIDTH,
    initial_indent=start,
    subsequent_indent=start + "  " * (start != _INDENT),
    break_long_words=False,
    break_on_hyphens=False,
  )
