"""Tests of the public names of the package."""

import importlib.metadata
import subprocess
import sys

import pytest

import mftrpo_openspiel


def printed(program):
  return subprocess.run(
    [sys.executable, "-c", program], check=True, capture_output=True, text=True
  ).stdout


@pytest.mark.parametrize("name", mftrpo_openspiel.__all__)
def test_public_names_exist(name):
  assert getattr(mftrpo_openspiel, name) is not None


def test_no_other_names_are_listed():
  assert dir(mftrpo_openspiel) == sorted(mftrpo_openspiel.__all__)


def test_an_unknown_name_is_an_attribute_error():
  with pytest.raises(AttributeError, match="has no attribute 'MFTRP0'"):
    mftrpo_openspiel.MFTRP0  # noqa: B018 (is looked up)


def test_the_version_has_one_source():
  version = importlib.metadata.version("mftrpo_openspiel")
  assert mftrpo_openspiel.__version__ == version


def test_importing_registers_the_games_and_loads_no_pictures():
  program = """
import sys
import mftrpo_openspiel
import pyspiel
print("python_mfg_four_rooms" in pyspiel.registered_names())
print("matplotlib" in sys.modules)
mftrpo_openspiel.Experiment, mftrpo_openspiel.MFTRPO
print("matplotlib" in sys.modules)
"""
  assert printed(program).split() == ["True", "False", "False"]
