"""From whatever the user has to checked and split rows of features.

==================================  =====================================================
source                              meaning
==================================  =====================================================
``wine``                            scikit-learn's 178 wines, 13 features, 3 classes
``breast-cancer``                   scikit-learn's 569 tumours, 30 features, 2 classes
``PATH.npz``                        arrays ``x`` and ``y``
``PATH.csv``, ``PATH.csv.gz``       a column per feature, one of labels
a folder                            ``train.npz`` or ``train.csv`` (with one for ``test``)
``(x, y)``, ``{x: , y: }``          arrays in memory
``{data: , target: }``              the same, as scikit-learn's loaders give it
``{train: , test: }``               any of the above for each part
==================================  =====================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from penjing.errors import DataError, InvalidValueError, missing_extra
from penjing.tasks.classification.archives import from_arrays
from penjing.tasks.classification.data import LabelledData, split_data
from penjing.tasks.classification.raw import RawData
from penjing.tasks.classification.reading import Reader, Source, generator_of, to_splits
from penjing.tasks.vector_classification import checks
from penjing.tasks.vector_classification.csv_files import numbered, read_csv
from penjing.tasks.vector_classification.features import is_constant, to_features

_KINDS = (
    "'wine', 'breast-cancer', a path (.npz, .csv, or a folder with train.npz or train.csv), (x, y), "
    "{x: , y: }, {data: , target: } or {train: , test: }"
)


def load(
    source: Source,
    *,
    seed: int = 0,
    validation_fraction: float | None = None,
    test_fraction: float | None = None,
    max_train: int | None = None,
    classes: Sequence[str | int] | None = None,
    label_column: str | None = None,
) -> LabelledData:
    """Read, check and split rows of features.

    Args:
        source: See the table in the module.
        seed: Decides the split, not negative; the same seed gives the same fingerprint.
        validation_fraction: Share of the training rows, in (0, 0.5]; only if
            the source brings no validation part. For the default see :func:`split_data`.
        test_fraction: The same for test rows. Default 15 %, of small data 20 %.
        max_train: Train on at most so many rows; validation and test stay as they are.
        classes: Keep these classes only, numbered in this order.
        label_column: Column of the labels; only for CSV files. Without it the one that is named label, class
            or target.

    Returns:
        The three parts, all checked, with notes about what is worth knowing.

    Raises:
        DataError: If there are no such data or they cannot be used.
        InvalidValueError: If a setting is out of range or does not apply.
        MissingExtraError: If the source needs a library that is not installed.
        UnknownNameError: If a class does not exist.

    Example:
        >>> data = load("wine", seed=0)
        >>> len(data.train), len(data.validation), len(data.test)
        (121, 21, 36)
    """
    rng = generator_of(seed)
    csv_file = partial(read_csv, label_column=label_column)
    files = {".csv": csv_file, ".csv.gz": csv_file}
    raw = Reader(NAMED, _KINDS, _no_folder, _from_loader, files).read(source)
    if label_column is not None and raw.feature_names is None:
        raise InvalidValueError(
            f"label_column is {label_column!r}, but it is for CSV files and the source has none. Leave it "
            "out.",
            label_column=label_column,
        )
    if raw.feature_names is not None:  # of CSV files, which do not say whether labels are numbers
        raw = replace(raw, y=numbered(raw.y))
    parts, class_names = to_splits(raw, classes, checks.NOUN, to_features)
    data = split_data(
        parts,
        class_names,
        rng,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
        max_train=max_train,
    )
    constant = is_constant(data.train.x)
    checks.check_content(constant)
    notes = checks.notes_about(data, constant, raw.feature_names)
    return replace(data, notes=notes, feature_names=raw.feature_names)


def _from_loader(source: Source) -> RawData | None:
    """What scikit-learn's loaders give, and others that do as they do."""
    if not (isinstance(source, Mapping) and {"data", "target"} <= set(source)):
        return None
    names, labels = source.get("target_names"), np.asarray(source["target"])
    # Loaders that fetch give the name of the column there.
    is_one_a_class = names is not None and np.array_equal(np.unique(labels), np.arange(len(names)))
    return from_arrays(source["data"], labels, names if is_one_a_class else None)


def _no_folder(folder: Path) -> RawData:
    found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:5]) or "nothing"
    raise DataError(
        f"Folder {str(folder)!r} holds no train.npz and no train.csv; found: {found}. Write it with "
        "numpy.savez_compressed(path, x=x, y=y), or name the files: {train: PATH, test: PATH}.",
        folder=str(folder),
    )


def _of_scikit_learn(name: str, loader: str) -> RawData:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise missing_extra(f"The data set {name!r}", "scikit-learn", "search") from error
    found = _from_loader(getattr(datasets, loader)())
    assert found is not None
    return found


NAMED = {
    name: partial(_of_scikit_learn, name, loader)
    for name, loader in (("wine", "load_wine"), ("breast-cancer", "load_breast_cancer"))
}
