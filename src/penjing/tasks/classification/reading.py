"""From whatever the user has to checked parts: what the sources of all tasks have in common.

==============================  =====================================================
source                          meaning
==============================  =====================================================
a name                          a data set that the task brings
``PATH.npz``                    arrays ``x`` and ``y``
a file, a folder                what the task reads; a folder with ``train.npz``
``(x, y)``, ``{x: , y: }``      arrays in memory
``{train: , test: }``           any of the above for each part
==============================  =====================================================
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError, InvalidValueError
from penjing.tasks.classification.archives import from_arrays, read_archive
from penjing.tasks.classification.checks import check_classes, check_lengths
from penjing.tasks.classification.data import PARTS, Split
from penjing.tasks.classification.labels import chosen_classes, to_classes
from penjing.tasks.classification.raw import RawData

Source = str | Path | tuple[Any, Any] | Mapping[str, Any]
Arrays = Mapping[str, NDArray]
ReadFile = Callable[[Path], RawData]


@dataclass(frozen=True)
class Reader:
    """What a task reads.

    Attributes:
        named: Data sets that it brings, by name.
        kinds: All that can be given, for error texts.
        folder: Reads a folder that does not hold ``train.npz``.
        special: Reads a source that no other task knows; None if the source is none.
        files: Reads files that no other task knows, by how their names end.
    """

    named: Mapping[str, Callable[[], RawData]]
    kinds: str
    folder: Callable[[Path], RawData]
    special: Callable[[Source], RawData | None] = lambda source: None
    files: Mapping[str, ReadFile] = field(default_factory=dict[str, ReadFile])

    def read(self, source: Source) -> RawData:
        """Read a source; what its numbers mean is looked at later.

        Raises:
            DataError: If there are no such data, or they cannot be read.
        """
        if isinstance(source, Mapping) and "train" in source:
            return self._parts(source)
        found = self.special(source)
        if found is not None:
            return found
        if isinstance(source, str) and source in self.named:
            return self.named[source]()
        return self._path(Path(source)) if isinstance(source, str | Path) else self._arrays(source)

    def _parts(self, sources: Mapping[str, Any]) -> RawData:
        """Read one source per part; each brings its examples as training examples."""
        for part in sources:
            if part not in PARTS:
                raise DataError(f"The data have no part {part!r}. Allowed: {', '.join(PARTS)}.", part=part)
        raws = {part: self.read(source) for part, source in sources.items()}
        first = raws["train"]
        for part, raw in raws.items():
            if set(raw.x) != {"train"}:
                raise DataError(
                    f"The source of {part!r} holds several parts itself: {', '.join(raw.x)}. "
                    "Give it alone, or one source per part.",
                    part=part,
                )
            if (raw.layout, raw.class_names) != (first.layout, first.class_names):
                raise DataError(
                    f"The sources of 'train' and {part!r} are of different kinds or name their classes "
                    "differently. Give the same kind of source for all parts.",
                    part=part,
                )
            if raw.feature_names != first.feature_names:
                raise DataError(
                    f"The columns of {part!r} are {_listed(raw.feature_names)}, those of 'train' "
                    f"{_listed(first.feature_names)}. Give the same features in the same order.",
                    part=part,
                )
        return replace(
            first,
            x={part: raw.x["train"] for part, raw in raws.items()},
            y={part: raw.y["train"] for part, raw in raws.items()},
        )

    def _path(self, path: Path) -> RawData:
        path = path.expanduser()
        if not path.exists():
            raise self._not_found(path)
        readers = {".npz": read_archive, **self.files}
        if path.is_dir():
            found = self._parts_within(path, readers)
            return self._parts(found) if "train" in found else self.folder(path)
        for ending, reader in readers.items():
            if path.name.lower().endswith(ending):
                return reader(path)
        kinds = " or ".join(readers)
        is_table = ".csv" in path.name.lower() and ".csv" not in readers
        hint = " For rows of features, set task: vector-classification." if is_table else ""
        raise DataError(f"File {str(path)!r} is no {kinds} file. Give {self.kinds}.{hint}", path=str(path))

    def _parts_within(self, folder: Path, endings: Iterable[str]) -> dict[str, Path]:
        """The file of every part that a folder has one of."""
        found: dict[str, Path] = {}
        for part in PARTS:
            files = [file for ending in endings if (file := folder / f"{part}{ending}").is_file()]
            if len(files) > 1:
                raise DataError(
                    f"Folder {str(folder)!r} has {' and '.join(f.name for f in files)}. Leave one of them.",
                    folder=str(folder),
                )
            if files:
                found[part] = files[0]
        return found

    def _not_found(self, path: Path) -> DataError:
        missing = path
        while not missing.parent.exists():
            missing = missing.parent
        known = sorted(entry.name for entry in missing.parent.iterdir()) if missing.parent.is_dir() else []
        near = difflib.get_close_matches(missing.name, [*known, *self.named], n=1)
        is_name = bool(near) and near[0] in self.named and near[0] not in known
        nearest = near[0] if is_name else str(missing.parent / "".join(near))
        hint = f"Did you mean {nearest!r}? " if near else ""
        first = "" if missing == path else f": {str(missing)!r} does not exist"
        return DataError(f"No file or folder {str(path)!r}{first}. {hint}Give {self.kinds}.", path=str(path))

    def _arrays(self, source: Any) -> RawData:
        if isinstance(source, Mapping) and {"x", "y"} <= set(source) <= {"x", "y", "class_names"}:
            return from_arrays(**source)
        if isinstance(source, tuple | list) and len(source) == 2:
            return from_arrays(*source)
        found = (
            f"the keys {', '.join(map(str, source))}"
            if isinstance(source, Mapping)
            else type(source).__name__
        )
        raise DataError(
            f"The data source is none that Penjing knows: {found}. Give {self.kinds}.", found=found
        )


def _listed(names: Sequence[str] | None) -> str:
    return "without names" if names is None else ", ".join(names)


def to_splits(
    raw: RawData,
    classes: Sequence[str | int] | None,
    noun: str,
    to_numbers: Callable[[Arrays], Arrays],
    finished: Callable[[Arrays], Arrays] = lambda x: x,
) -> tuple[dict[str, Split], tuple[str, ...]]:
    """Turn what was found into checked splits; the order is from cheap to dear.

    Args:
        raw: What a source brings.
        classes: Keep these only, numbered in this order; None for all.
        noun: What one example is, for error texts.
        to_numbers: Checks and converts the examples of all parts together.
        finished: What is dear, or must agree, of the classes that were kept.

    Returns:
        The parts of the source, and the name of each class.

    Raises:
        DataError: If the data cannot be used.
        UnknownNameError: If a class does not exist.
        InvalidValueError: If a class is named twice.
    """
    for part, examples in raw.x.items():
        check_lengths(examples, raw.y[part], part, noun)
    y, class_names = to_classes(raw.y, raw.class_names)
    x = to_numbers(raw.x)
    if classes is not None:
        y, class_names = chosen_classes(y, class_names, classes)
        x = {part: examples[y[part] >= 0] for part, examples in x.items()}
        y = {part: labels[labels >= 0] for part, labels in y.items()}
    x = finished(x)
    parts = {part: Split(x[part], y[part]) for part in x}
    for part, split in parts.items():
        check_lengths(split.x, split.y, part, noun)
    check_classes(parts, class_names, noun)
    return parts, class_names


def generator_of(seed: int) -> np.random.Generator:
    """What draws a split.

    Raises:
        InvalidValueError: If the seed is negative.
    """
    if seed < 0:
        raise InvalidValueError(f"seed must be 0 or more, got {seed!r}.", seed=seed)
    return np.random.default_rng(seed)
