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

CONFIG = """
data: digits
objectives: [accuracy, size_bytes]
constraints: ["size_bytes <= 20 kB"]
budget: 14 evaluations
workers: {workers}
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


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def undisturbed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[tuple[str, str]]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    config = folder / "my.yaml"
    config.write_text(CONFIG.format(workers=request.param))
    run("run", config, "--out", folder / "run")
    return config, outcome(folder / "run")


def test_the_same_seed_gives_the_same_files_after_a_kill(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path
) -> None:
    config, expected = undisturbed
    assert expected
    killed_and_resumed(config, tmp_path / "run", [7.0, 8.0])
    assert outcome(tmp_path / "run") == expected


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_kills_lose_nothing(undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path) -> None:
    config, expected = undisturbed
    moments = np.random.default_rng(2).uniform(2.0, 12.0, size=20).tolist()
    killed_and_resumed(config, tmp_path / "run", moments)
    assert outcome(tmp_path / "run") == expected


def test_a_second_run_in_the_same_folder_is_refused(
    undisturbed: tuple[Path, list[tuple[str, str]]],
) -> None:
    config, _ = undisturbed
    done = run("run", config, "--out", config.parent / "run", check=False)
    assert done.returncode == 2
    assert "penjing resume" in done.stderr
    assert "Traceback" not in done.stderr
