"""The strategies that the property tests share."""

import importlib.util
import pathlib

import pytest


@pytest.fixture(scope="session")
def strategies():
  """Returns the module of strategies, which tests cannot import."""
  path = pathlib.Path(__file__).with_name("strategies.py")
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
