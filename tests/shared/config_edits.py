"""Edits of a config.json, with which tests check its reader."""

import hashlib
import json


def leaves(value, place=()):
  """Yields the places of all values of a config, including nested ones."""
  yield place
  if isinstance(value, dict):
    for name, entry in value.items():
      yield from leaves(entry, (*place, name))


def replaced(config, place, value):
  """Returns a config with another value at a place from `leaves`."""
  if not place:
    return value
  name, *rest = place
  return {**config, name: replaced(config[name], rest, value)}


def with_checksum(config):
  """Returns a config with its checksum updated."""
  config = {name: value for name, value in config.items() if name != "checksum"}
  text = json.dumps(config, sort_keys=True)
  return {**config, "checksum": hashlib.sha256(text.encode()).hexdigest()}
