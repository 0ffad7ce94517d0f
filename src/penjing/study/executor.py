"""Run jobs in worker processes, one thread each, or here."""

import ctypes
import multiprocessing
import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from joblib import cpu_count

from penjing.study.config import StudyConfig
from penjing.study.jobs import FinalJob, InheritedJob, Outcome, ScoreJob, TeacherJob
from penjing.study.pipeline import DataFacts
from penjing.study.workshop import Workshop
from penjing.training import training_device

_TICK_S = 2.0
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_DIED = "The worker process died twice on this job: {}. It may have lacked memory: use fewer workers."
Job = InheritedJob | FinalJob | TeacherJob | ScoreJob
_workshop: Workshop | None = None


def keep_freed_memory() -> None:
    """Let the allocator keep what it frees: faulting it in again costs a sixth of a training."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):  # glibc; another C library has other habits
            libc.mallopt(_M_MMAP_THRESHOLD, 2**30)
            libc.mallopt(_M_TRIM_THRESHOLD, 2**30)


def n_usable_cores() -> int:
    """Cores that this process may use.

    By its affinity, by the limits of its container and by the environment's ``LOKY_MAX_CPU_COUNT``.
    """
    return cpu_count()


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
        """Run the jobs; what they found, in the order asked."""
        found: dict[int, Outcome] = {}
        due = 0
        for index, outcome in self.as_completed(jobs):
            found[index] = outcome
            while due in found:
                yield found.pop(due)
                due += 1

    def as_completed(self, jobs: Sequence[Job]) -> Iterator[tuple[int, Outcome]]:
        """Run the jobs; which of them it is and what it found, as they end.

        A worker that dies returns its job to be done once more.
        """
        if self.workers == 1:
            torch.set_num_threads(1)
            keep_freed_memory()
            self._workshop = self._workshop or Workshop(*self._arguments)
            for index, job in enumerate(jobs):
                with _every(_TICK_S, self._on_wait):
                    outcome = self._workshop.do(job)
                yield index, outcome
            return
        pending = {index: self._submit(job) for index, job in enumerate(jobs)}
        while pending:
            index = self._first_done(pending)
            try:
                outcome = pending.pop(index).result()
            except BrokenProcessPool:
                outcome = self._alone(jobs[index])
                for later, future in pending.items():
                    if not _is_finished(future):
                        pending[later] = self._submit(jobs[later])
            yield index, outcome

    def _first_done(self, pending: Mapping[int, "Future[Outcome]"]) -> int:
        while True:
            done, _ = wait(pending.values(), timeout=_TICK_S, return_when=FIRST_COMPLETED)
            if done:
                return min(index for index, future in pending.items() if future in done)
            self._on_wait()

    def _alone(self, job: Job) -> Outcome:
        """Once more: a pool breaks for all its jobs, and only one of them may be to blame."""
        self.close()
        try:
            again = self._submit(job)
            self._first_done({0: again})
            return again.result()
        except BrokenProcessPool:
            self.close()
            return Outcome({}, 0.0, error=_DIED.format(textwrap.shorten(str(job), 200)))

    def _submit(self, job: Job) -> "Future[Outcome]":
        with _unknown_main(), _deaf_to_interrupts():  # submitting starts processes
            try:
                return self._started().submit(_do, job)
            except BrokenProcessPool:  # an idle worker died
                self.close()
                return self._started().submit(_do, job)

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


@contextmanager
def _unknown_main() -> Iterator[None]:
    """Start processes that do not import the script that runs: it would search again in each of them.

    Jobs hold nothing that the script defines.
    """
    main = sys.modules["__main__"]
    hidden = {name: vars(main).pop(name) for name in ("__file__", "__spec__") if name in vars(main)}
    main.__spec__ = None
    try:
        yield
    finally:
        vars(main).update(hidden)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Start processes that no Ctrl-C reaches, even while they import: it is the main process that ends them.

    A signal that comes meanwhile waits for this process, but is never theirs.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _every(seconds: float, do: Callable[[], None]) -> Iterator[None]:
    """Do something every so often meanwhile, from another thread."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(seconds):
            do()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _is_finished(future: "Future[Outcome]") -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _prepare(*arguments: Any) -> None:
    global _workshop  # noqa: PLW0603 - a worker process has one workshop for its whole life
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
