"""The claims of the paper's section IV against the numbers of the runs."""

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from mftrpo_openspiel.games import factory as game_factory
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.runs import run_loop

Runs = Sequence[tuple[experiments.Experiment, experiments.Result]]

LOW_ETA, HIGH_ETA = experiments.LOW_ETA, experiments.HIGH_ETA
MF_TRPO, WARM = "MF-TRPO", "MF-TRPO warm"
BASELINES = ("FP", "OMD")
# Differences below this are rounding.
_ROUNDING = 1e-12


class _Table:
  """Looks runs up by setting, method and eta."""

  def __init__(self, all_runs: Runs):
    self._results = {
      (experiment.setting, experiment.method, experiment.eta): result
      for experiment, result in all_runs
    }

  def result(
    self, setting: str, method: str, eta: float | None
  ) -> experiments.Result:
    return self._results[setting, method, eta]

  def at(
    self, setting: str, method: str, eta: float | None, iteration: int
  ) -> run_loop.Record:
    """Returns the last record up to `iteration`."""
    records = self.result(setting, method, eta).records
    return [r for r in records if r.iteration <= iteration][-1]

  def final_mean_field(
    self, setting: str, method: str, eta: float | None
  ) -> np.ndarray:
    mean_fields = self.result(setting, method, eta).mean_fields
    return mean_fields[max(mean_fields)]


def summary(all_runs: Runs, num_iterations: int) -> str:
  """Returns the report, in Markdown."""
  table = _Table(all_runs)
  return "\n".join(
    [
      "# The MF-TRPO paper, reproduced",
      "",
      f"Stationary model, {num_iterations} iterations. phi_eta is the"
      " exploitability with entropy bonuses, which a regularized method drives"
      " to 0; phi_0 is the one without, which stops at the bias of eta. Runs"
      f" without eta are measured with phi_{LOW_ETA:g}. The paper gives"
      " neither the number of policy updates L nor of population steps M of"
      " MF-TRPO, nor a learning rate of OMD: here"
      f" L = {experiments.PAPER['num_policy_updates']},"
      f" M = {experiments.PAPER['num_population_steps']},"
      f" lr = {experiments.OMD_LEARNING_RATE}. The graph of the two"
      " islands is ours too.",
      "",
      "- **MF-TRPO**: as printed, TRPO restarts from the uniform policy;"
      " **warm**: it goes on, with L = 1.",
      "- **FP** with eta takes softmax responses at temperature eta (as the"
      " paper says and OpenSpiel offers); **FP regularized** takes the best"
      " responses of the regularized game.",
      "- **OMD** with eta is that of the regularized game.",
      "- **ms an iteration**: runs that differ in the game and eta alone were"
      " performed together, and share the time equally.",
      "- **performed**: a regularized run is at rest where an iteration moves"
      f" less than {experiments.LEAST_CHANGE:g} of the players, and as"
      " little of what they do. It is left there: the numbers of later"
      " iterations are those of the last one performed.",
      "",
      "## Final exploitabilities",
      "",
      *_final_table(all_runs),
      "",
      "## The claims",
      "",
      *_claim(
        "MF-TRPO is on par with FP and OMD, and superior in the long run",
        _long_run(table, num_iterations),
      ),
      *_claim(
        "MF-TRPO is less aggressive in the early phases",
        _early(table),
      ),
      *_claim(
        "On the islands exploitability decreases sharply and has converged"
        " after 10^3 iterations",
        _islands_convergence(table, num_iterations),
      ),
      *_claim(
        "On the islands node 6 remains sparse, between two clusters",
        _islands_node(table),
      ),
      *_claim(
        "The crowd starts in one cell and spreads over the state space",
        _spread(table, num_iterations),
      ),
      *_claim(
        "The higher the crowd aversion K, the closer is the mean field to the"
        " uniform law",
        _aversion(table),
      ),
      *_claim(
        "The higher eta, the closer is the policy to the uniform one",
        _entropy(table),
      ),
      *_claim(
        "The point of interest attracts the crowd",
        _attraction(table),
      ),
    ]
  )


def _final_table(all_runs: Runs) -> Iterable[str]:
  columns = "game", "method", "eta", "phi_eta", "phi_0", "performed"
  yield f"| {' | '.join(columns)} | ms an iteration |"
  yield "|---|---|---|---|---|---|---|"
  for experiment, result in sorted(
    all_runs, key=lambda run: (run[0].setting, run[0].eta or 0, run[0].method)
  ):
    last = result.records[-1]
    eta = "none" if experiment.eta is None else f"{experiment.eta:g}"
    milliseconds = 1e3 * last.seconds / max(result.num_performed, 1)
    yield (
      f"| {experiment.setting} | {experiment.method} | {eta}"
      f" | {last.regularized_exploitability:.1e}"
      f" | {last.exploitability:.1e} | {result.num_performed}"
      f" | {milliseconds:.2f} |"
    )


def _claim(text: str, evidence: Iterable[tuple[bool, str]]) -> Iterable[str]:
  """Yields a claim, whether it is borne out, and each piece of evidence."""
  evidence = list(evidence)
  holding = sum(holds for holds, _ in evidence)
  if holding == len(evidence):
    verdict = "borne out"
  elif holding:
    verdict = f"borne out in {holding} of {len(evidence)} cases"
  else:
    verdict = "not borne out"
  yield f"### {text}: {verdict}"
  yield ""
  for holds, line in evidence:
    yield f"- {'yes' if holds else 'no'}: {line}"
  yield ""


def _settings_and_etas() -> Iterable[tuple[str, float]]:
  for setting in experiments.PANELS:
    for eta in (LOW_ETA, HIGH_ETA):
      yield setting, eta


def _compared(table: _Table, setting: str, eta: float, iteration: int):
  """Returns phi_eta of MF-TRPO and of the baselines, and them as text."""
  ours = table.at(setting, MF_TRPO, eta, iteration)
  theirs = {name: table.at(setting, name, eta, iteration) for name in BASELINES}
  text = ", ".join(
    f"{name} {record.regularized_exploitability:.1e}"
    for name, record in {MF_TRPO: ours, **theirs}.items()
  )
  return (
    ours.regularized_exploitability,
    [record.regularized_exploitability for record in theirs.values()],
    f"{setting}, eta {eta:g}, phi_eta at iteration {iteration}: {text}",
  )


def _long_run(table: _Table, num_iterations: int):
  for setting, eta in _settings_and_etas():
    ours, theirs, text = _compared(table, setting, eta, num_iterations)
    warm = table.at(setting, WARM, eta, num_iterations)
    yield (
      ours <= min(theirs) + _ROUNDING,
      f"{text} (MF-TRPO warm {warm.regularized_exploitability:.1e})",
    )


def _early(table: _Table):
  for setting, eta in _settings_and_etas():
    ours, theirs, text = _compared(table, setting, eta, 10)
    yield ours > max(theirs), text


def _islands_convergence(table: _Table, num_iterations: int):
  for eta in (LOW_ETA, HIGH_ETA):
    start, middle, end = (
      table.at("two_islands", MF_TRPO, eta, k).regularized_exploitability
      for k in (0, 1000, num_iterations)
    )
    # Converged: nothing of note happens to it any more.
    yield (
      middle - end <= 0.01 * (start - end),
      f"eta {eta:g}, phi_eta at 0, 1,000 and {num_iterations:,} iterations:"
      f" {start:.1e}, {middle:.1e}, {end:.1e}",
    )


def _islands_node(table: _Table):
  for eta in (LOW_ETA, HIGH_ETA):
    law = table.final_mean_field("two_islands", MF_TRPO, eta)
    half = law.size // 2
    others = np.delete(law[:half], 6)
    yield (
      law[6] < others.min(),
      f"eta {eta:g}: node 6 has {law[6]:.4f}, the other nodes of its island"
      f" {others.min():.4f} to {others.max():.4f}; the islands have"
      f" {law[:half].sum():.3f} and {law[half:].sum():.3f}",
    )


def _distance_to_uniform(law: np.ndarray) -> float:
  """Returns the total variation distance, in [0, 1]."""
  return np.abs(law - 1 / law.size).sum() / 2


def _spread(table: _Table, num_iterations: int):
  for setting in experiments.PANELS:
    laws = table.result(setting, MF_TRPO, LOW_ETA).mean_fields
    distances = [_distance_to_uniform(laws[k]) for k in sorted(laws)]
    yield (
      all(np.diff(distances) < _ROUNDING),
      f"{setting}, total variation distance to the uniform law after"
      f" {', '.join(f'{k:,}' for k in sorted(laws))} iterations:"
      f" {', '.join(f'{distance:.3f}' for distance in distances)}",
    )


def _aversion(table: _Table):
  for setting, other in experiments.OTHER_AVERSION.items():
    distance_at = {}
    for name in (setting, other):
      game = game_factory.create_game(setting=name)
      aversion = game.get_parameters()["crowd_aversion"]
      distance_at[aversion] = _distance_to_uniform(
        table.final_mean_field(name, WARM, LOW_ETA)
      )
    low, high = sorted(distance_at)
    yield (
      distance_at[high] < distance_at[low] - _ROUNDING,
      f"{setting}, distance to the uniform law at K {low:g} and {high:g}:"
      f" {distance_at[low]:.2e}, {distance_at[high]:.2e}",
    )


def _entropy(table: _Table):
  for setting in experiments.PANELS:
    low, high = (
      table.result(setting, MF_TRPO, eta).entropy for eta in (LOW_ETA, HIGH_ETA)
    )
    yield (
      high > low,
      f"{setting}, entropy of the policy relative to the uniform one's:"
      f" {low:.3f} at eta {LOW_ETA:g}, {high:.3f} at {HIGH_ETA:g}",
    )


def _attraction(table: _Table):
  game = game_factory.create_game(setting="four_rooms_poi")
  cells = game.mean_field_mdp().drawing.cells
  near = np.abs(cells - cells[-1]).sum(axis=1) < 3
  for eta in (LOW_ETA, HIGH_ETA):
    with_point, without = (
      table.final_mean_field(setting, MF_TRPO, eta)[near].sum()
      for setting in ("four_rooms_poi", "four_rooms")
    )
    yield (
      with_point > without,
      f"eta {eta:g}: the {near.sum()} cells that pay hold {with_point:.3f} of"
      f" the players, {without:.3f} where they do not pay",
    )
