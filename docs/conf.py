"""Configuration of the documentation site, which Sphinx builds."""

import ast
import importlib.metadata
import importlib.util
import inspect
import pathlib
import pkgutil
import re

from sphinx.util import inspect as sphinx_inspect

project = "mftrpo_openspiel"
author = "The authors of mftrpo_openspiel"
release = version = importlib.metadata.version(project)

extensions = [
  "myst_nb",
  "sphinx.ext.autodoc",
  "sphinx.ext.autosummary",
  "sphinx.ext.mathjax",
  "sphinx.ext.napoleon",
  "sphinx_copybutton",
]
html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]
default_role = "code"  # Docstrings have `single backticks`.
python_use_unqualified_type_names = True

# The tutorial is executed by a test, and shown as it is committed.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

napoleon_numpy_docstring = False
napoleon_use_ivar = True
autosummary_generate = True
autosummary_ignore_module_all = False
autoclass_content = "both"  # The docstrings of the class and of __init__.
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_default_options = {"show-inheritance": True}
# Extras that need not be installed where the site is built.
autodoc_mock_imports = [
  name
  for name in ("benchmfg", "distributed", "jax", "mfglib", "torch")
  if importlib.util.find_spec(name) is None
]

# The subpackages, from programs down to utilities.
SUBPACKAGES = (
  *("scripts", "benchmarks", "paper", "plots", "runs", "finite_population"),
  *("algorithms", "games", "equilibria", "models", "simulators", "compiler"),
  *("values", "chains", "mdp", "openspiel", "utils"),
)

# Parts of a docstring that are code.
_CODE = re.compile(r"(``.+?``|`[^`]+`)", re.DOTALL)
# What reStructuredText would take for emphasis, substitutions and references.
_SPECIAL = re.compile(r"(?<!\\)([*|\\]|_(?![a-zA-Z0-9]))")
_BULLET = re.compile(r"^( *)\\\* ", re.MULTILINE)


def _escaped(lines):
  parts = _CODE.split("\n".join(lines))
  parts[::2] = [
    _BULLET.sub(r"\1* ", _SPECIAL.sub(r"\\\1", part)) for part in parts[::2]
  ]
  return "".join(parts).split("\n")


def _indent(line):
  return len(line) - len(line.lstrip())


def to_restructured_text(app, what, name, obj, options, lines):
  """Makes reStructuredText of a docstring, but for Google's sections.

  Docstrings of the package are plain text with `code` and lists. A paragraph
  that is indented by four spaces or more is shown as it stands. Napoleon
  processes the sections after this.
  """
  del app, name, options
  if what == "class":
    module = getattr(obj.__init__, "__module__", None) or ""
    if not module.startswith(project):  # Its docstring has been appended.
      lines[:] = (inspect.getdoc(obj) or "").split("\n")
  result, text = [], []  # `text` has not been escaped yet.
  number = 0
  while number < len(lines):
    before = next((line for line in reversed(text) if line.strip()), "")
    if (
      text
      and not text[-1].strip()
      and _indent(lines[number]) >= _indent(before) + 4
    ):
      indent = _indent(lines[number])
      result += [*_escaped(text), " " * _indent(before) + "::", ""]
      text = []
      while number < len(lines) and (
        not lines[number].strip() or _indent(lines[number]) >= indent
      ):
        result.append(lines[number])
        number += 1
    else:
      text.append(lines[number])
      number += 1
  lines[:] = result + _escaped(text)


def constructor_signature(
  app, what, name, obj, options, signature, return_annotation
):
  """Takes the signature of __init__ where __new__ accepts anything."""
  del app, name, options
  if what in ("class", "exception") and signature == "(*args, **kwargs)":
    init = inspect.signature(obj.__init__)
    _, *parameters = init.parameters.values()  # Without self.
    signature = sphinx_inspect.stringify_signature(
      init.replace(parameters=parameters), show_annotation=False
    )
  return signature, return_annotation


def skip_members_of_matplotlib(app, what, name, obj, skip, options):
  """Leaves out what Matplotlib defines in classes that derive from its own."""
  del app, what, name, options
  return skip or str(getattr(obj, "__module__", "")).startswith("matplotlib.")


def _summary(path):
  """Returns the first line of the docstring of a module."""
  module = ast.parse(path.read_text(encoding="utf-8"))
  return (ast.get_docstring(module) or "").partition("\n")[0]


def write_module_pages(app):
  """Writes a page for each subpackage and each module, where it has changed.

  Pages of modules are in no table of contents: it is on every page, and would
  become long and slow.
  """
  folder = pathlib.Path(app.srcdir, "api")
  folder.mkdir(exist_ok=True)

  def write(name, *lines):
    path, text = folder / f"{name}.rst", "\n".join([*lines, ""])
    if not path.exists() or path.read_text(encoding="utf-8") != text:
      path.write_text(text, encoding="utf-8")

  for subpackage in SUBPACKAGES:
    package = f"{project}.{subpackage}"
    (location,) = importlib.util.find_spec(package).submodule_search_locations
    links = []
    for module in pkgutil.iter_modules([location]):
      name = f"{package}.{module.name}"
      title = name.replace("_", "\\_")
      write(
        name,
        *(":orphan:", "", title, "=" * len(title), ""),
        *(f".. automodule:: {name}", "   :members:"),
      )
      (summary,) = _escaped(
        [_summary(pathlib.Path(location, f"{module.name}.py"))]
      )
      links.append(f"* :doc:`{module.name} <{name}>`: {summary}")
    title = package.replace("_", "\\_")
    write(
      package,
      *(title, "=" * len(title), "", f".. automodule:: {package}", ""),
      *("Modules", "-------", "", *links),
    )


def setup(app):
  """Connects the functions above."""
  app.connect("builder-inited", write_module_pages, priority=400)
  # Before Napoleon, whose priority is 500.
  app.connect("autodoc-process-docstring", to_restructured_text, priority=400)
  app.connect("autodoc-process-signature", constructor_signature)
  app.connect("autodoc-skip-member", skip_members_of_matplotlib)
