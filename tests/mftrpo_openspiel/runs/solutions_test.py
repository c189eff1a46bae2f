"""Tests of solutions: saved, loaded, and refused if they are damaged."""

import dataclasses
import io
import tracemalloc
import warnings
import zipfile

import numpy as np
import odd_game  # noqa: F401 (registers it)
from open_spiel.python.mfg import games  # noqa: F401
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

import mftrpo_openspiel  # noqa: F401
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import solutions

ISLANDS = "python_mfg_two_islands(horizon=3)"
BRAESS = (
  "mfg_dynamic_routing(network=braess,max_num_time_step=10,"
  "time_step_length=0.5)"
)
FIELDS = [field.name for field in dataclasses.fields(solutions.Solution)]


def make_model(name, game_name):
  with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    return from_game.create_model(name, pyspiel.load_game(game_name))


def make_solution(model, name, iteration=7):
  mask = model.legal_actions_mask
  weights = mask * np.random.default_rng(0).random(mask.shape)
  policy = weights / weights.sum(axis=1, keepdims=True)
  return solutions.Solution(
    observation_strings=model.observation_strings,
    legal_actions_mask=mask,
    policy=policy,
    mean_field=model.mean_field(policy),
    game=str(model.game),
    model=name,
    iteration=iteration,
  )


def assert_same(one, other):
  for name in FIELDS:
    ours, theirs = getattr(one, name), getattr(other, name)
    assert type(ours) is type(theirs)
    np.testing.assert_array_equal(ours, theirs, err_msg=name, strict=True)


@pytest.mark.parametrize(
  ("name", "game_name"),
  [
    ("stationary", ISLANDS),
    ("compiled", ISLANDS),
    ("compiled", "mfg_crowd_modelling_2d(size=3,horizon=3)"),
    ("compiled", BRAESS),
    ("openspiel", "python_mfg_predator_prey(horizon=2)"),
  ],
)
def test_a_solution_is_saved_and_loaded(name, game_name, tmp_path):
  model = make_model(name, game_name)
  solution = make_solution(model, name)
  path = tmp_path / "solution.npz"
  solutions.save_solution(path, solution)
  assert [file.name for file in tmp_path.iterdir()] == ["solution.npz"]
  loaded = solutions.load_solution(path)
  assert_same(loaded, solution)

  again = make_model(name, loaded.game)
  assert again.game is not model.game
  policy = loaded.to_policy(again)
  before = model.to_openspiel(solution.policy)
  assert (
    nash_conv.NashConv(again.game, policy).nash_conv()
    == nash_conv.NashConv(model.game, before).nash_conv()
  )
  assert (
    loaded.to_distribution(again).get_params()
    == model.to_distribution(solution.mean_field).get_params()
  )


@pytest.fixture(name="model")
def _model():
  return make_model("compiled", ISLANDS)


@pytest.fixture(name="solution")
def _solution(model):
  return make_solution(model, "compiled")


def test_rows_are_matched_by_string(model, solution):
  order = np.random.default_rng(1).permutation(len(solution.policy))
  shuffled = dataclasses.replace(
    solution,
    observation_strings=[solution.observation_strings[i] for i in order],
    legal_actions_mask=solution.legal_actions_mask[order],
    policy=solution.policy[order],
    mean_field=solution.mean_field[order],
  )
  assert not np.array_equal(shuffled.policy, solution.policy)
  assert_same(shuffled.for_model(model), solution)


def test_a_solution_copies_its_arrays(model):
  policy = np.full((42, 2), 0.5)
  mean_field = model.mean_field(policy)
  solution = solutions.Solution(
    observation_strings=model.observation_strings,
    legal_actions_mask=model.legal_actions_mask,
    policy=policy,
    mean_field=mean_field,
    game=str(model.game),
    model="compiled",
    iteration=0,
  )
  policy[:] = mean_field[:] = 0.0
  assert (solution.policy == 0.5).all()
  assert solution.mean_field.sum() == pytest.approx(3.0)


@pytest.mark.parametrize(
  ("name", "game_name", "message"),
  [
    # The states of this game have the same strings.
    (
      "compiled",
      "python_mfg_two_islands(horizon=3,crowd_aversion=0.5)",
      r"model must belong to the game .*crowd_aversion=0\.2.*got .*=0\.5",
    ),
    ("compiled", "mfg_crowd_modelling", "got mfg_crowd_modelling()"),
    (
      "stationary",
      ISLANDS,
      r"42 states .* 'compiled', got 14 states; '\(0, 1\)' is",
    ),
  ],
)
def test_a_solution_of_another_game_is_refused(
  solution, name, game_name, message
):
  other = make_model(name, game_name)
  for method in (solution.to_policy, solution.to_distribution):
    with pytest.raises(ValueError, match=message):
      method(other)


def test_strings_and_actions_must_be_those_of_the_model(solution):
  """They may differ even if the name of the game is the same."""
  other = make_model("compiled", "python_odd_game(coin=false)")
  solution = dataclasses.replace(solution, game=str(other.game))
  with pytest.raises(ValueError, match="is in only one of the two"):
    solution.to_policy(other)
  solution = make_solution(other, "compiled")
  mask = solution.legal_actions_mask.copy()
  mask[mask.sum(axis=1).argmin()] = True
  solution = dataclasses.replace(solution, legal_actions_mask=mask)
  with pytest.raises(ValueError, match="legal_actions_mask differs"):
    solution.to_policy(other)


def changed(array, place, value):
  array = array.copy()
  array[place] = value
  return array


BAD = [
  ({"observation_strings": ["a"] * 42}, "1 different ones of 42"),
  ({"observation_strings": []}, "0 different ones of 0"),
  ({"legal_actions_mask": np.ones((41, 2), bool)}, r"\(42, A\) of bool"),
  ({"legal_actions_mask": np.ones((42, 2))}, "of bool, got .* float64"),
  ({"policy": np.full((42, 3), 1 / 3)}, r"policy must have shape \(42, 2\)"),
  ({"policy": np.full((42, 2), 0.6)}, "policy must be a probability dist"),
  (
    {"policy": changed(np.full((42, 2), 0.5), 5, np.nan)},
    "legal actions in every state.*nan.* in state 5",
  ),
  ({"policy": np.full((42, 2), "x")}, "policy must be an array of numbers"),
  ({"mean_field": np.ones(41)}, "mean_field must have shape"),
  ({"mean_field": -np.ones(42)}, "mean_field must be finite and not negative"),
  ({"game": 3}, "game must be a string, got 3"),
  ({"model": 3}, "model must be a string, got 3"),
  ({"iteration": -1}, "iteration must be a whole number"),
  ({"iteration": 1.5}, "iteration must be a whole number"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_inconsistent_fields_are_refused(solution, change, message, tmp_path):
  with pytest.raises(ValueError, match=message):
    dataclasses.replace(solution, **change)
  fields = {name: getattr(solution, name) for name in FIELDS}
  path = tmp_path / "odd.npz"
  np.savez(path, **(fields | change))
  with pytest.raises(ValueError, match=r"got \S*odd.npz \(") as error:
    solutions.load_solution(path)
  assert "\n" not in str(error.value)


def write_text(path, raw):
  path.write_text("iteration,seconds\n0,0.1\n")


def write_array(path, raw):
  with open(path, "wb") as file:
    np.save(file, np.ones(3))


def write_without_policy(path, raw):
  path.write_bytes(raw)
  with np.load(path) as archive:
    arrays = {name: archive[name] for name in FIELDS if name != "policy"}
  np.savez(path, **arrays)


def write_pickle(path, raw):
  arrays = dict.fromkeys(FIELDS, np.array([{}], dtype=object))
  np.savez(path, allow_pickle=True, **arrays)


@pytest.mark.parametrize(
  ("write", "message"),
  [
    (lambda path, raw: None, "No such file"),
    (lambda path, raw: path.mkdir(), "Is a directory"),
    (lambda path, raw: path.write_bytes(b""), "not a zip file"),
    (lambda path, raw: path.write_bytes(raw[:-1]), "not a zip file"),
    (write_text, "not a zip file"),
    (write_array, "not a zip file"),
    (write_without_policy, "it has no policy"),
    (write_pickle, "objects are not loaded"),
  ],
)
def test_other_files_are_refused(solution, write, message, tmp_path):
  whole = tmp_path / "whole.npz"
  solutions.save_solution(whole, solution)
  path = tmp_path / "other.npz"
  write(path, whole.read_bytes())
  with pytest.raises(
    ValueError, match=rf"path must be .*other.npz \(.*{message}"
  ) as error:
    solutions.load_solution(path)
  assert "\n" not in str(error.value)


def test_a_damaged_file_is_refused_or_read_as_it_was(solution, tmp_path):
  """Some bytes of an archive are not read, such as times."""
  path = tmp_path / "solution.npz"
  solutions.save_solution(path, solution)
  raw = path.read_bytes()
  refused = 0
  damaged = [raw[:size] for size in range(0, len(raw), 61)]
  damaged += [
    raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :]
    for place in range(0, len(raw), 7)
  ]
  for data in damaged:
    path.write_bytes(data)
    try:
      loaded = solutions.load_solution(path)
    except ValueError as error:
      assert "\n" not in str(error)
      refused += 1
    else:
      assert_same(loaded, solution)
  assert refused > len(damaged) / 2


def rewrite(path, source, **changes):
  """Writes an archive in which some members are replaced by other bytes."""
  with (
    zipfile.ZipFile(source) as old,
    zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new,
  ):
    members = {name: old.read(name) for name in old.namelist()}
    for name, data in {**members, **changes}.items():
      new.writestr(name, data)


def npy(dtype, shape, content=b""):
  file = io.BytesIO()
  header = {"descr": dtype, "fortran_order": False, "shape": shape}
  np.lib.format.write_array_header_1_0(file, header)
  return file.getvalue() + content


NO_SOLUTIONS = [
  ({"policy.npy": b"policy"}, "magic string"),
  (
    {"policy.npy": npy("<f8", (2 * 10**13,))},
    "its header says 160000000000128",
  ),
  ({"game.npy": npy("<i8", (), bytes(8))}, "its game must have shape"),
  ({"game.npy": npy("<U1", (1,), bytes(4))}, "its game must have shape"),
  ({"iteration.npy": npy("<f8", (), bytes(8))}, "its iteration must have"),
  ({"iteration.npy": npy("<i8", (2,), bytes(16))}, "its iteration must have"),
  ({"model.npy": npy("|S1", (), b"a")}, "its model must have shape"),
  ({"mean_field.npy": npy("<c16", (42,), bytes(16 * 42))}, "its mean_field"),
  ({"mean_field.npy": npy("<f8", (42, 1), bytes(8 * 42))}, "its mean_field"),
  ({"legal_actions_mask.npy": npy("|b1", (), b"1")}, "its legal_actions_mask"),
  ({"legal_actions_mask.npy": npy("|i1", (42, 2), bytes(84))}, "its legal_act"),
  (
    {"observation_strings.npy": npy("<i8", (42,), bytes(336))},
    "its observation",
  ),
  ({"extra.npy": npy("<i8", (), bytes(8))}, "it has a extra"),
  ({"extra": b"extra"}, "its member 'extra' is not an array"),
]


@pytest.mark.parametrize(("changes", "message"), NO_SOLUTIONS)
def test_odd_members_are_refused(solution, changes, message, tmp_path):
  solutions.save_solution(tmp_path / "whole.npz", solution)
  path = tmp_path / "odd.npz"
  rewrite(path, tmp_path / "whole.npz", **changes)
  with pytest.raises(
    ValueError, match=rf"path must be .*odd.npz \(.*{message}.*\)\.$"
  ) as error:
    solutions.load_solution(path)
  assert "\n" not in str(error.value)


@pytest.mark.parametrize(
  "name", ["policy", "mean_field", "legal_actions_mask", "observation_strings"]
)
def test_a_decompression_bomb_is_refused(solution, name, tmp_path):
  solutions.save_solution(tmp_path / "whole.npz", solution)
  path = tmp_path / "bomb.npz"
  size, kind = {
    "legal_actions_mask": (2**25, "|b1"),
    "observation_strings": (2**23, "<U1"),
  }.get(name, (2**22, "<f8"))
  data = bytes(size * np.dtype(kind).itemsize)
  shape = (size,) if "_" in name and "mask" not in name else (size // 2, 2)
  rewrite(
    path, tmp_path / "whole.npz", **{f"{name}.npy": npy(kind, shape, data)}
  )
  assert path.stat().st_size < len(data) / 20
  tracemalloc.start()
  try:
    with pytest.raises(ValueError, match="must have shape"):
      solutions.load_solution(path)
    _, peak = tracemalloc.get_traced_memory()
  finally:
    tracemalloc.stop()
  assert peak < len(data) / 10


def test_a_solution_is_written_atomically(solution, tmp_path, monkeypatch):
  path = tmp_path / "solution"
  solutions.save_solution(path, solution)
  before = path.read_bytes()

  def fail(file, **arrays):
    file.write(b"PK")
    raise OSError(28, "No space left on device")

  monkeypatch.setattr(np, "savez_compressed", fail)
  with pytest.raises(OSError, match="No space left"):
    solutions.save_solution(path, dataclasses.replace(solution, iteration=8))
  assert path.read_bytes() == before
  assert [file.name for file in tmp_path.iterdir()] == ["solution"]
  assert_same(solutions.load_solution(path), solution)


def test_a_missing_folder_is_named(solution, tmp_path):
  with pytest.raises(ValueError, match="path must lie in a writable folder"):
    solutions.save_solution(tmp_path / "none" / "solution.npz", solution)
