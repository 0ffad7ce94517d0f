"""What is wanted, what is allowed, and how sure we are that we have it.

The words come first (:class:`Objective`, :class:`Constraint`, the table
:data:`METRICS`), then the geometry of several objectives at once (fronts, ranks,
hypervolume; costs are always minimised), then the statistics that keep a claim
honest (intervals, paired differences, non-inferiority), and what a short training
says of a long one. NumPy only.
"""

from penjing.objectives.constraint import Constraint, parse_constraint
from penjing.objectives.front import crowding_distance, non_dominated_mask, non_dominated_ranks
from penjing.objectives.hypervolume import (
    hypervolume,
    hypervolume_gains,
    hypervolume_subset,
    normalised,
)
from penjing.objectives.intervals import (
    is_non_inferior,
    median_interval,
    paired_difference_interval,
    sign_test_p,
    wilson_interval,
)
from penjing.objectives.learning_curve import (
    ERROR_EXPONENT,
    ERROR_EXPONENT_DEVIATION,
    expected_accuracy,
    saturation_epochs,
)
from penjing.objectives.objective import METRICS, Metric, Objective, metric_named, parse_objective

__all__ = [
    "ERROR_EXPONENT",
    "ERROR_EXPONENT_DEVIATION",
    "METRICS",
    "Constraint",
    "Metric",
    "Objective",
    "crowding_distance",
    "expected_accuracy",
    "hypervolume",
    "hypervolume_gains",
    "hypervolume_subset",
    "is_non_inferior",
    "median_interval",
    "metric_named",
    "non_dominated_mask",
    "non_dominated_ranks",
    "normalised",
    "paired_difference_interval",
    "parse_constraint",
    "parse_objective",
    "saturation_epochs",
    "sign_test_p",
    "wilson_interval",
]
