"""Fixtures for tests of figures."""

from matplotlib.backends import backend_agg
import numpy as np
import pytest


@pytest.fixture
def disc_widths():
  """A function that returns (n,) widths of circles of an EllipseCollection."""

  def widths(discs):
    # Set during drawing; matplotlib before 3.10 has no get_widths().
    discs.figure.draw_without_rendering()
    scales = discs.get_transforms()[:, :2, :2]
    assert not scales[:, [0, 1], [1, 0]].any()
    np.testing.assert_array_equal(scales[:, 0, 0], scales[:, 1, 1])
    return 2 * scales[:, 0, 0]

  return widths


@pytest.fixture
def pixels():
  """A function that returns the (height, width, 3) picture of a figure.

  The first row is at the bottom.
  """

  def picture(figure):
    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::-1, :, :3]

  return picture


@pytest.fixture
def is_cut_off():
  """A function that returns whether a figure is cut off at an edge."""

  def check(figure):
    canvas = backend_agg.FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.get_tightbbox(canvas.get_renderer())
    width, height = figure.get_size_inches()
    return box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height

  return check
