"""The report on the claims of the paper, in Markdown."""

from collections.abc import Iterator
from collections.abc import Sequence

from mftrpo_openspiel.paper import claims
from mftrpo_openspiel.paper import experiments
from mftrpo_openspiel.paper import run_to_rest

_INTRODUCTION = """\
# The MF-TRPO paper, reproduced

Stationary model, {num_iterations} iterations. phi_eta is the exploitability \
with entropy bonuses, which converges to 0 for a regularized method. phi_0 is \
the exploitability without them, which converges to the bias of eta. For runs \
without eta, phi_eta is phi_{low_eta:g}. The paper does not give the number of \
policy updates L and of population steps M of MF-TRPO, nor the learning rate \
lr of OMD. Here L = {num_policy_updates}, M is {num_population_steps} and \
lr = {lr}. The graph of the two islands is not in the paper either.

- **MF-TRPO**: as printed, TRPO restarts from the uniform policy in each \
iteration. **MF-TRPO warm**: TRPO continues from the previous policy, with \
L = 1.
- **FP** with eta uses softmax responses with temperature eta (as the paper \
says and OpenSpiel offers). **FP regularized** uses best responses of the \
regularized game.
- **OMD** with eta solves the regularized game.
- **performed**: a regularized run ends when an iteration changes the mean \
field and the policy by less than {least_change:g}. The values of later \
iterations are those of the last one performed.
- Exploitabilities below about 1e-13, negative ones as well, are rounding \
errors.

## Final exploitabilities
"""


def report(results: claims.Results) -> str:
  """Returns the report on the results of all runs."""
  introduction = _INTRODUCTION.format(
    **experiments.PAPER
    | {
      "num_population_steps": (
        experiments.PAPER["num_population_steps"] or "unlimited"
      ),
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
  """Returns in how many cases a claim is confirmed."""
  count = sum(case.holds for case in evidence)
  if count == len(evidence):
    return "confirmed"
  if count:
    return f"confirmed in {count} of {len(evidence)} cases"
  return "not confirmed"


def _final_table(results: claims.Results) -> Iterator[str]:
  columns = "game", "method", "eta", "phi_eta", "phi_0", "performed"
  yield f"| {' | '.join(columns)} | ms per iteration |"
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
