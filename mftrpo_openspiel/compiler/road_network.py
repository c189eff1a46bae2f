"""The roads of OpenSpiel's routing games, and the waiting times of cars.

In python_mfg_dynamic_routing and mfg_dynamic_routing a car enters a link at
time t and receives the fraction rho of all V cars that is on it. It then waits

    w = max(0, floor(f (1 + a (V rho / c)^b) / dt) - 1)

time steps before it continues. Here f is the free-flow travel time, c the
capacity, and a, b are the coefficients of the link; dt is the length of a time
step. So w is a step function of rho. Its jumps are computed once, to the last
bit, by bisection of the game's own arithmetic. Afterwards waiting times are
looked up, and do not depend on the rounding of powers of arrays.
"""

from collections.abc import Callable
from collections.abc import Sequence
import dataclasses

import numpy as np
from open_spiel.python.games import dynamic_routing_data
from open_spiel.python.games import dynamic_routing_utils
import pyspiel

PYTHON_GAME = "python_mfg_dynamic_routing"
CPP_GAME = "mfg_dynamic_routing"
# The largest fraction of the cars that the games accept as 1.
LARGEST_SHARE = 1 + 1e-4
# The networks of the C++ game, whose interface provides only their names.
_CPP_NETWORKS = {
  "line": (
    dynamic_routing_data.LINE_NETWORK,
    dynamic_routing_data.LINE_NETWORK_OD_DEMAND,
  ),
  "braess": (
    dynamic_routing_data.BRAESS_NETWORK,
    dynamic_routing_data.BRAESS_NETWORK_OD_DEMAND,
  ),
}


@dataclasses.dataclass(frozen=True)
class Trip:
  """Cars with the same origin, destination and waiting time.

  Attributes:
    origin: The link on which they start.
    destination: The number of their destination.
    waiting_time: The number of steps for which they wait at first.
    share: Their fraction of all cars.
  """

  origin: int
  destination: int
  waiting_time: int
  share: float


@dataclasses.dataclass(frozen=True, eq=False)
class RoadNetwork:
  """The links of a routing game, numbered from 0, and the demand.

  Attributes:
    names: The names of the links, such as "A->B". The action that leads to link
      i is i + 1, and action 0 is to wait.
    successors: For each link, the links to which a car can continue, in order;
      empty for a sink.
    destinations: The destination links, in the order in which the game lists
      them in distribution supports.
    trips: The demand.
    horizon: T, the number of moves after which the game ends.
    step_length: dt, in units of travel times.
    is_cpp: Whether it is the C++ game.
    waiting_time: A function from a link and the fraction of cars on it to w.
  """

  names: Sequence[str]
  successors: Sequence[Sequence[int]]
  destinations: Sequence[int]
  trips: Sequence[Trip]
  horizon: int
  step_length: float
  is_cpp: bool
  waiting_time: Callable[[int, float], int]

  def underway(
    self, link: int, wait: int, time: int, destination: int, is_told: bool
  ) -> str:
    """Returns the observation string of a car that has not arrived.

    Args:
      link: The link of the car.
      wait: The number of steps it waits; -1 if not yet known.
      time: The time step.
      destination: The number of its destination.
      is_told: Whether it is at a mean-field node.
    """
    when = f"{time}_mean_field" if is_told else f"{time}"
    end = self.names[self.destinations[destination]]
    if self.is_cpp:
      return (
        f"Location={self.names[link]}, waiting time={wait}, t={when},"
        f" destination={end}"
      )
    return (
      f"Location={self.names[link]}, waiting_time={wait}, t={when},"
      f" destination='{end}'"
    )

  def arrived(
    self, link: int, arrival: int | None, time: int, is_told: bool
  ) -> str:
    """Returns the observation string of a car that cannot continue.

    Args:
      link: The link of the car: its destination, or another sink.
      arrival: The time at which it chose that link; None in another sink, which
        counts as one step after the end.
      time: The time step.
      is_told: Whether it is at a mean-field node.
    """
    if arrival == 0:  # The games treat arrival time 0 as not arrived.
      destination = self.destinations.index(link)
      return self.underway(link, 0, time, destination, is_told)
    when = f"{time}_mean_field" if is_told else f"{time}"
    counted = float(self.horizon + 1) if arrival is None else arrival
    shown = f"{counted:.2f}" if self.is_cpp else f"{counted}"
    return f"Arrived at {self.names[link]}, with arrival time {shown}, t={when}"

  def pay(self, arrival: int | None) -> float:
    """Returns the reward of a car at the end; for `arrival` see `arrived`."""
    steps = self.horizon + 1 if arrival is None else arrival
    return -steps * self.step_length


def read(game: pyspiel.Game) -> RoadNetwork | None:
  """Returns the network of a routing game; None for any other game.

  It is also None for demands that OpenSpiel's strings do not distinguish: if a
  car may arrive in the very first step on a link that is not a sink, or starts
  on a link without a successor.
  """
  name = game.get_type().short_name
  if name == PYTHON_GAME and hasattr(game, "network"):
    network, demand = game.network, game.od_demand
    step_length = game.time_step_length
  elif name == CPP_GAME:
    parameters = {
      **game.get_type().parameter_specification,
      **game.get_parameters(),
    }
    if parameters["network"] not in _CPP_NETWORKS:
      return None
    network, demand = _CPP_NETWORKS[parameters["network"]]
    step_length = parameters["time_step_length"]
  else:
    return None
  names = network.links()
  numbers = {link: number for number, link in enumerate(names)}
  successors = [
    sorted(
      numbers[f"{link.split('->')[1]}->{node}"]
      for node in network.get_successors(link.split("->")[1])
    )
    for link in names
  ]
  # The same set as in the game, in the same order.
  ends = list({trip.destination for trip in demand})
  total = sum(trip.counts for trip in demand)
  trips = [
    Trip(
      numbers[trip.origin],
      ends.index(trip.destination),
      int(trip.departure_time / step_length),
      trip.counts / total,
    )
    for trip in demand
  ]
  destinations = [numbers[end] for end in ends]
  for trip in trips:
    end = destinations[trip.destination]
    at_once = not trip.waiting_time and end in successors[trip.origin]
    if not successors[trip.origin] or (at_once and successors[end]):
      return None
  is_cpp = name == CPP_GAME
  travel_time = (
    _single_precision(network) if is_cpp else network.get_travel_time
  )

  def waiting_time(link: int, share: float) -> int:
    steps = int(travel_time(names[link], total * share) / step_length)
    return max(0, steps - 1)

  return RoadNetwork(
    names,
    successors,
    destinations,
    trips,
    game.max_game_length(),
    step_length,
    is_cpp,
    waiting_time,
  )


def _single_precision(
  network: dynamic_routing_utils.Network,
) -> Callable[[str, float], float]:
  """Returns travel times as C++ computes them, mostly in 32 bits."""

  def travel_time(link: str, volume: float) -> float:
    load = np.float32(volume) / np.float32(network._capacity[link])
    power = np.float32(load ** np.float32(network._b[link]))
    delay = float(np.float32(network._a[link]) * power)
    free_flow = float(np.float32(network._free_flow_travel_time[link]))
    return float(np.float32(free_flow * (1.0 + delay)))

  return travel_time


class WaitingTimes:
  """The waiting times on all links as step functions.

  Attributes:
    least: (K,), the waiting times on empty links.
    largest: (K,), the waiting times if all cars are on the link.
    jumps: (K, J), entry j - 1 is the smallest fraction at which the waiting
      time is `least` + j or more; inf above the largest waiting time.
  """

  def __init__(self, network: RoadNetwork, cap: int):
    """Computes the jumps; waiting times above `cap` are replaced by `cap`."""
    jumps = []
    for link in range(len(network.names)):

      def wait(share: float, link: int = link) -> int:
        return min(network.waiting_time(link, share), cap)

      jumps.append(_jumps(wait))
    self.least = np.array(
      [min(network.waiting_time(k, 0.0), cap) for k in range(len(jumps))]
    )
    counts = np.array(list(map(len, jumps)))
    self.largest = self.least + counts
    self.jumps = np.full((len(jumps), counts.max()), np.inf)
    for row, found in zip(self.jumps, jumps):
      row[: len(found)] = found

  def __call__(self, shares: np.ndarray) -> np.ndarray:
    """Returns the (..., K) waiting times for (..., K) fractions of the cars."""
    return self.least + (self.jumps <= shares[..., None]).sum(axis=-1)

  def share(self, link: int, wait: int) -> float:
    """Returns the smallest fraction with a waiting time of `wait` or more."""
    steps = wait - int(self.least[link])
    return float(self.jumps[link, steps - 1]) if steps else 0.0

  def feasible(self) -> np.ndarray:
    """Returns (K, W) of bool, whether a waiting time of w steps is possible."""
    result = np.zeros((len(self.least), self.largest.max() + 1), dtype=bool)
    links = np.arange(len(self.least))
    result[links, self.least] = True
    # Of several jumps at the same share, the last one counts.
    following = np.pad(
      self.jumps[:, 1:], ((0, 0), (0, 1)), constant_values=np.inf
    )
    rows, steps = np.nonzero(np.isfinite(self.jumps) & (following > self.jumps))
    result[rows, self.least[rows] + steps + 1] = True
    return result


def _jumps(wait: Callable[[float], int]) -> list[float]:
  """Returns, for each integer above wait(0), the smallest share that gives it.

  Integers are considered up to wait(LARGEST_SHARE). The function must not
  decrease. A jump over several integers is returned once for each.
  """
  result: list[float] = []
  pending = [(0.0, wait(0.0), LARGEST_SHARE, wait(LARGEST_SHARE))]
  while pending:
    low, low_wait, high, high_wait = pending.pop()
    if low_wait >= high_wait:
      continue
    middle = (low + high) / 2
    if middle in (low, high):
      result += [high] * (high_wait - low_wait)
      continue
    between = wait(middle)
    pending += [
      (middle, between, high, high_wait),
      (low, low_wait, middle, between),
    ]
  return result
