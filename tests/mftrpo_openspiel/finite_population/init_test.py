"""Tests that public names are loaded when they are first used."""

import subprocess
import sys

import pytest

from mftrpo_openspiel import finite_population


@pytest.mark.parametrize("name", finite_population.__all__)
def test_public_names_are_functions(name):
  assert callable(getattr(finite_population, name))


def test_an_unknown_name_is_an_attribute_error():
  with pytest.raises(AttributeError, match="has no attribute 'simulated'"):
    finite_population.simulated  # noqa: B018 (is looked up)


def test_importing_the_package_does_not_load_these_modules():
  program = """
import sys
import mftrpo_openspiel
print([m for m in ("simulation", "deviations", "joint_chain")
       if f"mftrpo_openspiel.finite_population.{m}" in sys.modules])
"""
  result = subprocess.run(
    [sys.executable, "-c", program], check=True, capture_output=True, text=True
  )
  assert result.stdout == "[]\n"
