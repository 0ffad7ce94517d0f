import re
from pathlib import Path

import pytest
import yaml

from penjing.cli.templates import TASKS, template
from penjing.errors import UnknownNameError
from penjing.study.config import checked, load_config


@pytest.mark.parametrize("task", TASKS)
def test_what_init_prints_can_be_run(tmp_path: Path, task: str) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(template(task))
    assert load_config(path).task == task


@pytest.mark.parametrize("task", TASKS)
def test_it_shows_the_defaults_but_for_the_data_what_they_need_and_a_constraint(task: str) -> None:
    """A value that is written out and differs from the default would surprise whoever deletes the line."""
    said = checked(yaml.safe_load(template(task))).model_dump()
    # A mirrored digit is no digit.
    needed = (
        {"data": "digits", "training": {"mirror": False}} if task.startswith("image") else {"data": "wine"}
    )
    assert said == checked({"task": task, "constraints": ["size_bytes <= 60 kB"], **needed}).model_dump()


@pytest.mark.parametrize("task", TASKS)
def test_what_is_commented_out_is_allowed_too(task: str) -> None:
    keys = "workers|max_train|count|epochs|folds|family|  kernels|  widths"
    config = checked(yaml.safe_load(re.sub(rf"^( *)# ((?:{keys}):)", r"\1\2", template(task), flags=re.M)))
    assert (config.workers, config.max_train, config.finalists.count) == (2, 20000, 8)
    assert config.space.family == (
        {"kernels": [3, 5]} if task.startswith("image") else {"widths": [16, 32, 64]}
    )


def test_an_unknown_task_is_answered_with_the_nearest() -> None:
    match = r"^No task is named 'image-clasification'\. Did you mean 'image-classification'\?"
    with pytest.raises(UnknownNameError, match=match):
        template("image-clasification")
