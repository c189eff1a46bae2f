"""Tests of the checks for available memory."""

import contextlib
import resource
import tracemalloc

import pyspiel
import pytest

from mftrpo_openspiel.models import compiled_game
from mftrpo_openspiel.utils import memory


@pytest.fixture
def address_space_limit():
  """A context in which the address space of the process is limited."""

  @contextlib.contextmanager
  def limit(num_bytes):
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (num_bytes, hard))
    try:
      yield
    finally:
      resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

  return limit


def test_what_is_available_is_no_more_than_the_limits(address_space_limit):
  available = memory.available()
  assert 0 < available
  with open("/proc/meminfo", encoding="ascii") as file:
    total = 1024 * int(file.readline().split()[1])
  assert available <= total
  limit = 2**40  # Less than the address space that a process normally has.
  with address_space_limit(limit):
    assert memory.available() <= limit
  memory.check("size", 3, available // 2)


def test_the_container_has_a_limit_of_its_own(tmp_path, monkeypatch):
  file = tmp_path / "memory.max"
  monkeypatch.setattr(memory, "_CGROUP_LIMIT", file)
  file.write_text("max\n")
  without = memory.available()
  file.write_text("1234567\n")
  assert memory.available() == 1234567 < without


def test_more_than_available_is_refused_in_one_line(monkeypatch):
  monkeypatch.setattr(memory, "available", lambda: 10**9)
  memory.check("size", 3, 10**9)
  with pytest.raises(
    ValueError, match=r"^size must .*, got 3: .* 2 GB"
  ) as info:
    memory.check("size", 3, 2 * 10**9)
  assert "\n" not in str(info.value)
  assert "1 GB are available" in str(info.value)


@pytest.mark.parametrize("game", ["four_rooms", "four_rooms_poi"])
@pytest.mark.parametrize("room_size", [100_000, 2**31 - 1])
def test_rooms_that_are_too_large_are_refused(game, room_size):
  with pytest.raises(ValueError, match=f"room_size must .*{room_size}"):
    pyspiel.load_game(f"python_mfg_{game}", {"room_size": room_size})


def test_too_large_layouts_and_horizons_are_refused(monkeypatch):
  game = pyspiel.load_game("python_mfg_two_islands(horizon=1000000)")
  monkeypatch.setattr(memory, "available", lambda: 10**6)
  with pytest.raises(ValueError, match=r"layout must .*, got 40 lines"):
    pyspiel.load_game(
      "python_mfg_four_rooms", {"layout": "\n".join(40 * [40 * "."])}
    )
  with pytest.raises(ValueError, match=r"horizon must .*, got 1000000"):
    compiled_game.CompiledGame(game)


def test_the_estimate_is_close_to_the_peak(monkeypatch):
  asked = []
  monkeypatch.setattr(
    memory, "check", lambda name, value, size: asked.append(size)
  )
  tracemalloc.start()
  try:
    pyspiel.load_game("python_mfg_four_rooms(room_size=100)")
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert 0.5 * peak < max(asked) < 2 * peak
