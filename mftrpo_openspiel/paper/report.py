"""The report on the paper's claims, in Markdown."""

from collections.abc import Iterator
from collections.abc import Sequence

from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import run_to_rest

_INTRODUCTION = """\
# The MF-TRPO paper, reproduced

Stationary model, {num_iterations} iterations. phi_eta is the exploitability \
with entropy bonuses, which a regularized method drives to 0; phi_0 is the one \
without, which stops at the bias of eta. Runs without eta are measured with \
phi_{low_eta:g}. The paper gives neither the number of policy updates L nor of \
population steps M of MF-TRPO, nor a learning rate of OMD: here \
L = {num_policy_updates}, M = {num_population_steps}, lr = {lr}. The graph of \
the two islands is ours too.

- **MF-TRPO**: as printed, TRPO restarts from the uniform policy; **warm**: \
it goes on, with L = 1.
- **FP** with eta takes softmax responses at temperature eta (as the paper \
says and OpenSpiel offers); **FP regularized** takes the best responses of \
the regularized game.
- **OMD** with eta is that of the regularized game.
- **performed**: a regularized run is at rest where an iteration moves less \
than {least_change:g} of the players, and as little of what they do. It is \
left there: the numbers of later iterations are those of the last one performed.

## Final exploitabilities
"""


def report(results: claims.Results) -> str:
  """Returns the report on the results of all runs."""
  introduction = _INTRODUCTION.format(
    **experiments.PAPER
    | {
      "num_iterations": next(iter(results.values())).records[-1].iteration,
      "low_eta": experiments.LOW_ETA,
      "lr": experiments.OMD_LEARNING_RATE,
      "least_change": run_to_rest.LEAST_CHANGE,
    }
  )
  lines = [introduction, *_final_table(results), "", "## The claims", ""]
  for claim, evidence in claims.judge(results).items():
    lines += [f"### {claim}: {verdict(evidence)}", ""]
    lines += [f"- {'yes' if e.holds else 'no'}: {e.text}" for e in evidence]
    lines.append("")
  return "\n".join(lines)


def verdict(evidence: Sequence[claims.Evidence]) -> str:
  """Returns in how many cases a claim is borne out."""
  count = sum(case.holds for case in evidence)
  if count == len(evidence):
    return "borne out"
  if count:
    return f"borne out in {count} of {len(evidence)} cases"
  return "not borne out"


def _final_table(results: claims.Results) -> Iterator[str]:
  columns = "game", "method", "eta", "phi_eta", "phi_0", "performed"
  yield f"| {' | '.join(columns)} | ms an iteration |"
  yield "|---|---|---|---|---|---|---|"
  for name in sorted(results, key=lambda n: (n.setting, n.eta or 0, n.method)):
    result = results[name]
    last = result.records[-1]
    eta = "none" if name.eta is None else f"{name.eta:g}"
    milliseconds = 1e3 * last.seconds / max(result.num_performed, 1)
    yield (
      f"| {name.setting} | {name.method} | {eta}"
      f" | {last.regularized_exploitability:.1e} | {last.exploitability:.1e}"
      f" | {result.num_performed} | {milliseconds:.2f} |"
    )
