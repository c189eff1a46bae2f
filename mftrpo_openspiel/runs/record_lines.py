"""Formats records as the lines of a table that programs print."""

from mftrpo_openspiel.algorithms import iteration_loop


def titles(regularized: str, has_steps: bool) -> str:
  """Returns the header of the table.

  Args:
    regularized: Name of the regularized exploitability.
    has_steps: Whether there is a column of environment steps.
  """
  steps = f" {'steps':>13}" if has_steps else ""
  return (
    f"{'iteration':>9}{steps} {'phi_0':>11} {regularized:>11} {'seconds':>9}"
  )


def line(record: iteration_loop.Record, has_steps: bool) -> str:
  """Returns a record as a line below `titles`."""
  steps = ""
  if has_steps:
    number = record.environment_steps
    steps = f" {'-' if number is None else f'{number:,}':>13}"
  return (
    f"{record.iteration:9d}{steps} {record.exploitability:11.4e}"
    f" {record.regularized_exploitability:11.4e} {record.seconds:9.3f}"
  )
