"""What the programs say at the end of a run: whether it still got on."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import experiment as experiment_lib

# Exploitability falls if it gets below this times the least before; what is
# below this times the largest is rounding.
FALL = 0.99
ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class _Course:
  """How one exploitability went in the last half of a run.

  Attributes:
    best: The record of the least one in the first half.
    first: That least one.
    late: The record of the least one in the last half.
    least: That one.
    last: The one at the end.
    fell: Whether it got below `first`.
    is_rounding: Whether it got down to rounding.
  """

  best: iteration_loop.Record
  first: float
  late: iteration_loop.Record
  least: float
  last: float
  fell: bool
  is_rounding: bool

  def __str__(self) -> str:
    return (
      f"it was {self.first:.4g} at iteration {self.best.iteration}, and is"
      f" {self.last:.4g} at the end"
    )


def _course(
  records: Sequence[iteration_loop.Record], name: str
) -> _Course | None:
  """Returns how the field `name` went; None for a run of a single record."""
  middle = records[-1].iteration / 2
  early = [record for record in records if record.iteration <= middle]
  late = [record for record in records if record.iteration > middle]
  if not early or not late:
    return None
  best = min(early, key=lambda record: getattr(record, name))
  first = getattr(best, name)
  lowest = min(late, key=lambda record: getattr(record, name))
  least = getattr(lowest, name)
  scale = max(getattr(record, name) for record in records)
  return _Course(
    best,
    first,
    lowest,
    least,
    getattr(records[-1], name),
    fell=least < FALL * first,
    is_rounding=least <= ROUNDING * scale,
  )


def is_stalled(records: Sequence[iteration_loop.Record]) -> bool:
  """Whether neither exploitability fell in the last half of a run.

  Not where one of them has got down to rounding.
  """
  courses = [
    _course(records, name)
    for name in ("exploitability", "regularized_exploitability")
  ]
  return all(x and not (x.fell or x.is_rounding) for x in courses)


def verdict(
  experiment: experiment_lib.Experiment,
  records: Sequence[iteration_loop.Record],
) -> str | None:
  """Returns a few sentences on the end of a run.

  They say what stopped it, if something did, whether exploitability still fell
  in the last half of the run, and what to do if it did not.

  Args:
    experiment: What was run.
    records: All of the run.

  Returns:
    None where there is nothing to compare.
  """
  last = records[-1]
  if iteration_loop.is_below(last, experiment.stop_below):
    return (
      f"Stopped after iteration {last.iteration}: phi_0 is"
      f" {last.exploitability:.4g}, less than {experiment.stop_below:g}."
    )
  said = _verdict_on_course(experiment, records)
  budget = experiment.max_environment_steps
  if iteration_loop.are_spent(last.environment_steps, budget):
    spent = (
      f"Stopped after iteration {last.iteration}: {last.environment_steps}"
      f" environment steps have been simulated, of a budget of {budget}."
    )
    return _joined(spent, said)
  return said


def _verdict_on_course(
  experiment: experiment_lib.Experiment,
  records: Sequence[iteration_loop.Record],
) -> str | None:
  """Returns the part of `verdict` on exploitability; None if there is none."""
  plain = _course(records, "exploitability")
  regularized = _course(records, "regularized_exploitability")
  if plain is None or regularized is None:
    return None
  if plain.is_rounding:
    return f"phi_0 is down to rounding, {plain.last:.2g}."
  if plain.fell:
    said = (
      "phi_0 still fell in the last half of the run: from"
      f" {plain.first:.4g} at iteration {plain.best.iteration} to"
      f" {plain.least:.4g}"
    )
    if plain.late is not records[-1]:
      said += (
        f" at iteration {plain.late.iteration}, and is {plain.last:.4g} at the"
        " end"
      )
    return f"{said}. More iterations may bring it further down."
  eta = experiment.regularization
  if regularized.fell or regularized.is_rounding:
    there = "is down to rounding" if regularized.is_rounding else "did"
    said = (
      f"phi_0 did not fall in the last half of the run ({plain}), phi_{eta:g}"
      f" {there} ({regularized.last:.2g})."
    )
    return _joined(said, _advice_on_bias(experiment))
  said = f"Exploitability did not fall in the last half of the run: {plain}."
  if experiment.model in from_game.COUNTING_MODELS:
    said += (
      "\nWhat is left may be noise of the samples, of which more"
      " --num_trajectories and --num_particles leave less."
    )
  return _joined(said, _advice(experiment))


def _joined(said: str, advice: str | None) -> str:
  return said if advice is None else f"{said}\n{advice}"


def _option(experiment: experiment_lib.Experiment, name: str) -> Any:
  """Returns the value of an option of the algorithm; None if it has none."""
  if name in experiment.options:
    return experiment.options[name]
  parameter = registry.find(experiment.algorithm).parameters.get(name)
  if parameter is None or parameter.default is parameter.empty:
    return None
  return parameter.default


def _advice_on_bias(experiment: experiment_lib.Experiment) -> str | None:
  """Returns what to do where only phi_eta falls."""
  eta = _option(experiment, "regularization")
  if not eta:
    return None
  return (
    f"What is left of phi_0 is the bias of --regularization={eta:g}: a lower"
    " one leaves less, and --algorithm=annealed_mf_trpo none. phi_eta with the"
    " same eta is the measure of convergence."
  )


def _advice(experiment: experiment_lib.Experiment) -> str | None:
  """Returns what to do where no exploitability falls; None if not known."""
  eta = _option(experiment, "regularization")
  rate = _option(experiment, "population_update_rate")
  match experiment.algorithm:
    case "mf_trpo" if not _option(experiment, "warm_start"):
      return (
        "As printed in the paper, MF-TRPO starts from the uniform policy in"
        " each iteration, which leaves a floor: --warm_start has none, and more"
        " --num_policy_updates a lower one."
      )
    case "mf_trpo" if rate != "auto":
      return (
        "Try a --population_update_rate below"
        f" {rate:g}, or auto, or --algorithm=annealed_mf_trpo."
      )
    case "mf_trpo":
      return "Try more iterations, or --algorithm=annealed_mf_trpo."
    case "annealed_mf_trpo":
      return (
        "It may turn around an equilibrium, as where players seek crowds. Try"
        " --algorithm=mf_trpo --warm_start --population_update_rate=0.01."
      )
    case "fictitious_play" if _option(experiment, "lr") is not None:
      return (
        "Leave --learning_rate out, so that it falls with the iterations, or"
        " try a lower one."
      )
    case "fictitious_play" | "openspiel_fictitious_play":
      advice = (
        "Fictitious Play falls slowly, about as 1 / iterations: try more"
        " iterations, or --algorithm=annealed_mf_trpo."
      )
      if _option(experiment, "temperature"):
        advice = (
          "Softmax responses leave a bias: try a lower --temperature, or none."
        )
      return advice
    case "line_search_fictitious_play":
      return (
        "It falls slowly, about as 1 / iterations, and where players go after"
        " each other it goes round: try more iterations, or"
        " --algorithm=annealed_mf_trpo."
      )
    case "fixed_point" if not (eta or _option(experiment, "temperature")):
      return (
        "Best responses seldom settle: try --regularization or --temperature,"
        " which soften them, or --algorithm=fictitious_play."
      )
    case "fixed_point" | "prior_descent":
      name = "regularization" if eta else "temperature"
      return (
        f"Try a higher --{name} if the policies swing; if they have settled, a"
        " lower one, which leaves less bias, or"
        " --algorithm=annealed_mf_trpo."
      )
    case "boltzmann_policy_iteration":
      return (
        "The temperature leaves a bias: try --algorithm=mirror_descent, which"
        " sums up action values, or --algorithm=annealed_mf_trpo."
      )
    case "proximal_point":
      return (
        "Try a --learning_rate below"
        f" {_option(experiment, 'lr') or 0.1:g} if the policies swing; if they"
        " have settled, a lower --proximal_weight or fewer"
        " --num_prior_iterations."
      )
    case (
      "mirror_descent"
      | "openspiel_mirror_descent"
      | "openspiel_mirror_descent_frozen_table"
    ):
      return (
        "Try a --learning_rate below"
        f" {_option(experiment, 'lr') or 0.01:g}, or"
        " --algorithm=annealed_mf_trpo."
      )
  return None
