"""What fake jobs do in a worker process; a module of its own, so that a worker need not import torch."""

import os
import time
from pathlib import Path
from typing import Any

from penjing.study.jobs import Outcome


def prepare(*arguments: Any) -> None:
    pass


def do(job: dict[str, Any]) -> Outcome:
    """Die once, die always, or say who did it, and leave a trace of every attempt."""
    with Path(job["trace"]).open("a") as trace:
        trace.write(f"{job['name']}\n")
    attempts = Path(job["trace"]).read_text().split().count(job["name"])
    if job.get("dies") == "always" or (job.get("dies") == "once" and attempts == 1):
        os._exit(9)
    time.sleep(job.get("seconds", 0.0))
    return Outcome({"accuracy": 0.5}, 0.0, {"name": job["name"], "pid": os.getpid()})
