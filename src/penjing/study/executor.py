"""Run jobs in worker processes, one thread each, or here; answers come in the order asked."""

import ctypes
import multiprocessing
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from penjing.study.config import StudyConfig
from penjing.study.jobs import FinalJob, InheritedJob, Outcome, TeacherJob
from penjing.study.pipeline import DataFacts
from penjing.study.workshop import Workshop
from penjing.training import training_device

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_DIED = (
    "The worker process died twice on this job: {}. It may have lacked memory: use fewer workers. "
    "If a script calls penjing.search, its work must stand under "
    '`if __name__ == "__main__":`, because worker processes import it; or pass workers=1.'
)
Job = InheritedJob | FinalJob | TeacherJob
_workshop: Workshop | None = None


def keep_freed_memory() -> None:
    """Let the allocator keep what it frees: faulting it in again costs a sixth of a training."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc; another C library has other habits
            libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
            libc.mallopt(_M_TRIM_THRESHOLD, 2**30)


def n_usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class LocalExecutor:
    """A pool of worker processes, or none with one worker: then jobs run in this process.

    Args:
        run: The run folder.
        config: What the user asked for.
        facts: About the data.
        workers: Processes; each computes with one thread.
        on_wait: Called every other second while a job is awaited.

    Raises:
        ConfigError: If training shall be on a device that is not there.
    """

    def __init__(
        self,
        run: Path,
        config: StudyConfig,
        facts: DataFacts,
        workers: int,
        on_wait: Callable[[], None] = lambda: None,
    ) -> None:
        self.workers = workers
        self._on_wait = on_wait
        training_device(config.training.device)  # what is not there is refused here, not by every job
        self._arguments: tuple[Any, ...] = (run, config, facts)
        self._pool: ProcessPoolExecutor | None = None
        self._workshop: Workshop | None = None

    def train_in(self, precision: str) -> None:
        """Have all later jobs train in a precision; workers that do not know of it are ended."""
        self.close()
        self._workshop = None
        self._arguments = (*self._arguments[:3], precision)

    def map(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run the jobs; a worker that dies returns its job to be done once more."""
        if self.workers == 1:
            torch.set_num_threads(1)
            keep_freed_memory()
            self._workshop = self._workshop or Workshop(*self._arguments)
            for job in jobs:
                yield self._workshop.do(job)
            return
        futures = [self._submit(job) for job in jobs]
        for index, job in enumerate(jobs):
            try:
                yield self._waited(futures[index])
            except BrokenProcessPool:
                self.close()
                # Alone: a pool breaks for all its jobs, and only one of them may be to blame.
                try:
                    yield self._waited(self._submit(job))
                except BrokenProcessPool:
                    self.close()
                    yield Outcome({}, 0.0, error=_DIED.format(textwrap.shorten(str(job), 200)))
                for later in range(index + 1, len(jobs)):
                    if not _is_finished(futures[later]):
                        futures[later] = self._submit(jobs[later])

    def _submit(self, job: Job) -> "Future[Outcome]":
        try:
            return self._started().submit(_do, job)
        except BrokenProcessPool:  # an idle worker died
            self.close()
            return self._started().submit(_do, job)

    def _waited(self, future: "Future[Outcome]") -> Outcome:
        while True:
            try:
                return future.result(timeout=2.0)
            except TimeoutError:
                self._on_wait()

    def close(self) -> None:
        """End the workers at once; what they were doing is lost and will be asked again."""
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool = None

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers, multiprocessing.get_context("spawn"), _prepare, self._arguments
            )
        return self._pool


def _is_finished(future: "Future[Outcome]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _prepare(*arguments: Any) -> None:
    global _workshop  # noqa: PLW0603 - a worker process has one workshop for its whole life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    _workshop = Workshop(*arguments)


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _do(job: Job) -> Outcome:
    assert _workshop is not None
    return _workshop.do(job)
