"""The tutorial is executed as it stands, and pictures show in notebooks."""

import pathlib
import re

import nbclient
import nbformat
import pytest

TUTORIAL = pathlib.Path(__file__).parents[1] / "docs" / "tutorial.ipynb"
MAX_BYTES = 500_000

# Ends in a picture each.
PICTURES = (
  "mf.plots.exploitability(solver)",
  "mf.plots.mean_field(solver)",
  "mf.plots.policy(solver)",
  "mf.plots.difference(solver, other)",
)
SET_UP = """
import mftrpo_openspiel as mf
import pyspiel

game = pyspiel.load_game("python_mfg_four_rooms(horizon=3)")
solver, other = mf.FictitiousPlay(game), mf.MirrorDescent(game)
solver.run(3)
"""


def executed(notebook):
  """Returns a notebook with the outputs of its cells; an error is raised."""
  client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3")
  return client.execute()


def outputs(cell, kind):
  """Returns the outputs of a cell that have data of a kind."""
  return [x.data[kind] for x in cell.outputs if kind in x.get("data", {})]


def said(cell):
  """Returns what a cell prints and is, without its numbers."""
  printed = [x.text for x in cell.outputs if x.get("name") == "stdout"]
  texts = "".join(printed + outputs(cell, "text/plain"))
  return re.sub(r"[0-9.]+(e[-+]?\d+)?", "number", texts)


@pytest.mark.slow
def test_the_tutorial_runs_and_gives_what_it_shows():
  committed = nbformat.read(TUTORIAL, as_version=4)
  fresh = executed(nbformat.read(TUTORIAL, as_version=4))
  num_pictures = 0
  for before, after in zip(committed.cells, fresh.cells, strict=True):
    if after.cell_type != "code":
      continue
    last = after.source.splitlines()[-1]
    is_picture = last.startswith("mf.plots.")
    num_pictures += is_picture
    for cell in (before, after):
      assert len(outputs(cell, "image/png")) == is_picture, last
    assert said(before) == said(after)
    errors = [x.text for x in after.outputs if x.get("name") == "stderr"]
    warned = [x for x in "".join(errors).splitlines() if "Warning" in x]
    # What the tutorial speaks of.
    assert all("not only on its observation string" in line for line in warned)
  assert num_pictures >= 6


def test_the_tutorial_is_small_and_from_no_machine():
  text = TUTORIAL.read_text(encoding="utf-8")
  assert len(text) < MAX_BYTES
  assert "/tmp" not in text
  notebook = nbformat.read(TUTORIAL, as_version=4)
  code = [cell for cell in notebook.cells if cell.cell_type == "code"]
  # Executed once, from the first to the last cell, without progress bars.
  assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
  assert not any(x.get("name") == "stderr" for c in code for x in c.outputs)


@pytest.mark.slow
def test_a_picture_shows_once_as_the_last_expression():
  """With and without Jupyter's line about Matplotlib, in one kernel."""
  inline = "%matplotlib inline\n" + PICTURES[0]
  notebook = nbformat.v4.new_notebook()
  notebook.cells = [
    nbformat.v4.new_code_cell(source)
    for source in (SET_UP, *PICTURES, inline, *PICTURES[1:])
  ]
  set_up, *cells = executed(notebook).cells
  for cell in cells:
    (picture,) = outputs(cell, "image/png")
    assert len(picture) > 1000
    # Nothing else of it shows, such as a second one by pyplot.
    assert len(cell.outputs) == 1
  # The bar of `run` is drawn in a notebook, and the history is the result.
  bar = "".join(x.text for x in set_up.outputs if x.get("name") == "stderr")
  assert "/3" in bar
  (history,) = outputs(set_up, "text/plain")
  assert history.startswith(
    "History(FictitiousPlay(): iterations 0 to 3, phi_0"
  )
