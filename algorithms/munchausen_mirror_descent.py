"""Munchausen Online Mirror Descent, with exact action values.

Lauriere et al. (2022), "Scalable Deep Reinforcement Learning Algorithms for
Mean Field Games", arXiv:2203.11973. An iteration evaluates the policy in its
own mean field, Q = Q^pi_{mu^pi}, and steps from the policy itself instead of a
sum of action values, pi <- softmax(log pi + lr Q).

This equals the softmax of the sum. So with exact action values the method is
textbook OMD, and is computed as such, without logarithms of tiny probabilities.
It differs for neural networks, and in OpenSpiel, whose tabular
MunchausenMirrorDescent is the textbook method where its MirrorDescent is not.
"""

from mftrpo_openspiel.algorithms import mirror_descent


class MunchausenMirrorDescent(mirror_descent.MirrorDescent):
  """OMD with the name and the signatures of OpenSpiel's class."""

  def iteration(self, learning_rate: float | None = None) -> None:
    """Performs one iteration.

    Args:
      learning_rate: Not used, as in OpenSpiel's class: all steps use the `lr`
        of the constructor.
    """
    del learning_rate
    super().iteration()
