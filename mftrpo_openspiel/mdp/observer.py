"""The observations of players in a game over a mean-field MDP."""

import numpy as np
import pyspiel


class Observer:
  """Observer, conforming to the PyObserver interface (see observation.py).

  Attributes:
    tensor: x, pending action and t, each one-hot encoded; zeros if not known.
    dict: The three parts of the tensor by name.
  """

  def __init__(self, params, game: pyspiel.Game):
    """Initializes an empty observation tensor.

    Args:
      params: None, or empty.
      game: An `mdp_game.MDPGame`.
    """
    if params:
      raise ValueError(f"Observation parameters not supported; got {params}.")
    mdp = game.mean_field_mdp()
    sizes = {
      "x": mdp.num_states,
      "action": mdp.num_actions,
      "t": game.horizon + 1,
    }
    self.tensor = np.zeros(sum(sizes.values()), np.float32)
    parts = np.split(self.tensor, np.cumsum(list(sizes.values()))[:-1])
    self.dict = dict(zip(sizes, parts))

  def set_from(self, state: pyspiel.State, player: int) -> None:
    """Updates `tensor` and `dict` to reflect `state` from PoV of `player`."""
    del player
    self.tensor.fill(0)
    if state.x is not None:
      self.dict["x"][state.x] = 1
    if state.pending_action is not None:
      self.dict["action"][state.pending_action] = 1
    self.dict["t"][state.t] = 1

  def string_from(self, state: pyspiel.State, player: int) -> str:
    """Observation of `state` from the PoV of `player`, as a string."""
    del player
    return str(state)
