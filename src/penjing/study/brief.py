"""How long candidates train while the search looks at them: so that it sees enough of them."""

from typing import TYPE_CHECKING

import numpy as np

from penjing.study.jobs import ALONE
from penjing.study.lengths import lengths_of
from penjing.study.training_precision import reference_step_ms
from penjing.training import training_device

if TYPE_CHECKING:
    from penjing.study.study import Study

_USUAL_IMAGES, _FEWEST_IMAGES = 40_000, 8_000
_FEWEST_EPOCHS = 0.1
# With fewer, the model of accuracy knows little more than that large networks are better; those that
# matter are trained further before the search ends.
_WORTHWHILE_EVALUATIONS = 60


def decide_way(study: "Study") -> str:
    """How candidates get weights: as configured, else alone, better wherever both were tried (ADR 18)."""
    configured = study.config.search.train_on
    return str(study.journal.put_once("way", ALONE if configured == "auto" else configured))


def decide_brief_epochs(study: "Study") -> float:
    """Passes over the data of a brief training: as configured, else what the budget allows; decided once.

    Without a clock in the budget it is about 40,000 images. With one, it is shortened, down to 8,000
    images, until the search can afford 60 networks as expensive as the reference.
    """
    return float(study.journal.put_once("brief epochs", study.config.search.epochs or _epochs(study)))


def _epochs(study: "Study") -> float:
    affordable = affordable_images(study)
    each = (
        _USUAL_IMAGES
        if affordable is None
        else affordable / (_WORTHWHILE_EVALUATIONS * study.config.search.folds)
    )
    images = float(np.clip(each, _FEWEST_IMAGES, _USUAL_IMAGES))
    most = lengths_of(study.facts).brief
    return float(np.clip(images / study.facts.n_train, _FEWEST_EPOCHS, most))


def affordable_images(study: "Study") -> float | None:
    """Images that the search has time to train the reference network on; None without a clock."""
    step_ms = reference_step_ms(study.journal)
    if study.plan is None or not step_ms:
        return None
    # The probe had the device to itself: workers have a core each, but share a GPU.
    is_shared = training_device(study.config.training.device).type != "cpu"
    at_a_time = 1 if is_shared else study.workers
    images_per_s = at_a_time * study.config.training.batch_size / (1e-3 * step_ms)
    return study.plan.search_s * images_per_s
