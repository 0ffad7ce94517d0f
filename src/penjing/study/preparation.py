"""Before the search: load and check the data, keep them for the workers, know their brightness."""

import io

import numpy as np

from penjing.store import Journal, RunFolder, write_atomically
from penjing.study.config import StudyConfig
from penjing.study.pipeline import DataFacts
from penjing.tasks.image_classification import ImageData, Source, load


def load_data(config: StudyConfig, source: Source | None = None) -> ImageData:
    """Load what the configuration names, or the arrays that were passed instead."""
    return load(
        config.data if source is None else source,
        seed=config.seed,
        max_train=config.max_train,
        image_size=config.image_size,
        layout=config.layout,
        classes=config.classes,
        image_column=config.image_column,
        label_column=config.label_column,
        validation_fraction=config.validation_fraction,
        test_fraction=config.test_fraction,
    )


def facts_of(data: ImageData) -> DataFacts:
    """What the pipeline must know; brightness from the training images only."""
    pixels = data.train.x[:: max(1, len(data.train) // 5000)].astype(np.float64)
    return DataFacts(
        shape=data.shape,
        n_classes=data.n_classes,
        n_train=len(data.train),
        mean=round(float(pixels.mean()), 3),
        deviation=round(float(pixels.std()), 3),
        fingerprint=data.fingerprint,
    )


def kept_facts(journal: Journal) -> DataFacts | None:
    """The same, as the journal of a run has them; None before its data were kept."""
    kept = journal.get("facts")
    return DataFacts(**{**kept, "shape": tuple(kept["shape"])}) if kept else None


def keep_data(data: ImageData, run: RunFolder) -> None:
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
