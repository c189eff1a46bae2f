"""What the README has; `docs_blocks_test.py` runs its examples."""

import pathlib
import re

README = (pathlib.Path(__file__).parents[1] / "README.md").read_text()


def blocks(mark, language):
  return re.findall(
    rf"<!-- {mark} -->\n```{language}\n(.*?)```", README, re.DOTALL
  )


def test_every_block_is_an_example_or_a_set_up_command():
  assert len(blocks("example", "python")) == README.count("```python") >= 3
  set_up = blocks("main", "bash") + blocks("tests", "bash")
  assert len(set_up) == 2
  assert len(blocks("example", "bash")) + 2 == README.count("```bash") >= 7
  assert README.count("```") == 2 * (
    README.count("```python") + README.count("```bash")
  )


def test_pictures_are_there():
  pictures = re.findall(r"!\[.*?\]\((.*?)\)", README)
  assert len(pictures) == 3
  for picture in pictures:
    path = pathlib.Path(__file__).parents[1] / picture
    assert 0 < path.stat().st_size < 300_000
