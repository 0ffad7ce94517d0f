"""Before the search: load and check the data, keep them for the workers, know what normalises them."""

import io
import math
from typing import Any

import numpy as np

from penjing.errors import ConfigError
from penjing.store import Journal, RunFolder, write_atomically
from penjing.study.config import StudyConfig
from penjing.study.pipeline import DataFacts
from penjing.tasks import TASKS
from penjing.tasks.classification import LabelledData
from penjing.tasks.vector_classification import moments

_FEWEST_PER_CLASS = 5


def load_data(config: StudyConfig, source: Any = None) -> LabelledData:
    """Load what the configuration names, or the arrays that were passed instead."""
    task = TASKS[config.task]
    return task.load(
        config.data if source is None else source,
        seed=config.seed,
        max_train=config.max_train,
        classes=config.classes,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
        **{key: getattr(config, key) for key in task.keys},
    )


def facts_of(data: LabelledData) -> DataFacts:
    """What the pipeline must know; what normalises comes from the training part only."""
    mean, deviation = _brightness(data) if data.train.x.dtype == np.uint8 else moments(data.train.x)
    return DataFacts(
        shape=data.shape,
        n_classes=data.n_classes,
        n_train=len(data.train),
        mean=mean,
        deviation=deviation,
        fingerprint=data.fingerprint,
    )


def _brightness(data: LabelledData) -> tuple[float, float]:
    pixels = data.train.x[:: max(1, len(data.train) // 5000)].astype(np.float64)
    return round(float(pixels.mean()), 3), round(float(pixels.std()), 3)


def kept_facts(journal: Journal) -> DataFacts | None:
    """The same, as the journal of a run has them; None before its data were kept."""
    kept = journal.get("facts")
    if not kept:
        return None
    known: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in kept.items()}
    return DataFacts(**known)


def keep_data(data: LabelledData, run: RunFolder) -> None:
    """Write the arrays where every worker maps them into memory instead of loading them again.

    Raises:
        RunFolderError: If the disk has no room for them.
    """
    parts = (data.train, data.validation, data.test)
    run.check_space(sum(part.x.nbytes + part.y.nbytes for part in parts))
    for name, part in (("train", data.train), ("validation", data.validation), ("test", data.test)):
        for letter, array in (("x", part.x), ("y", part.y)):
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            write_atomically(run.path / "cache" / f"{name}_{letter}.npy", buffer.getvalue())


def check_subset(config: StudyConfig, facts: DataFacts) -> None:
    """Find out, when a run begins, whether its subset has examples enough to learn from.

    Raises:
        ConfigError: If it has fewer than five per class, on average.
    """
    subset, n = config.search.subset, facts.n_train
    if config.search.folds > 1:
        n = math.floor(n * (1 - 1 / config.search.folds))
    least = math.ceil(100 * _FEWEST_PER_CLASS * facts.n_classes / n) / 100
    if subset is None or subset * n >= _FEWEST_PER_CLASS * facts.n_classes:
        return
    instead = f"Give at least {least:g}, or leave it out" if least < 1 else "Leave it out"
    raise ConfigError(
        f"search.subset is {subset:g}: {subset * n:.3g} of {n} examples for {facts.n_classes} classes, fewer "
        f"than {_FEWEST_PER_CLASS} for each. {instead}."
    )
