"""Tests of the adapter to OpenSpiel's algorithms."""

import numpy as np
from open_spiel.python.mfg.algorithms import fictitious_play as openspiel_fp
from open_spiel.python.mfg.algorithms import mirror_descent as openspiel_omd
from open_spiel.python.mfg.algorithms import nash_conv
import pyspiel
import pytest

from mftrpo_openspiel.algorithms import registry as algorithm_factory
from mftrpo_openspiel.models import openspiel_model


def test_the_adapter_runs_openspiels_classes():
  game = pyspiel.load_game("mfg_garnet")
  model = openspiel_model.OpenSpielModel(game)
  for name, native in [
    ("openspiel_fictitious_play", openspiel_fp.FictitiousPlay(game)),
    ("openspiel_mirror_descent", openspiel_omd.MirrorDescent(game, lr=0.2)),
  ]:
    options = {"lr": 0.2} if "descent" in name else {}
    adapted = algorithm_factory.create_algorithm(name, model, **options)
    for _ in range(3):
      adapted.iteration()
      native.iteration()
    assert model.exploitability(adapted.policy) == pytest.approx(
      nash_conv.NashConv(game, native.get_policy()).nash_conv(), rel=1e-12
    )
    frozen = adapted.policy
    adapted.iteration()
    assert np.abs(adapted.policy - frozen).max() > 0
