"""Code blocks of Markdown documents: reading, running, comparing outputs.

The line directly above a block, its marker, says how the block is tested:

* `<!-- example -->`: python or bash that is run. All blocks of a page run in
  their order in one folder, and all python blocks share one namespace.
* `<!-- file: name.py -->`: a file that is saved in that folder.
* `<!-- output -->`: what the example directly above prints; see `differs`.
* `<!-- long: FLAGS -->`: bash whose commands take minutes. The flags are
  appended to each `mftrpo-*` command; those after `mftrpo-NAME` to that command
  only, as in `<!-- long: --seed=1 mftrpo-solve --num_iterations=2 -->`.
* `<!-- main -->`, `<!-- tests -->`, `<!-- ci -->`, `<!-- install -->`,
  `<!-- patch: ... -->` and `<!-- script: PATH -->`: not run here, but compared
  with what is run elsewhere.
"""

import dataclasses
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

_FENCE = re.compile(r" *(?P<marks>`{3,}|~{3,})(?P<language>.*)")
_MARKER = re.compile(r" *<!-- (?P<kind>[a-z]+)(?:: (?P<value>.*?))? -->")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d*)?(?:e[-+]?\d+)?|[-+]?\.\d+")
_RELATIVE_TOLERANCE = 1e-2
_DRIVER = pathlib.Path(__file__).with_name("markdown_driver.py")

RUN = ("example", "file", "long")
COMPARED = ("main", "tests", "ci", "install", "patch", "script")


@dataclasses.dataclass(frozen=True)
class Block:
  """A fenced block of code.

  Attributes:
    path: the document.
    line: the line number of the fence that opens the block.
    language: what follows the fence, such as "python".
    text: the code, without the indentation of the fence.
    kind: the first word of the marker; "" if there is none.
    value: what follows the colon in the marker; "" if there is none.
  """

  path: pathlib.Path
  line: int
  language: str
  text: str
  kind: str
  value: str

  @property
  def place(self) -> str:
    return f"{self.path}:{self.line}"


def read(path: pathlib.Path) -> list[Block]:
  """Returns all code blocks of a document; directives of Sphinx are none."""
  lines = path.read_text(encoding="utf-8").splitlines()
  blocks = []
  number = 0
  while number < len(lines):
    fence = _FENCE.fullmatch(lines[number])
    if not fence:
      number += 1
      continue
    indent = len(lines[number]) - len(lines[number].lstrip())
    end = number + 1
    while lines[end].strip() != fence["marks"]:
      end += 1
      if end == len(lines):
        raise ValueError(f"{path}:{number + 1}: the block has no end.")
    marker = _MARKER.fullmatch(lines[number - 1]) if number else None
    language = fence["language"].strip()
    if not language.startswith("{"):
      code = [line[indent:] for line in lines[number + 1 : end]]
      blocks.append(
        Block(
          path=path,
          line=number + 1,
          language=language,
          text="".join(f"{line}\n" for line in code),
          kind=marker["kind"] if marker else "",
          value=(marker["value"] or "") if marker else "",
        )
      )
    number = end + 1
  return blocks


def faults(blocks: list[Block]) -> list[str]:
  """Returns what is wrong with the markers of a document."""
  found = []
  for previous, block in zip([None, *blocks], blocks):
    expected = {
      "example": ("python", "bash"),
      "file": ("python", "text", ""),
      "output": ("text",),
      "long": ("bash",),
      "patch": ("diff",),
      "script": ("python",),
    }.get(block.kind, ("bash",) if block.kind in COMPARED else None)
    if expected is None:
      found.append(f"{block.place}: a code block without a (known) marker.")
    elif block.language not in expected:
      found.append(f"{block.place}: {block.kind} is for {expected}.")
    elif block.kind == "output" and (
      not previous or previous.kind != "example"
    ):
      found.append(f"{block.place}: an output follows an example.")
    elif block.kind in ("file", "long", "script") and not block.value:
      found.append(f"{block.place}: <!-- {block.kind}: ... --> has a value.")
  return found


def _with_flags(text: str, value: str) -> str:
  """Returns a bash script in which the programs have further flags."""
  flags: dict[str, list[str]] = {"": []}
  program = ""
  for word in shlex.split(value):
    if word.startswith("mftrpo-"):
      program = word
      flags.setdefault(program, [])
    else:
      flags[program].append(word)
  functions = []
  for name in sorted(set(re.findall(r"\bmftrpo-[a-z-]+", text))):
    words = shlex.join(flags[""] + flags.get(name, []))
    functions.append(f'{name}() {{ command {name} "$@" {words}; }}\n')
  return "".join(functions) + text


def run(blocks: list[Block], folder: pathlib.Path) -> list[str]:
  """Runs the blocks of a document in their order.

  Args:
    blocks: all blocks of one document.
    folder: where they run, and where their files are saved.

  Returns:
    What each block printed on standard output; "" of those that are not run.

  Raises:
    AssertionError: a block ends with an error, which the message has.
  """
  steps = []
  for block in blocks:
    kind, text = block.language, block.text
    if block.kind == "file":
      kind = f"file {block.value}"
    elif block.kind == "long":
      text = _with_flags(text, block.value)
    elif block.kind != "example":
      kind = "none"
    steps.append({"kind": kind, "text": text, "place": block.place})
  programs = pathlib.Path(sys.executable).parent
  environment = {
    **os.environ,
    "MPLBACKEND": "agg",
    "PATH": f"{programs}:{os.environ['PATH']}",
  }
  with tempfile.TemporaryDirectory() as others:
    script = pathlib.Path(others, "steps.json")
    script.write_text(json.dumps(steps))
    result = subprocess.run(
      [sys.executable, _DRIVER, script],
      cwd=folder,
      env=environment,
      capture_output=True,
      text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(script.with_suffix(".printed").read_text())


def _numbers_differ(shown: str, printed: str) -> bool:
  exact = float(printed.replace(",", ""))
  error = abs(float(shown.replace(",", "")) - exact)
  digits, _, exponent = shown.lower().partition("e")
  decimals = len(digits.partition(".")[2])
  rounding = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
  is_integer = decimals == 0 and not exponent
  # The digits shown are a rounding of those of another machine.
  tolerance = _RELATIVE_TOLERANCE * abs(exact)
  return error > max(tolerance, 0 if is_integer else 2 * rounding)


def _line_differs(shown: str, printed: str) -> bool:
  if "..." in shown:
    return False
  if _NUMBER.sub("0", shown).split() != _NUMBER.sub("0", printed).split():
    return True
  pairs = zip(_NUMBER.findall(shown), _NUMBER.findall(printed), strict=True)
  return any(_numbers_differ(*pair) for pair in pairs)


def differs(shown: str, printed: str) -> bool:
  """Returns whether an output is not the one that a document shows.

  Lines must be the same but for spaces and for numbers, which may differ by a
  hundredth or in the last digit shown. A line that contains `...` stands for
  any line, and one that is `...` alone for any number of lines.
  """

  def agree(shown_lines, printed_lines):
    if not shown_lines:
      return not printed_lines
    first, *rest = shown_lines
    if first.strip() == "...":
      starts = range(len(printed_lines) + 1)
      return any(agree(rest, printed_lines[start:]) for start in starts)
    if not printed_lines or _line_differs(first, printed_lines[0]):
      return False
    return agree(rest, printed_lines[1:])

  lines = [
    [line for line in text.splitlines() if line.strip()]
    for text in (shown, printed)
  ]
  return not agree(*lines)
