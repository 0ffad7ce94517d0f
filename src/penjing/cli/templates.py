"""Commented configurations that ``penjing init`` prints."""

from importlib.resources import files

from penjing.errors import unknown_name
from penjing.tasks import TASKS


def template(task: str) -> str:
    """The configuration of a task.

    Raises:
        UnknownNameError: If there is no such task.
    """
    if task not in TASKS:
        raise unknown_name("task", task, TASKS)
    return (files("penjing.cli") / f"{task}.yaml").read_text(encoding="utf-8")
