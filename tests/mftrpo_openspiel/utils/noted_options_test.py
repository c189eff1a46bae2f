"""Tests of objects that record their constructor arguments."""

import copy
import inspect
import pickle

import numpy as np
import pytest

from mftrpo_openspiel.utils import noted_options


class Base(noted_options.NotedOptions):
  def __init__(self, game):
    self.game = game


class Method(Base):
  def __init__(self, game, lr=0.5, regularization=0.0, *, start=None, **others):
    super().__init__(game)
    self.lr = lr


@pytest.mark.parametrize(
  ("args", "kwargs", "title"),
  [
    (("game",), {}, "Method()"),
    (("game", 0.5), {"regularization": 0.1}, "Method(regularization=0.1)"),
    (("game", 2), {"start": np.zeros(9)}, "Method(lr=2, start=ndarray)"),
    (("game",), {"start": copy.copy, "n": "x"}, "Method(start=copy, n='x')"),
    ((), {"game": "game", "lr": 1.0}, "Method(lr=1.0)"),
  ],
)
def test_a_title_has_the_options_that_were_changed(args, kwargs, title):
  assert Method(*args, **kwargs).title() == title


def test_options_have_defaults():
  assert Method("game", lr=1.0, n=3).options == {
    "lr": 1.0,
    "regularization": 0.0,
    "start": None,
    "n": 3,
  }
  assert Base("game").options == {}


def test_a_wrong_call_raises_the_error_of_the_constructor():
  with pytest.raises(TypeError, match=r"__init__.* missing 1 required"):
    Method()
  with pytest.raises(TypeError, match=r"__init__.* takes"):
    Base("game", 1, 2)


def test_signatures_and_copies_are_not_affected():
  assert list(inspect.signature(Base).parameters) == ["game"]
  assert list(inspect.signature(Method).parameters)[:2] == ["game", "lr"]
  method = Method("game", 3)
  for again in (pickle.loads(pickle.dumps(method)), copy.deepcopy(method)):
    assert (again.lr, again.title()) == (3, "Method(lr=3)")
