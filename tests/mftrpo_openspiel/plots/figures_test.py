"""Tests of figures."""

import io

from matplotlib import figure as figure_lib
from matplotlib import pyplot
import numpy as np
from PIL import Image
import pytest

from mftrpo_openspiel.plots import figures

# The first bytes of the files of each format.
MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


def small_figure():
  figure, (axes,) = figures.panels([""], 2.0, 1.0)
  axes.plot([0, 1], [0, 1])
  axes.set_ylabel("Words")
  return figure


class TestPanels:
  @pytest.mark.parametrize(
    "number, rows, columns", [(1, 1, 1), (4, 1, 4), (5, 2, 4), (8, 2, 4)]
  )
  def test_rows_are_filled(self, number, rows, columns):
    titles = [f"Panel {k}" for k in range(number)]
    figure, all_axes = figures.panels(titles, 2.0, 1.0)
    assert [axes.get_title() for axes in all_axes] == titles
    assert figure.axes == list(all_axes)
    grid = all_axes[0].get_gridspec()
    assert (grid.nrows, grid.ncols) == (rows, columns)

  def test_long_titles_do_not_overlap(self):
    title = "Fictitious Play, regularization = 0.05, seed = 17, eta = 0.3"
    figure, (left, right) = figures.panels([title, title + "."], 2.0, 1.0)
    figure.draw_without_rendering()
    boxes = [axes.title.get_window_extent() for axes in (left, right)]
    assert boxes[0].x1 < boxes[1].x0
    assert left.get_title().replace("\n", " ") == title

  def test_no_panel_raises_an_error(self):
    with pytest.raises(ValueError, match="at least one panel"):
      figures.panels([], 2.0, 1.0)


class TestNotebook:
  def test_shows_the_figure_as_png(self):
    figure = small_figure()
    with Image.open(io.BytesIO(figure._repr_png_())) as picture:
      assert picture.format == "PNG"
      np.testing.assert_allclose(
        picture.size, 100 * figure.get_size_inches(), atol=1
      )

  def test_ipython_shows_it_once(self):
    """With and without the formatter that `%matplotlib inline` registers."""
    core = pytest.importorskip("IPython.core.formatters")
    formatter = core.DisplayFormatter()
    figure = small_figure()

    def pictures():
      shown, _ = formatter.format(figure)
      return {kind: shown[kind] for kind in shown if kind.startswith("image/")}

    assert pictures() == {"image/png": figure._repr_png_()}
    formatter.formatters["image/png"].for_type(
      figure_lib.Figure, lambda _: b"inline"
    )
    assert pictures() == {"image/png": b"inline"}


class TestSave:
  def test_formats_are_tested(self):
    assert set(MAGIC) == set(figures.FORMATS)

  @pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "PNG"])
  def test_files_of_the_same_figure_are_identical(self, tmp_path, suffix):
    path = tmp_path / f"figure.{suffix}"
    figures.save(small_figure(), path)
    first = path.read_bytes()
    assert first.startswith(MAGIC[suffix.lower()])
    figures.save(small_figure(), path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]

  def test_pdf_has_no_type_3_fonts(self, tmp_path):
    figures.save(small_figure(), tmp_path / "figure.pdf")
    content = (tmp_path / "figure.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/TrueType" in content or b"/CIDFontType2" in content

  def test_png_has_the_size_of_the_figure(self, tmp_path):
    figure = small_figure()
    figures.save(figure, str(tmp_path / "figure.png"))
    with Image.open(tmp_path / "figure.png") as picture:
      np.testing.assert_allclose(
        picture.size, 150 * figure.get_size_inches(), atol=1
      )

  def test_a_failure_does_not_change_the_old_file(self, tmp_path, monkeypatch):
    path = tmp_path / "figure.png"
    path.write_text("old")
    figure = small_figure()

    def fail(target, **_):
      target.write(b"half")
      raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
      figures.save(figure, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]

  @pytest.mark.parametrize("name", ["figure.gif", "figure", ".png"])
  def test_unknown_endings_raise_an_error(self, tmp_path, name):
    with pytest.raises(ValueError, match="must end in one of pdf, png, svg"):
      figures.save(small_figure(), tmp_path / name)

  def test_a_missing_folder_raises_an_error(self, tmp_path):
    with pytest.raises(ValueError, match="path must lie in a writable folder"):
      figures.save(small_figure(), tmp_path / "missing" / "figure.png")


def test_no_global_state():
  small_figure()
  assert not pyplot.get_fignums()
