"""Any labels to classes 0..K-1 with names."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penjing.errors import DataError, InvalidValueError, unknown_name
from penjing.tasks.classification.checks import check_labels


def to_classes(
    y: Mapping[str, NDArray], class_names: Sequence[str] | None = None
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Number the labels that occur, in ascending order.

    Args:
        y: Labels of each part, whole numbers or strings, ``[N]`` or ``[N, 1]``.
        class_names: Name of the number ``k`` at position ``k``; without it, the
            label itself is the name.

    Returns:
        Classes 0..K-1 of each part, ``[N]``, and the name of each class.

    Raises:
        DataError: If labels are of several types, unusable, or have no name in ``class_names``.

    Example:
        >>> classes, names = to_classes({"train": np.array(["dog", "cat", "dog"])})
        >>> classes["train"].tolist(), names
        ([1, 0, 1], ('cat', 'dog'))
    """
    plain = {part: _plain(labels.reshape(-1), part) for part, labels in y.items()}
    kinds = {part: "strings" if labels.dtype.kind == "U" else "numbers" for part, labels in plain.items()}
    if len(set(kinds.values())) > 1:
        listed = ", ".join(f"{part}: {kind}" for part, kind in kinds.items())
        raise DataError(f"The labels are of several types ({listed}). Use one for all parts.", kinds=kinds)
    values, classes = np.unique(np.concatenate(list(plain.values())), return_inverse=True)
    ends = np.cumsum([len(labels) for labels in plain.values()])[:-1]
    numbered = np.split(classes.astype(np.int64, copy=False), ends)
    return dict(zip(plain, numbered, strict=True)), _names(values, class_names)


def chosen_classes(
    y: Mapping[str, NDArray[np.int64]], class_names: Sequence[str], classes: Sequence[str | int]
) -> tuple[dict[str, NDArray[np.int64]], tuple[str, ...]]:
    """Renumber the classes so that the chosen ones come first, in the order given.

    Args:
        y: Classes of each part, ``[N]``.
        class_names: Name of each class.
        classes: Names of the classes to keep; a number stands for its digits.

    Returns:
        New classes of each part, ``[N]``, with -1 for what is not kept, and their names.

    Raises:
        UnknownNameError: If a class does not exist.
        InvalidValueError: If a class is named twice.

    Example:
        >>> chosen_classes({"train": np.array([0, 1, 2])}, ("a", "b", "c"), ["c", "a"])
        ({'train': array([ 1, -1,  0])}, ('c', 'a'))
    """
    names = tuple(str(name) for name in classes)
    new = np.full(len(class_names), -1, dtype=np.int64)
    for position, name in enumerate(names):
        if name not in class_names:
            raise unknown_name("class", name, class_names)
        if name in names[:position]:
            raise InvalidValueError(f"classes names {name!r} twice. Name every class once.", name=name)
        new[list(class_names).index(name)] = position
    return {part: new[old] for part, old in y.items()}, names


def _plain(labels: NDArray, part: str) -> NDArray:
    check_labels(labels, part)
    if labels.dtype.kind == "O":
        return labels.astype(np.str_)
    return labels.astype(np.int64) if labels.dtype.kind == "f" else labels


def _names(values: NDArray, class_names: Sequence[str] | None) -> tuple[str, ...]:
    if class_names is None or values.dtype.kind == "U":
        return tuple(str(value) for value in values)
    outside = [int(value) for value in values if not 0 <= value < len(class_names)]
    if outside:
        raise DataError(
            f"The label {outside[0]} has no name: there are {len(class_names)} class names, "
            f"for labels from 0 to {len(class_names) - 1}. Remove what has no label, or add the name.",
            labels=outside,
        )
    return tuple(str(class_names[value]) for value in values)
