"""Every code block of README and docs runs, and every link leads to a file.

`shared/markdown_blocks.py` has the markers that say how a block is tested.
"""

import pathlib
import re
import shlex
import shutil

import markdown_blocks
import pytest

from mftrpo_openspiel.runs import run_directory

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = {
  path.relative_to(ROOT).as_posix(): path
  for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
  if not {"_build", "api"} & set(path.relative_to(ROOT).parts)
}
BLOCKS = {name: markdown_blocks.read(path) for name, path in PAGES.items()}
LINK = re.compile(r"\]\(<?(?!https?:|mailto:)([^)#>\s]*)(#[^)\s>]*)?>?\)")


def write(path, *lines):
  path.write_text("\n".join(lines), encoding="utf-8")
  return path


def check_readme(folder, printed):
  del printed
  assert {path.name for path in folder.iterdir()} == {
    "convergence.png",
    "crowd.png",
    "ring.png",
  }
  for path in folder.iterdir():
    assert path.stat().st_size > 10_000


def check_start(folder, printed):
  del printed
  drop_in = (folder / "drop_in.py").read_text(encoding="utf-8")
  for module in ("fictitious_play", "mirror_descent"):
    line = f"\nfrom mftrpo_openspiel.algorithms import {module}\n"
    assert drop_in.count(line) == 1


def check_command_line(folder, printed):
  del printed
  assert {path.name for path in folder.iterdir()} == {
    "runs",
    "sweep",
    "curves.pdf",
    "samples.pdf",
    "crowd.png",
    "crowd.gif",
    "difference.svg",
    "sweep.pdf",
  }
  assert (folder / "sweep" / "results.csv").exists()


def check_extending(folder, printed):
  assert "algorithm_options.step is ignored for annealed_mf_trpo" in (
    "".join(printed)
  )
  for name in ("curves.pdf", "crowd.png", "policy.png", "sweep.pdf"):
    assert (folder / name).stat().st_size > 1000
  # annealed_mf_trpo takes no step; two sizes.
  assert len(list((folder / "sweep").glob("*/solution.npz"))) == 2 * (1 + 2)
  for name, below in (("smoothed", 0.2), ("annealed", 1e-4)):
    records = run_directory.load_run(folder / "runs" / name).records
    assert records[-1].exploitability < below < records[0].exploitability
  assert 0 < float(printed[-1]) < 1


def check_sampling(folder, printed):
  del folder
  pattern = r"(\S+) to (\S+) in (\S+) steps\n"
  (match,) = filter(None, [re.fullmatch(pattern, text) for text in printed])
  before, after, num_steps = match.groups()
  assert float(after) < 0.5 * float(before)
  assert int(num_steps.replace(",", "")) > 100_000


# What some pages must leave behind or print, besides their `output` blocks.
CHECKS = {
  "README.md": check_readme,
  "docs/start.md": check_start,
  "docs/command_line.md": check_command_line,
  "docs/extending.md": check_extending,
  "docs/sampling.md": check_sampling,
}


def test_all_pages_are_here():
  assert {"README.md", "docs/index.md", "docs/extending.md"} < set(PAGES)
  assert CHECKS.keys() <= PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_blocks_have_markers(name):
  faults = markdown_blocks.faults(BLOCKS[name])
  assert not faults, "\n".join(faults)


@pytest.mark.slow
@pytest.mark.parametrize(
  "name",
  [
    name
    for name, blocks in BLOCKS.items()
    if any(block.kind in markdown_blocks.RUN for block in blocks)
  ],
)
def test_blocks_run(name, tmp_path):
  blocks = BLOCKS[name]
  if any("docs/" in block.text for block in blocks if block.kind == "long"):
    # Programs that write into documents write into copies.
    shutil.copytree(
      ROOT / "docs", tmp_path / "docs", ignore=shutil.ignore_patterns("_build")
    )
  printed = markdown_blocks.run(blocks, tmp_path)
  for block, before in zip(blocks[1:], printed):
    if block.kind == "output":
      assert not markdown_blocks.differs(block.text, before), (
        f"{block.place} shows\n{block.text}and what is printed is\n{before}"
      )
  if name in CHECKS:
    CHECKS[name](tmp_path, printed)


def of_kinds(*kinds):
  return [
    pytest.param(block, id=block.place.removeprefix(f"{ROOT}/"))
    for blocks in BLOCKS.values()
    for block in blocks
    if block.kind in kinds
  ]


def commands(text):
  """Returns the simple commands of a script of lines and `&&`."""
  joined = text.replace("\\\n", " ")
  lines = [line.split("#")[0].strip() for line in joined.splitlines()]
  found = [part for line in lines for part in line.split(" && ")]
  return [" ".join(shlex.split(part)) for part in found if part]


def test_the_set_up_commands_are_those_of_the_readme():
  for kind in ("main", "tests"):
    (block,) = [x for x in BLOCKS["README.md"] if x.kind == kind]
    for other in of_kinds(kind):
      assert other.values[0].text == block.text


@pytest.mark.parametrize("block", of_kinds("ci"))
def test_ci_has_the_commands(block):
  script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
  # Programs are called by their paths in there.
  script = re.sub(
    r'"?(?:\$work/|checkout/)?\.?venv/bin/([\w-]+)"?', r"\1", script
  )
  for set_up in BLOCKS["README.md"]:
    if set_up.kind == "tests":
      script += re.sub(r"\.venv/bin/", "", set_up.text).replace(" && ", "\n")
  lines = {" ".join(line.split()) for line in script.splitlines()}
  for command in commands(block.text):
    assert command in lines, f"{block.place}: {command} is not in .ci/run."


@pytest.mark.parametrize("block", of_kinds("install"))
def test_what_is_installed_is_this_package_and_its_extras(block):
  set_up = (ROOT / "setup.py").read_text(encoding="utf-8")
  for command in commands(block.text):
    install = re.fullmatch(
      r"(\S*pip|\S*python3? -m pip) install (-e )?"
      r"(\.|mftrpo_openspiel)(\[([\w,]+)\])?",
      command,
    )
    if install:
      for extra in (install[5] or "").split(","):
        assert not extra or f'    "{extra}": [' in set_up, command
    else:
      assert re.fullmatch(
        r"python3? -m venv \S+|(source|\.) \S+/activate|cd \S+", command
      ), f"{block.place}: {command} is no command of an installation."


@pytest.mark.parametrize("block", of_kinds("script"))
def test_scripts_are_files_as_shown(block):
  assert (ROOT / block.value).read_text(encoding="utf-8").endswith(block.text)


def anchors(path):
  """Returns the anchors of the headings of a document, as GitHub has them."""
  text = re.sub(r"(?ms)^ *```.*?^ *```", "", path.read_text(encoding="utf-8"))
  found = set()
  for heading in re.findall(r"(?m)^#+ (.*)$", text):
    plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
    found.add("#" + re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
  return found


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings(name):
  path = PAGES[name]
  text = re.sub(
    r"(?ms)^ *```.*?^ *```|`[^`\n]*`", "", path.read_text(encoding="utf-8")
  )
  for target, anchor in LINK.findall(text):
    file = path.parent / target if target else path
    if name.startswith("docs/"):
      # The site has the pages of docs only.
      assert file.resolve().is_relative_to(ROOT / "docs"), target
    assert file.is_file() and file.stat().st_size > 0, target
    if file.suffix == ".png":
      assert file.stat().st_size < 500_000, target
    if anchor:
      assert anchor in anchors(file), target + anchor


def test_markers_are_read(tmp_path):
  page = write(
    tmp_path / "page.md",
    "# Title",
    "<!-- example -->",
    "```python",
    "x = 1",
    "```",
    "- item",
    "  <!-- long: --a=1 mftrpo-b --c='2 3' -->",
    "  ```bash",
    "  mftrpo-b",
    "    mftrpo-d",
    "  ```",
    "",
    "```bash",
    "```",
    "```{toctree}",
    "start",
    "```",
  )
  first, second, third = markdown_blocks.read(page)
  assert (first.line, first.language, first.kind) == (3, "python", "example")
  assert first.text == "x = 1\n"
  assert second.text == "mftrpo-b\n  mftrpo-d\n"
  assert (second.kind, second.value) == ("long", "--a=1 mftrpo-b --c='2 3'")
  assert markdown_blocks.faults([first, second]) == []
  (fault,) = markdown_blocks.faults([first, second, third])
  assert fault.startswith(f"{page}:13: ")


def test_markers_must_fit():
  def faults(*kinds):
    return markdown_blocks.faults(
      [
        markdown_blocks.Block(README, 1, language, "", kind, "")
        for kind, language in kinds
      ]
    )

  assert faults(("example", "text"))
  assert faults(("output", "text"))
  assert faults(("long", "bash"))
  assert faults(("main", "python"))
  assert not faults(("example", "bash"), ("output", "text"), ("ci", "bash"))


def test_blocks_share_a_folder_and_a_namespace(tmp_path):
  page = write(
    tmp_path / "page.md",
    *("<!-- file: my_module.py -->", "```python", "VALUE = 0.5", "```"),
    *("<!-- example -->", "```python", "import my_module", "```"),
    *("<!-- long: hello -->", "```bash", "mftrpo-x() { echo x; }", "```"),
    *("<!-- example -->", "```bash", "ls", "```"),
    *("<!-- example -->", "```python", "print(my_module.VALUE)", "```"),
  )
  folder = tmp_path / "folder"
  folder.mkdir()
  printed = markdown_blocks.run(markdown_blocks.read(page), folder)
  assert printed[0] == printed[1] == printed[2] == ""
  assert "my_module.py" in printed[3].split()
  assert printed[4] == "0.5\n"


@pytest.mark.slow
def test_programs_run_as_from_a_shell(tmp_path, monkeypatch):
  page = write(
    tmp_path / "page.md",
    *("<!-- file: my_module.py -->", "```python", "1 / 0", "```"),
    "<!-- long: --num_iterations=3 -->",
    "```bash",
    "if mftrpo-solve --import=my_module >&2; then exit 3; fi",
    "mkdir folder && cd folder",
    "mftrpo-solve --game_name=$GAME --algorithm=mirror_descent | tail -n 9",
    "```",
  )
  monkeypatch.setenv("GAME", "python_mfg_two_islands")
  folder = tmp_path / "folder"
  folder.mkdir()
  printed = markdown_blocks.run(markdown_blocks.read(page), folder)
  assert printed[1].startswith("iteration")
  assert "Traceback" not in printed[1]


@pytest.mark.parametrize(
  ("language", "code", "message"),
  [("python", "1 / 0", "ZeroDivisionError"), ("bash", "ls nowhere", "nowhere")],
)
def test_errors_name_their_place(tmp_path, language, code, message):
  page = write(
    tmp_path / "page.md", "<!-- example -->", f"```{language}", code, "```"
  )
  with pytest.raises(AssertionError, match=f"page.md:2(.|\n)*{message}"):
    markdown_blocks.run(markdown_blocks.read(page), tmp_path)


def test_flags_are_appended_to_programs():
  script = markdown_blocks._with_flags(
    "mftrpo-solve $x && mftrpo-plot", "--seed=1 mftrpo-solve --name='a b'"
  )
  solve = (
    """mftrpo-solve() { command mftrpo-solve "$@" --seed=1 '--name=a b'; }"""
  )
  assert solve in script
  assert 'mftrpo-plot() { command mftrpo-plot "$@" --seed=1; }' in script


@pytest.mark.parametrize(
  ("shown", "printed", "differs"),
  [
    ("a 1.23", "a 1.2345", False),
    ("a 1.23", "a  1.2345\n\n", False),
    ("a 1.23", "a 1.26", True),
    ("a 1.23", "b 1.23", True),
    ("3 steps", "4 steps", True),
    ("1,000 steps", "1003 steps", False),
    ("x 3e-12", "x 3.4e-12", False),
    ("x 3e-12", "x 5.4e-12", True),
    ("0.001", "0.0012", False),
    ("one\n...\nlast", "one\n2\n3\nlast", False),
    ("one\n...\nlast", "one\n2\n3\n4", True),
    ("took ... s\nlast", "took 3 s\nlast", False),
    ("one", "one\ntwo", True),
    ("one\ntwo", "one", True),
  ],
)
def test_outputs_are_compared(shown, printed, differs):
  assert markdown_blocks.differs(shown, printed) == differs
