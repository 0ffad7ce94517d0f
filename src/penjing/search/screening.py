"""Which of many candidates deserve an evaluation, by a score that needs no training.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 4: to begin with what scores
well, and to evaluate of many proposals those that do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from penjing.search.order import places
from penjing.search.problem import SearchProblem
from penjing.space import Candidate

SCREENED = frozenset(
    {
        "random",
        "evolution",
        "regularised-evolution",
        "local",
        "greedy",
        "reinforce",
        "ppo",
        "optuna-nsga2",
        "optuna-nsga3",
        "asha",
    }
)
"""Algorithms that propose without a model of the trained metric, so that a score can tell them something."""


def screened(
    problem: SearchProblem, candidates: Sequence[Candidate], scores: NDArray[np.float64], n: int
) -> list[Candidate]:
    """The ``n`` that are best by costs that are known and by a score in place of the trained metric.

    Args:
        problem: Costs, box.
        candidates: To choose from.
        scores: One each, ``[len(candidates)]``; more is better, NaN is worst. Only their order counts.
        n: How many to choose.
    """
    if len(candidates) <= n:
        return list(candidates)
    points = np.zeros((len(candidates), len(problem.box)))
    for at, metric in enumerate(problem.box):
        if metric == problem.trained_metric:
            known = np.where(np.isnan(scores), -np.inf, scores)
            points[:, at] = 1.0 - rankdata(known) / len(candidates)
        else:
            points[:, at] = problem.normalised(metric, [problem.costs(c)[metric] for c in candidates])
    return [candidates[at] for at in np.argsort(places(points))[:n]]
