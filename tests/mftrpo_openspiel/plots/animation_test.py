"""Tests of animation."""

from matplotlib import animation as mpl_animation
import numpy as np
from PIL import Image
import pytest

from mftrpo_openspiel.mdp import drawing
from mftrpo_openspiel.plots import animation

LAWS = {"Start": [1.0, 0.0], "1 iteration": [0.5, 0.5], "2": [0.0, 1.0]}


def grid():
  return drawing.Grid(np.zeros((1, 2), bool), np.array([[0, 0], [0, 1]]))


def graph():
  return drawing.Graph(np.array([[0.0, 0], [1, 0]]), np.array([[0, 1]]))


def frames(path):
  """Returns the frames of a GIF and their durations in seconds."""
  with Image.open(path) as gif:
    pictures, seconds = [], []
    for index in range(gif.n_frames):
      gif.seek(index)
      pictures.append(np.asarray(gif.convert("RGB"), dtype=int))
      seconds.append(gif.info["duration"] / 1000)
  return np.array(pictures), seconds


def test_one_frame_per_mean_field_and_a_longer_last_one(tmp_path):
  path = tmp_path / "crowd.gif"
  animation.save_mean_fields(graph(), LAWS, path, frames_per_second=2)
  pictures, seconds = frames(path)
  assert len(pictures) == len(LAWS)
  assert seconds == [0.5, 0.5, 1.5]
  assert list(tmp_path.iterdir()) == [path]


def test_frames_share_one_scale_and_differ_only_in_masses(tmp_path):
  path = tmp_path / "crowd.gif"
  laws = {str(k): law for k, law in enumerate(LAWS.values())}
  animation.save_mean_fields(grid(), laws, path, "linear", 1)
  pictures, _ = frames(path)
  changes = np.abs(pictures[0] - pictures[2]).max(axis=2) > 100
  rows, columns = np.nonzero(changes)
  # The darkest red of the first frame in one half is that of the last frame in
  # the other half, on the same background.
  row = int(np.median(rows))
  left, right = np.percentile(columns, [10, 90]).astype(int)
  np.testing.assert_allclose(
    pictures[0][row, [left, right]], pictures[2][row, [right, left]], atol=8
  )
  assert pictures[0][row, left].sum() < pictures[1][row, left].sum() - 100
  # Next to the cells, the color bar does not move: a moving line would change
  # pixels by much more than the rounding of colors in two frames.
  beside = pictures[:, :, columns.max() + 10 :]
  assert np.ptp(beside, axis=0).max() < 40
  assert np.ptp(beside, axis=2).max() > 150


def test_populations_are_side_by_side_and_the_size_is_as_given(tmp_path):
  path = tmp_path / "crowd.gif"
  both = {"t = 0": np.eye(2), "t = 1": np.eye(2)[::-1]}
  animation.save_mean_fields(
    grid(), both, path, "linear", 1, title="Game", size=(640, 301)
  )
  pictures, _ = frames(path)
  assert pictures.shape[:3] == (2, 301, 640)
  # Full cells are darker than empty ones. Each frame has one on the left and
  # one on the right, which differ between the frames.
  changes = np.abs(pictures[0] - pictures[1]).max(axis=2) > 100
  row = int(np.median(np.nonzero(changes)[0]))
  columns = np.flatnonzero(changes[row])
  gap = int(np.diff(columns).argmax())
  for part in (columns[: gap + 1], columns[gap + 1 :]):
    assert 100 < np.ptp(part) < 320


def test_a_failure_does_not_change_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / "crowd.gif"
  path.write_text("old")

  def fail(self):
    raise OSError("disk full")

  monkeypatch.setattr(mpl_animation.PillowWriter, "finish", fail)
  with pytest.raises(OSError, match="disk full"):
    animation.save_mean_fields(grid(), LAWS, path, frames_per_second=1)
  assert path.read_text() == "old"
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
  "laws, name, options, match",
  [
    ({}, "a.gif", {}, "at least one"),
    ({"a": [0.5, 0.4]}, "a.gif", {}, "mean field 'a' must sum to 1"),
    (LAWS, "a.mp4", {}, "path must end in gif, got '.*a.mp4'"),
    (LAWS, "no/a.gif", {}, "path must lie in a writable folder"),
    (
      LAWS,
      "a.gif",
      {"scale": "cubic"},
      "scale must be one of clipped, linear, log",
    ),
    ([1.0, 0.0], "a.gif", {}, "must be a dictionary .*, got list"),
    (LAWS, "a.gif", {"size": (99, 200)}, "width .* in .100, 4000., got 99"),
    (LAWS, "a.gif", {"size": (200, 5000)}, "height .*, got 5000"),
    (LAWS, "a.gif", {"frames_per_second": 0}, r"must be a number in \(0, 50\]"),
    (
      {str(k): [1.0, 0.0] for k in range(501)},
      "a.gif",
      {},
      "at most 500 frames, got 501",
    ),
  ],
)
def test_invalid_arguments(laws, name, options, match, tmp_path):
  with pytest.raises(ValueError, match=match):
    animation.save_mean_fields(grid(), laws, tmp_path / name, **options)
  assert not list(tmp_path.iterdir())
