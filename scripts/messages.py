"""Error messages of programs: one line that names the user's flags."""

from concurrent import futures
import difflib
import re

from absl import flags
import pyspiel

from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.models import from_game

# Messages of the package on a parameter begin with its name.
_SUBJECT = re.compile(
  r"(?:^|(?<=: ))(?:(?:model_)?options\.)?(\w+)(?:( or | and )(\w+))?"
  r"(?= must |, at )"
)
# Messages on two parameters that exclude each other end with the second one.
_OTHER = re.compile(r"(?<= must )(.*?(?:given|set) with(?:out)? )(\w+)")
# The message of absl on a value that it cannot parse.
_UNREADABLE = re.compile(r"flag --(\w+)=(.*?): (.*)", re.DOTALL)
# Descriptions of the values of flags, by the types of their parsers.
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def reason(error: Exception) -> str:
  """Returns the message for an error."""
  text = " ".join(str(error).split())
  match error:
    case MemoryError():
      return f"there is not enough memory ({text or 'no details available'})."
    case futures.BrokenExecutor():
      return (
        "one of its processes has died, for example because it was killed or"
        " there was not enough memory."
      )
    case flags.UnrecognizedFlagError():
      return _unknown_flag(error)
    case flags.IllegalFlagValueError():
      return _unreadable(text)
  return with_flags(text.removeprefix("ERROR:: "))


def with_flags(text: str) -> str:
  """Replaces parameters in a message of the package by the program's flags.

  "lr must be positive." becomes "--learning_rate must be positive." if the
  program has this flag.
  """

  def subject(found: re.Match[str]) -> str:
    first, between, second = found.groups()
    if _flag(first) is None or (not second and _is_of_game(first)):
      return found[0]
    if not second:
      return _flag(first) or first
    return f"{_flag(first)}{between}{_flag(second) or second}"

  def other(found: re.Match[str]) -> str:
    return f"{found[1]}{_flag(found[2]) or found[2]}"

  text = _OTHER.sub(other, _SUBJECT.sub(subject, text))
  is_about_games = re.search(
    r"must be a (mean-field|registered OpenSpiel) game\b", text
  )
  if is_about_games and _flag("list_games"):
    text = f"{text.rstrip('.')}; --list_games lists them."
  return text


def _flag(parameter: str) -> str | None:
  """Returns the flag of a parameter, if the program has one."""
  if parameter in registry.OPTIONS:
    parameter = registry.OPTIONS[parameter].flag
  return f"--{parameter}" if parameter in flags.FLAGS else None


def _is_of_game(parameter: str) -> bool:
  """Whether `parameter` belongs to the game, such as its seed.

  A model may have an option of the same name. The parameter then belongs to
  the game if the option's flag was not given.
  """
  if all(parameter not in options for options in from_game.OPTIONS.values()):
    return False
  axes = flags.FLAGS.grid if "grid" in flags.FLAGS else ()
  return not flags.FLAGS[parameter].present and not any(
    axis.partition("=")[0].strip().lstrip("-") == parameter for axis in axes
  )


def _unknown_flag(error: flags.UnrecognizedFlagError) -> str:
  """Returns the message for a flag that the program does not have."""
  name = error.flagname
  right = _flag(name)
  if right is None and _flag("game_parameters") and is_game_parameter(name):
    right = f"--game_parameters={name}=VALUE"
  close = difflib.get_close_matches(name, list(flags.FLAGS), 2)
  if right is None and close:
    right = " or ".join(f"--{flag}" for flag in close)
  advice = f"did you mean {right}?" if right else "--help lists all flags."
  return f"there is no flag --{name}; {advice}"


def is_game_parameter(name: str) -> bool:
  """Returns whether some mean-field game has a parameter of this name."""
  games = game_factory.mean_field_games()
  return any(
    name in game_type.parameter_specification
    for game_type in pyspiel.registered_games()
    if game_type.short_name in games
  )


def _unreadable(text: str) -> str:
  """Returns the message for a value that absl refused with `text`."""
  found = _UNREADABLE.fullmatch(text)
  if found is None or found[1] not in flags.FLAGS:
    return text
  name, value, _ = found.groups()
  parser = flags.FLAGS[name].parser
  choices = getattr(parser, "enum_values", None)
  allowed: str | None
  if choices:
    allowed = f"one of {', '.join(choices)}"
  elif getattr(parser, "lower_bound", None) is not None:
    # The help of the parser states the bounds.
    allowed = parser.syntactic_help.replace("an integer", "a whole number")
  else:
    allowed = getattr(parser, "allowed", _KINDS.get(parser.flag_type()))
  if allowed is None:
    return text
  return f"--{name} must be {allowed}, got {value!r}."
