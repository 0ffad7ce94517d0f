"""Record what this version of Penjing writes, for later versions to read.

    python -m tests.formats.record      # a minute; writes tests/assets/formats/<version>/

Run it before a release, and whenever a ``format_version`` rises. What earlier
versions recorded stays as it is.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import penjing
from penjing.store import Manifest, RunFolder
from penjing.store.front import front_of
from penjing.study.api import run_study
from penjing.study.config import checked

ASSETS = Path(__file__).resolve().parents[1] / "assets" / "formats"
CONFIG = {
    "data": "digits",
    "constraints": ["size_bytes <= 6 kB"],
    "budget": "8 evaluations",
    "seed": 1,
    "workers": 1,
    "search": {"epochs": 1.0},
    "finalists": {"count": 2, "epochs": 4.0},
}
KEPT = ("config.yaml", "journal.db", "latency_model.json", "log.jsonl", "designs")


def record(folder: Path) -> None:
    """Make a small run, and keep of it what has a format."""
    with tempfile.TemporaryDirectory() as parent:
        run = RunFolder(Path(parent) / "run")
        run_study(checked(CONFIG), run.path)
        folder.mkdir(parents=True)
        write(folder / "front.json", front_of(run))
        design = sorted(run.designs_path.iterdir())[0]
        write(folder / "blueprint.json", Manifest.read(design).blueprint)
        for path in run.path.iterdir():
            if path.name not in KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(run.path, folder / "run")


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    target = ASSETS / penjing.__version__
    if target.exists():
        sys.exit(f"{target} exists already. What a version wrote is never rewritten.")
    record(target)
