"""Edits of a config.json, by which tests try what a reader of it finds."""

import hashlib
import json


def leaves(value, place=()):
  """Yields where the values of a config are, of dictionaries too."""
  yield place
  if isinstance(value, dict):
    for name, entry in value.items():
      yield from leaves(entry, (*place, name))


def replaced(config, place, value):
  """Returns a config with another value at a place that `leaves` gives."""
  if not place:
    return value
  name, *rest = place
  return {**config, name: replaced(config[name], rest, value)}


def with_checksum(config):
  """Returns a config with the checksum that it has by now."""
  config = {name: value for name, value in config.items() if name != "checksum"}
  text = json.dumps(config, sort_keys=True)
  return {**config, "checksum": hashlib.sha256(text.encode()).hexdigest()}
