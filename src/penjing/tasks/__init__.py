"""What a network is for: one folder per task, with its data, its checks and its defaults.

Example:
    >>> TASKS["vector-classification"].load("wine").class_names
    ('class_0', 'class_1', 'class_2')
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from penjing.tasks import image_classification, vector_classification
from penjing.tasks.classification import LabelledData


@dataclass(frozen=True)
class Task:
    """What is learnt, and from what.

    Attributes:
        load: From a source, and settings that are keys of a configuration, to checked and split data.
        named: Data sets that it brings.
        keys: Of a configuration, which ``load`` takes beside those that all take.
        reads_vectors: Whether an example is a row of features; else it is an image.
        defaults: Of a configuration, where they are others than those of images: section to key to value.
    """

    load: Callable[..., LabelledData]
    named: Collection[str]
    keys: tuple[str, ...]
    reads_vectors: bool = False
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


TASKS: Mapping[str, Task] = {
    "image-classification": Task(
        image_classification.load,
        image_classification.NAMED,
        ("image_size", "layout", "image_column", "label_column"),
    ),
    "vector-classification": Task(
        vector_classification.load,
        vector_classification.NAMED,
        ("label_column",),
        reads_vectors=True,
        defaults={
            "space": {"networks": "chain"},
            # Tables are often small: large steps would be few. Nothing can be mirrored or shifted.
            "training": {
                "batch_size": 32,
                "mirror": False,
                "shift_pixels": 0,
                "learning_rates": [0.05, 0.1, 0.2],
            },
        },
    ),
}

__all__ = ["TASKS", "Task"]
