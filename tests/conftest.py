"""Strict conditions for every test: seeded, one thread, no network, and a run that tests something."""

import os

# Before NumPy and torch are imported, which read it then; inherited by the processes that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import ipaddress
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
IN_CI = os.environ.get("CI") == "true"


@pytest.fixture
def rng() -> np.random.Generator:
    """The same stream of random numbers for every test that asks."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, too large for the repository; one folder per data set."""
    default = REPOSITORY.parent / "shared" / "data"
    folder = Path(os.environ.get("PENJING_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no real data: PENJING_DATA is not set to a folder and {str(folder)!r} does not exist")
    return folder


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine; started processes are not watched."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _only_here(getattr(socket.socket, name)))


@pytest.fixture(autouse=True)
def _one_torch_thread() -> None:
    """Undo what another test may have set; does not import torch for a test that has no use for it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests marked ``browser`` where there is none; in CI its absence is a failure."""
    if item.get_closest_marker("browser") is None or shutil.which("chromium") is not None:
        return
    reason = "needs Chromium, which is not installed; run: make browser"
    if IN_CI:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run in CI in which no test passed: it would otherwise prove nothing and look green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    listing = session.config.option.collectonly
    if IN_CI and exitstatus == pytest.ExitCode.OK and not listing and not reporter.stats.get("passed"):
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def _only_here(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            self.close()  # callers expect an OSError, and would leave the socket open
            raise RuntimeError(f"Tests do not use the network, and this one asked for {address!r}.")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
