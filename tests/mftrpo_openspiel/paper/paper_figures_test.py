"""Tests of the figures of the paper."""

import numpy as np
import pytest

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import paper_figures
from mftrpo_openspiel.paper import run_to_rest

ITERATIONS = (0, 30, 100, 1000, 5000)


@pytest.fixture(scope="module")
def results():
  """Made-up results: the crowd spreads from the first state over all states."""
  made = {}
  for name in experiments.create_experiments():
    size = 14 if name.setting == "two_islands" else 104
    records = [
      iteration_loop.Record(k, 1.0, 1.0, 2.0, 0.0, 0.0, 0.5) for k in ITERATIONS
    ]
    mean_fields = {
      k: np.eye(size)[0] * (1 - share) + share / size
      for k, share in zip(ITERATIONS, np.linspace(0, 1, len(ITERATIONS)))
    }
    policy = np.full((size, 2), 0.5)
    made[name] = run_to_rest.RunToRest(records, mean_fields, policy, 5000)
  return made


@pytest.mark.parametrize(
  "name, value, says",
  [
    ("figure_2", 2.0, r"$\eta$ of each curve"),
    ("figure_2_unregularized", 1.0, r"$\phi_0$"),
  ],
)
def test_figure_2(name, value, says, results):
  figure = paper_figures.FIGURES[name](results)
  assert says in figure.axes[0].get_ylabel()
  assert "Discounted exploitability" in figure.axes[0].get_ylabel()
  for axes in figure.axes:
    assert axes.get_xscale() == "symlog"
    assert {line.get_ydata()[0] for line in axes.lines} == {value}
    # Colours stand for methods, and line styles for eta.
    colors, styles = set(), set()
    for line in axes.lines:
      method, eta = line.get_label().split(", ")
      colors.add((method, line.get_color()))
      styles.add((eta, line._unscaled_dash_pattern))
    for looks, meanings in (
      (colors, {"FP", "MF-TRPO", "MF-TRPO warm", "OMD"}),
      (styles, {"eta = 0.05", "eta = 0.3", "plain"}),
    ):
      assert {meaning for meaning, _ in looks} == meanings
      assert len(looks) == len(meanings) == len({look for _, look in looks})
    # The lower eta is solid.
    assert ("eta = 0.05", (0, None)) in styles


def test_figure_2_states_the_eta_of_plain_methods(results):
  notes = {
    name: paper_figures.FIGURES[name](results).legends[0].get_title().get_text()
    for name in ("figure_2", "figure_2_unregularized")
  }
  assert notes["figure_2"].endswith("measured with eta = 0.05")
  assert "measured" not in notes["figure_2_unregularized"]


@pytest.mark.parametrize(
  "number, game, stages",
  [
    (3, "Four rooms", ("Start", "30", "1,000", "5,000")),
    (4, "Two islands", ("Start", "100", "5,000")),
    (5, "Four rooms, point of interest", ("Start", "30", "1,000", "5,000")),
  ],
)
def test_mean_fields(number, game, stages, results):
  figure = paper_figures.FIGURES[f"figure_{number}"](results)
  assert figure.get_suptitle().startswith(f"{game}: mean field of MF-TRPO, eta")
  titles = [axes.get_title().split(" ")[0] for axes in figure.axes]
  assert titles == list(stages)
  (bar,) = figure.axes[-1].child_axes
  # The colour scale ends at the mass of the uniform distribution.
  assert bar.get_ylim() == (
    0.0,
    pytest.approx(1 / (14 if number == 4 else 104)),
  )
  named = [
    text.get_text() for legend in figure.legends for text in legend.texts
  ]
  assert named == (["point of interest"] if number == 5 else [])
