"""A run that is killed and resumed ends as if nothing had happened."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from penjing.store import RunFolder

CONFIG = """
data: digits
objectives: [accuracy, size_bytes]
constraints: ["size_bytes <= 20 kB"]
budget: 22 evaluations  # of which the last four of the search train contenders further
workers: {workers}
hypervolume_box: {{accuracy: [0.05, 0.99]}}
search: {{epochs: 2}}
finalists: {{epochs: 4, count: 2}}
training: {{mirror: false, batch_size: 64}}
space:
  precisions: [fp32, w8, w8a8, w4]
"""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-c", "from penjing.cli import main; main()", *(str(a) for a in arguments)]


def run(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def outcome(folder: Path) -> list[tuple[str, str]]:
    front = json.loads(run("front", folder, "--json").stdout)["front"]
    for entry in front:
        content = (folder / entry["artifact"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    return [(entry["id"], entry["sha256"]) for entry in front]


def killed_and_resumed(config: Path, folder: Path, moments_s: list[float]) -> None:
    arguments: tuple[object, ...] = ("run", config, "--out", folder)
    for moment in moments_s:
        process = subprocess.Popen(
            command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(moment)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if (folder / "config.yaml").exists():
            arguments = ("resume", folder)
    run(*arguments)


def configuration(folder: Path, workers: int) -> Path:
    path = folder / "my.yaml"
    path.write_text(CONFIG.format(workers=workers))
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    """A run with one worker that nobody kills: its folder, and what came out."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run("run", configuration(folder, 1), "--out", folder / "run")
    return folder / "run", outcome(folder / "run")


# With one worker less can go wrong: then the number is the same as before.
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_the_same_seed_gives_the_same_files_after_a_kill_and_with_any_number_of_workers(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path, workers: int
) -> None:
    _, expected = undisturbed
    assert expected
    killed_and_resumed(configuration(tmp_path, workers), tmp_path / "run", [7.0, 8.0])
    assert outcome(tmp_path / "run") == expected


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("workers", [1, 2])
def test_twenty_kills_lose_nothing(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path, workers: int
) -> None:
    _, expected = undisturbed
    moments = np.random.default_rng(2).uniform(2.0, 12.0, size=20).tolist()
    killed_and_resumed(configuration(tmp_path, workers), tmp_path / "run", moments)
    assert outcome(tmp_path / "run") == expected


def test_contenders_were_trained_further(undisturbed: tuple[Path, list[tuple[str, str]]]) -> None:
    """Else the kills above would say nothing of them."""
    with RunFolder.open(undisturbed[0]).journal(read_only=True) as journal:
        assert journal.get("contenders of joint, extension 0")


# One handler has both.
@pytest.mark.parametrize("signum", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_an_interrupt_ends_soon_with_a_front_of_what_was_trained(
    tmp_path: Path, signum: signal.Signals
) -> None:
    config = configuration(tmp_path, workers=2)
    config.write_text(config.read_text().replace("22 evaluations", "400 evaluations"))
    folder = tmp_path / "run"
    process = subprocess.Popen(command("run", config, "--out", folder), start_new_session=True)
    try:
        wait_for_evaluations(folder, 6)
        process.send_signal(signum)
        assert process.wait(timeout=120) == 128 + signum
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert outcome(folder)
    assert (folder / "report.html").exists()


def wait_for_evaluations(folder: Path, n: int) -> None:
    for _ in range(600):
        time.sleep(0.2)
        if (folder / "journal.db").exists():
            with RunFolder.open(folder).journal(read_only=True) as journal:
                if len(journal.trials(state="done")) >= n:
                    return
    raise AssertionError(f"{folder} has no {n} evaluations after two minutes")


def test_a_second_run_in_the_same_folder_is_refused(
    undisturbed: tuple[Path, list[tuple[str, str]]],
) -> None:
    folder, _ = undisturbed
    done = run("run", folder / "config.yaml", "--out", folder, check=False)
    assert done.returncode == 2
    assert "penjing resume" in done.stderr
    assert "Traceback" not in done.stderr
