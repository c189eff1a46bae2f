"""Mean fields as moving pictures."""

from collections.abc import Mapping
import os
import pathlib

from matplotlib import animation
import numpy as np

from mftrpo_openspiel.mdp import drawing as drawing_lib
from mftrpo_openspiel.plots import mean_field_plots
from mftrpo_openspiel.utils import files
from mftrpo_openspiel.utils import validation

SUFFIX = ".gif"
# All of them are in memory before the file is written.
MAX_FRAMES = 500
DPI = 100


def save_mean_fields(
  drawing: drawing_lib.Drawing,
  mean_fields: Mapping[str, np.ndarray],
  path: str | os.PathLike,
  scale: str = "log",
  frames_per_second: float = 10.0,
) -> None:
  """Writes mean fields one after another as a GIF, whole or not at all.

  Colours and areas mean the same in all frames. The last one stays for a second
  before the first one follows again.

  Args:
    drawing: Where the S states lie.
    mean_fields: The (S,) mean field of each frame, by its title: those after
      some iterations, or those of the time steps of one play, for which the
      flow of a game of this package is reshaped to (horizon, S).
    path: Of a file in an existing folder, ending in ".gif".
    scale: Of the colours, see `mean_field_plots.mean_field_figure`.
    frames_per_second: How fast; viewers may refuse to be faster than 50.

  Raises:
    ValueError: If the drawing is not one, there is no frame or more than
      `MAX_FRAMES`, a mean field is no law over S states, another argument is
      out of range, or the folder is missing.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() != SUFFIX:
    raise ValueError(f"path must end in {SUFFIX[1:]}, got {str(path)!r}.")
  speed = validation.check_real(
    "frames_per_second", frames_per_second, 0, 50, low_open=True
  )
  if len(mean_fields) > MAX_FRAMES:
    raise ValueError(
      f"mean_fields must be at most {MAX_FRAMES} frames, got"
      f" {len(mean_fields)}."
    )
  mean_fields = mean_field_plots.checked(drawing, mean_fields)
  colors_of = mean_field_plots.mass_colors(mean_fields, scale)
  figure, (axes,) = mean_field_plots.panels_for(drawing, list(mean_fields)[:1])
  # Fractions work as well.
  writer = animation.PillowWriter(fps=speed)  # type: ignore[arg-type]
  with (
    files.replacing(path) as temporary,
    writer.saving(figure, temporary, DPI),
  ):
    for frame, (title, mean_field) in enumerate(mean_fields.items()):
      axes.clear()
      mean_field_plots.draw(axes, drawing, mean_field, colors_of)
      mean_field_plots.add_keys((axes,), drawing, colors_of)
      axes.set_title(title, fontsize="medium")
      if not frame:
        mean_field_plots.add_marks_legend(figure, drawing)
        # Everything stays where it is in the first frame.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
      writer.grab_frame()
    for _ in range(round(speed)):
      writer.grab_frame()
