"""Statements at the end of a run: whether its exploitability still fell."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from mftrpo_openspiel.algorithms import iteration_loop
from mftrpo_openspiel.algorithms import registry
from mftrpo_openspiel.models import from_game
from mftrpo_openspiel.runs import experiment as experiment_lib

# Exploitability falls if it gets below FALL times its earlier minimum. Values
# below ROUNDING times its maximum are rounding errors.
FALL = 0.99
ROUNDING = 1e-9


@dataclasses.dataclass(frozen=True)
class _Course:
  """How one exploitability developed in the last half of a run.

  Attributes:
    best: The record of its minimum in the first half.
    first: The minimum in the first half.
    late: The record of its minimum in the last half.
    least: The minimum in the last half.
    last: Its value at the end.
    fell: Whether `least` is below `first`.
    is_rounding: Whether it reached the level of rounding errors.
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
  """Returns the course of the field `name`; None if a half has no records."""
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

  A run in which one of them reached the level of rounding is not stalled.
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

  They say why it stopped early, if it did, whether exploitability still fell
  in the last half of the run, and what to try if it did not.

  Args:
    experiment: The experiment that was run.
    records: All records of the run.

  Returns:
    None if there are too few records to compare.
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
  """Returns the part of `verdict` on exploitability, or None."""
  plain = _course(records, "exploitability")
  regularized = _course(records, "regularized_exploitability")
  if plain is None or regularized is None:
    return None
  if plain.is_rounding:
    return f"phi_0 has reached the level of rounding errors, {plain.last:.2g}."
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
    return f"{said}. More iterations may reduce it further."
  eta = experiment.regularization
  if regularized.fell or regularized.is_rounding:
    there = (
      "has reached the level of rounding errors"
      if regularized.is_rounding
      else "did"
    )
    said = (
      f"phi_0 did not fall in the last half of the run ({plain}), but"
      f" phi_{eta:g} {there} ({regularized.last:.2g})."
    )
    return _joined(said, _advice_on_bias(experiment))
  said = f"Exploitability did not fall in the last half of the run: {plain}."
  if experiment.model in from_game.COUNTING_MODELS:
    said += (
      "\nThe rest may be sampling noise; larger --num_trajectories and"
      " --num_particles reduce it."
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
  """Returns advice for a run in which only phi_eta falls, or None."""
  eta = _option(experiment, "regularization")
  if not eta:
    return None
  return (
    f"The remaining phi_0 is the bias of --regularization={eta:g}. A lower"
    " value has less bias, and --algorithm=annealed_mf_trpo has none."
    " Convergence is measured by phi_eta with the same eta."
  )


def _advice(experiment: experiment_lib.Experiment) -> str | None:
  """Returns advice for a run that is stalled; None if there is none."""
  eta = _option(experiment, "regularization")
  rate = _option(experiment, "population_update_rate")
  match experiment.algorithm:
    case "mf_trpo" if not _option(experiment, "warm_start"):
      return (
        "As printed in the paper, MF-TRPO starts from the uniform policy in"
        " each iteration, so its exploitability cannot fall below a floor."
        " --warm_start removes the floor, and more --num_policy_updates lower"
        " it."
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
        "It may cycle around an equilibrium, for example if players prefer"
        " crowds. Try --algorithm=mf_trpo --warm_start"
        " --population_update_rate=0.01."
      )
    case "fictitious_play" if _option(experiment, "lr") is not None:
      return (
        "Omit --learning_rate, so that it decreases with the iterations, or try"
        " a lower one."
      )
    case "fictitious_play" | "openspiel_fictitious_play":
      advice = (
        "The exploitability of Fictitious Play falls slowly, about as"
        " 1 / iterations. Try more iterations, or --algorithm=annealed_mf_trpo."
      )
      if _option(experiment, "temperature"):
        advice = (
          "Softmax responses cause a bias. Try a lower --temperature, or none."
        )
      return advice
    case "line_search_fictitious_play":
      return (
        "Its exploitability falls slowly, about as 1 / iterations, and the"
        " iterates cycle in games where populations chase each other. Try more"
        " iterations, or --algorithm=annealed_mf_trpo."
      )
    case "fixed_point" if not (eta or _option(experiment, "temperature")):
      return (
        "Best responses seldom converge. Try --regularization or --temperature,"
        " which make them smooth, or --algorithm=fictitious_play."
      )
    case "fixed_point" | "prior_descent":
      name = "regularization" if eta else "temperature"
      return (
        f"Try a higher --{name} if the policies oscillate. If they have"
        " converged, try a lower one, which has less bias, or"
        " --algorithm=annealed_mf_trpo."
      )
    case "boltzmann_policy_iteration":
      return (
        "The temperature causes a bias. Try --algorithm=mirror_descent, which"
        " sums action values over the iterations, or"
        " --algorithm=annealed_mf_trpo."
      )
    case "proximal_point":
      return (
        "Try a --learning_rate below"
        f" {_option(experiment, 'lr') or 0.1:g} if the policies oscillate. If"
        " they have converged, try a lower --proximal_weight or fewer"
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
