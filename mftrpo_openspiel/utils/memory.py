"""Checks for available memory before large allocations."""

import os
import pathlib
import resource

_MEMINFO = pathlib.Path("/proc/meminfo")
# Memory limit of the container, on Linux; a number of bytes or "max".
_CGROUP_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")


def available() -> int:
  """Returns the number of bytes that this process can still allocate.

  On Linux this is the memory that is free or can be freed at once, elsewhere
  the total memory of the machine. It is at most the limits of the process and
  of its container.
  """
  limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
  if _MEMINFO.exists():
    lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    fields = dict(line.split(":") for line in lines)
    limits.append(1024 * int(fields["MemAvailable"].removesuffix("kB")))
  if _CGROUP_LIMIT.exists():
    limit = _CGROUP_LIMIT.read_text(encoding="ascii").strip()
    limits += [int(limit)] if limit.isdecimal() else []
  address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
  if address_space != resource.RLIM_INFINITY:
    limits.append(address_space)
  return min(limits)


def check(name: str, value: object, num_bytes: int) -> None:
  """Checks that there is enough memory for the value of a parameter.

  Args:
    name: Name of the parameter.
    value: Its value.
    num_bytes: Approximate number of bytes that it needs.

  Raises:
    ValueError: If less memory is available; the message has the parameter and
      its value.
  """
  free = available()
  if num_bytes > free:
    raise ValueError(
      f"{name} must give a game that fits into memory, got {value}: it needs"
      f" about {num_bytes / 1e9:.3g} GB, and {free / 1e9:.3g} GB are available."
    )
