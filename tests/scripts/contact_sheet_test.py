"""The contact sheet of two small games."""

import command_line
from PIL import Image
import pytest

from mftrpo_openspiel.plots import game_drawings
from mftrpo_openspiel.plots import openspiel_drawings
from mftrpo_openspiel.scripts import contact_sheet


def main(path, *options):
  with command_line.given(
    contact_sheet.define_flags, f"--output={path}", *options
  ):
    contact_sheet.main()


def test_all_kinds_of_pictures_are_drawn_and_on_a_sheet(tmp_path):
  main(tmp_path, "--games=two_islands,routing_line")
  for kind in contact_sheet.KINDS:
    pictures = sorted((tmp_path / kind).iterdir())
    assert [picture.stem for picture in pictures] == [
      "routing_line",
      "two_islands",
    ]
    with Image.open(tmp_path / f"{kind}.png") as sheet:
      assert sheet.width <= contact_sheet.SHEET_WIDTH
      assert len(set(sheet.convert("L").resize((99, 99)).tobytes())) > 20


def test_every_game_with_a_drawing_is_on_it():
  names = {
    experiment_fields.get("game_name")
    for experiment_fields in contact_sheet.GAMES.values()
  }
  assert openspiel_drawings.DRAWINGS.keys() <= names
  assert game_drawings._FUNCTIONS.keys() >= names - {None}


def test_refuses(tmp_path):
  with pytest.raises(
    ValueError, match=r"games must be of four_rooms, .* 'chess'"
  ):
    main(tmp_path, "--games=chess")
