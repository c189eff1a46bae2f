"""What a run was made with."""

import functools
from importlib import metadata
import pathlib
import platform
import subprocess

_PACKAGES = ("mftrpo_openspiel", "open_spiel", "numpy", "scipy")


@functools.cache
def versions() -> dict[str, str | None]:
  """Returns the versions of Python and of the packages that results hang on.

  None for one that is not installed as a package.
  """
  found = {"python": platform.python_version()}
  for package in _PACKAGES:
    try:
      found[package] = metadata.version(package)
    except metadata.PackageNotFoundError:
      found[package] = None
  return found


@functools.cache
def commit() -> str | None:
  """Returns the git commit of the checkout that this package is run from.

  It ends in "-dirty" if the checkout has other changes. None where the package
  is not in a checkout of its own, or git does not say.
  """
  root = pathlib.Path(__file__).parents[1]
  if not (root / ".git").exists():
    return None
  command = ("git", "--no-optional-locks", "-C", str(root), "describe")
  try:
    result = subprocess.run(
      [*command, "--always", "--dirty", "--abbrev=40", "--exclude=*"],
      capture_output=True,
      text=True,
      timeout=5,
      check=True,
    )
  except (OSError, subprocess.SubprocessError):
    return None
  return result.stdout.strip() or None
