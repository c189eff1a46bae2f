"""Tests of imports of users' modules."""

import sys

import pytest

from mftrpo_openspiel.utils import plugins


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """An empty folder that Python searches for modules."""
  monkeypatch.setattr(sys, "path", list(sys.path))
  monkeypatch.setattr(sys, "modules", dict(sys.modules))
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_a_module_of_the_folder_is_imported_once(folder):
  count = "import sys\nsys.count_of_imports = 1 + getattr("
  (folder / "counted.py").write_text(f"{count}sys, 'count_of_imports', 0)\n")
  try:
    plugins.import_modules(["counted"])
    plugins.import_modules(["counted", "json"])
    assert sys.count_of_imports == 1
  finally:
    del sys.count_of_imports


def test_the_folder_comes_before_what_is_installed(folder):
  (folder / "wave.py").write_text("HEIGHT = 3\n")
  sys.modules.pop("wave", None)
  assert plugins.find("wave:HEIGHT", "algorithm") == 3
  plugins.search_folder(".")
  assert sys.path.count(str(folder)) == 1


def test_another_folder_is_searched_on_request(folder, monkeypatch):
  (folder / "elsewhere.py").write_text("HERE = True\n")
  (folder / "inner").mkdir()
  monkeypatch.chdir(folder / "inner")
  with pytest.raises(ValueError, match="there is no module 'elsewhere'"):
    plugins.import_modules(["elsewhere"])
  plugins.search_folder("..")
  monkeypatch.chdir("/")
  assert plugins.find("elsewhere:HERE", "algorithm")


def test_an_attribute_of_a_module_in_a_package_is_found(folder):
  (folder / "methods").mkdir()
  (folder / "methods" / "slow.py").write_text("class Slow:\n  pass\n")
  found = plugins.find("methods.slow:Slow", "algorithm")
  assert found is sys.modules["methods.slow"].Slow


@pytest.mark.parametrize(
  ("name", "text", "reason"),
  [
    (
      "absent",
      None,
      "there is no module 'absent', neither installed nor in the current"
      " folder or in a folder of PYTHONPATH",
    ),
    (
      "absent.part",
      None,
      "there is no module 'absent', neither installed nor in the current"
      " folder or in a folder of PYTHONPATH",
    ),
    ("my-game", None, "'my-game' is not a valid name of a Python module"),
    ("my_game.py", None, None),
    (".relative", None, "'.relative' is not a valid name of a Python module"),
    ("", None, "'' is not a valid name of a Python module"),
    (3, None, "3 is not a valid name of a Python module"),
    (
      "wants_more",
      "import absent",
      "ModuleNotFoundError: No module named 'absent' (wants_more.py, line 1)",
    ),
    ("fails", "x = 1\n1 / 0", "ZeroDivisionError: division by zero"),
    ("misspelt", "x = (", "SyntaxError: '(' was never closed (misspelt.py"),
    ("ends", "raise SystemExit(3)", "SystemExit: 3 (ends.py, line 1)"),
    ("long", "raise ValueError('two\\nlines.')", "ValueError: two lines (long"),
  ],
)
def test_a_failed_import_is_one_line(folder, name, text, reason):
  if text is not None:
    (folder / f"{name}.py").write_text(text)
  with pytest.raises(ValueError) as error:
    plugins.import_modules([name], "import")
  start = f"import must be a module that can be imported, got {name!r}: "
  assert str(error.value).startswith(start + (reason or "there is no module"))
  assert "\n" not in str(error.value)
  # With --verbosity=1 a program shows where a module failed.
  assert (error.value.__cause__ is not None) == (text is not None)


@pytest.mark.parametrize(
  ("path", "reason"),
  [
    ("json:Absent", "module 'json' has no 'Absent'"),
    ("json:", "module 'json' has no ''"),
    (":Mine", "'' is not a valid name of a Python module"),
    (
      "absent:Mine",
      "there is no module 'absent', neither installed nor in the current"
      " folder or in a folder of PYTHONPATH",
    ),
  ],
)
def test_a_missing_attribute_is_one_line(path, reason):
  with pytest.raises(ValueError) as error:
    plugins.find(path, "algorithm")
  assert str(error.value) == (
    "algorithm must be of the form package.module:name and importable, got"
    f" {path!r}: {reason}."
  )
