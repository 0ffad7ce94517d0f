"""A study of the digits that is ready to work, with nothing of it done yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from penjing.store import RunFolder
from penjing.study.budget import Stopwatch, parse_budget
from penjing.study.config import checked
from penjing.study.pipeline import Pipeline
from penjing.study.preparation import facts_of, keep_data, load_data
from penjing.study.study import Study
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu

SMALL = {
    "data": "digits",
    "objectives": ["accuracy", "size_bytes"],
    "budget": "6 evaluations",
    "workers": 1,
    "space": {
        "precisions": ["fp32", "w8"],
        "family": {
            "stage_widths": [[4, 8], [8, 16]],
            "stage_depths": [[1], [1, 2]],
            "stage_strides": [[1], [2]],
        },
    },
}


@contextmanager
def small_study(folder: Path, **said: Any) -> Iterator[Study]:
    """Make the run folder, or open the one that is there."""
    config = checked({**SMALL, **said})
    is_new = not (folder / "config.yaml").exists()
    run = RunFolder.create(folder, config.model_dump(mode="json")) if is_new else RunFolder.open(folder)
    data = load_data(config)
    if is_new:
        keep_data(data, run)
    facts = facts_of(data)
    pipeline = Pipeline(config, facts, OnnxRuntimeCpu())
    with run.lock(), run.journal() as journal:
        study = Study(run, journal, config, facts, parse_budget(config.budget), pipeline, Stopwatch())
        try:
            yield study
        finally:
            study.executor.close()
