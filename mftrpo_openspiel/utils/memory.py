"""Memory that is asked for before it is taken."""

import os
import pathlib
import resource

_MEMINFO = pathlib.Path("/proc/meminfo")
# Of the container, on Linux; a number of bytes or "max".
_CGROUP_LIMIT = pathlib.Path("/sys/fs/cgroup/memory.max")


def available() -> int:
  """Returns how many bytes this process can still take, as the system says.

  On Linux that is what is free or can be freed at once, elsewhere all of the
  machine's memory; in any case no more than the limits of the process and of
  its container.
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
  """Checks that there is memory for what a parameter asks for.

  Raises:
    ValueError: If less than about `num_bytes` is available; it names the
      parameter and its value.
  """
  free = available()
  if num_bytes > free:
    raise ValueError(
      f"{name} must leave the game small enough for the memory, got {value}:"
      f" that takes about {num_bytes / 1e9:.3g} GB, and {free / 1e9:.3g} GB are"
      " available."
    )
