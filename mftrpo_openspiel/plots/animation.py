"""Animations of mean fields."""

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
# All frames are in memory before the file is written.
MAX_FRAMES = 500
DPI = 100
# The smallest and the largest width or height, in pixels.
SIZES = (100, 4000)


def save_mean_fields(
  drawing: drawing_lib.Drawing,
  mean_fields: Mapping[str, np.ndarray],
  path: str | os.PathLike,
  scale: str = "log",
  frames_per_second: float = 10.0,
  title: str = "",
  size: tuple[int, int] | None = None,
) -> None:
  """Writes mean fields as the frames of a GIF, atomically.

  Colours and areas have the same scale in all frames. The last frame is shown
  for one more second.

  Args:
    drawing: The positions of the S states.
    mean_fields: The (S,) mean field of each frame, by its title, for example
      those of several iterations or of the time steps of one solution. For the
      latter, the flow of a game of this package is reshaped to (horizon, S).
      Those of several populations, (populations, S), are drawn side by side.
    path: The path of a file in an existing folder, ending in ".gif".
    scale: The scale of colours, see `mean_field_plots.mean_field_figure`.
    frames_per_second: At most 50, the limit of many viewers.
    title: The title of all frames; should name the game.
    size: Width and height of the frames in pixels, each in `SIZES`, to which
      the picture is scaled, including text; None for the natural size of the
      drawing.

  Raises:
    ValueError: If `drawing` is not a drawing, there is no frame or more than
      `MAX_FRAMES`, a mean field is not a distribution over S states, another
      argument is out of range, or the folder does not exist.
  """
  path = pathlib.Path(path)
  if path.suffix.lower() != SUFFIX:
    raise ValueError(f"path must end in {SUFFIX[1:]}, got {str(path)!r}.")
  speed = validation.check_real(
    "frames_per_second", frames_per_second, 0, 50, low_open=True
  )
  for name, length in zip(("width", "height"), size or ()):
    validation.check_int(f"{name} of the animation", length, *SIZES)
  if not isinstance(mean_fields, Mapping):
    raise ValueError(
      "mean_fields must be a dictionary from titles to frames, got"
      f" {type(mean_fields).__name__}."
    )
  if len(mean_fields) > MAX_FRAMES:
    raise ValueError(
      f"mean_fields must be at most {MAX_FRAMES} frames, got"
      f" {len(mean_fields)}."
    )
  if not mean_fields:
    raise ValueError("mean_fields must have at least one frame, got none.")
  # The panels of each frame, by its title.
  frames = {
    name: _panels(name, np.asarray(mean_field))
    for name, mean_field in mean_fields.items()
  }
  all_panels = {
    title: panel for panels in frames.values() for title, panel in panels
  }
  all_panels = mean_field_plots.checked(drawing, all_panels)
  colors_of = mean_field_plots.mass_colors(all_panels, scale)
  first = next(iter(frames.values()))
  figure, all_axes = mean_field_plots.panels_for(
    drawing, [name for name, _ in first], title
  )
  # Fractional rates work, too.
  writer = animation.PillowWriter(fps=speed)  # type: ignore[arg-type]
  with (
    files.replacing(path) as temporary,
    writer.saving(figure, temporary, DPI),
  ):
    for frame, panels in enumerate(frames.values()):
      for axes, (name, _) in zip(all_axes, panels):
        axes.clear()
        mean_field_plots.draw(axes, drawing, all_panels[name], colors_of)
        axes.set_title(name, fontsize="medium")
      mean_field_plots.add_keys(all_axes, drawing, colors_of)
      if not frame:
        mean_field_plots.add_marks_legend(figure, drawing)
        if size is not None:
          # Scales the whole picture, including text.
          writer.dpi = min(size / figure.get_size_inches())
          # Slightly larger, so that rounding does not remove a pixel.
          width, height = ((side + 1e-6) / writer.dpi for side in size)
          figure.set_size_inches(width, height)
        # Keeps the layout of the first frame.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
      writer.grab_frame()
    for _ in range(round(speed)):
      writer.grab_frame()


def _panels(title: str, mean_field: np.ndarray) -> list[tuple[str, np.ndarray]]:
  """Returns the panels of a frame, one per population, with their titles."""
  if mean_field.ndim < 2 or len(mean_field) == 1:
    return [(title, mean_field.reshape(mean_field.shape[-1:]))]
  return [
    (f"{title}, population {number}", law)
    for number, law in enumerate(mean_field)
  ]
