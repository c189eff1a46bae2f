"""Configuration of the documentation site, which Sphinx builds."""

import importlib.metadata

project = "mftrpo_openspiel"
author = "The authors of mftrpo_openspiel"
release = importlib.metadata.version(project)

extensions = [
  "myst_nb",
  "sphinx.ext.autodoc",
  "sphinx.ext.autosummary",
  "sphinx.ext.mathjax",
  "sphinx.ext.napoleon",
  "sphinx_copybutton",
]
html_theme = "furo"
exclude_patterns = ["_build"]
default_role = "code"

# The tutorial is executed by a test, and shown as it is committed.
nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

napoleon_numpy_docstring = False
autodoc_typehints = "none"
