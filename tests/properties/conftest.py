"""Profiles of the property tests, and the strategies that they share.

Two profiles of hypothesis are known here:

* "ci", the default: few examples, the same in every run;
* "nightly": 1,000 new examples of every property.

    pytest tests/properties --hypothesis-profile=nightly
    HYPOTHESIS_PROFILE=nightly pytest

The option needs the folder to be named, as pytest otherwise reads this file
only after hypothesis has looked for the profile.
"""

import importlib.util
import os
import pathlib

import hypothesis
import pytest

hypothesis.settings.register_profile(
  "ci", max_examples=15, derandomize=True, deadline=None, database=None
)
hypothesis.settings.register_profile(
  "nightly",
  max_examples=1000,
  deadline=None,
  print_blob=True,
  suppress_health_check=[hypothesis.HealthCheck.too_slow],
)


def pytest_configure(config):
  if not config.getoption("--hypothesis-profile"):
    profile = os.environ.get("HYPOTHESIS_PROFILE", "ci")
    hypothesis.settings.load_profile(profile)


@pytest.fixture(scope="session")
def strategies():
  """Returns the module of strategies, which tests cannot import."""
  path = pathlib.Path(__file__).with_name("strategies.py")
  spec = importlib.util.spec_from_file_location(path.stem, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module
