"""What an import costs: the base install lacks what trains, and ``import penjing`` loads nothing heavy."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "src"
HEAVY = ("onnxruntime", "pandas", "torch")
# Of the extra "search".
WHAT_TRAINS = ("joblib", "safetensors", "scipy", "sklearn", "torch")
BASE = ("blueprint", "cli", "errors", "objectives", "protocols", "report", "space", "store")
# Behind commands that need no training.
ALSO_BASE = ["penjing.study.exporting", "penjing.targets.onnxruntime.file_measurement"]


def _modules(pattern: str) -> list[str]:
    """The dotted names of the modules whose file matches ``pattern`` below ``src/penjing``."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "penjing").glob(pattern))
    return sorted(".".join(path.parts).removesuffix(".__init__") for path in paths)


def _python(code: str) -> str:
    """Run ``code`` in a fresh interpreter and return what it printed; fail with what it complained about."""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_import_penjing_loads_nothing_heavy() -> None:
    loaded = _python(f"import sys, penjing; print(*[name for name in {HEAVY!r} if name in sys.modules])")
    assert loaded.split() == []


@pytest.mark.parametrize("room", BASE)
def test_the_base_install_can_import_every_module_of_the_room(room: str) -> None:
    names = _modules(f"{room}.py") + _modules(f"{room}/**/*.py")
    names = [name for name in names if not name.endswith("__main__")]
    assert names, f"No file of {room!r} was found under {str(ROOT / 'penjing')!r}."
    _import_in_base(names)


def test_the_base_install_exports_and_measures() -> None:
    _import_in_base(ALSO_BASE)


def test_the_runtime_side_of_every_target_works_without_what_trains() -> None:
    names = _modules("targets/*/runtime.py")
    assert names, "No target has a runtime.py."
    _import_in_base(names)


def _import_in_base(names: list[str]) -> None:
    # None in sys.modules makes an import fail as if the package were not installed.
    blocked = f"import sys, importlib\nsys.modules.update(dict.fromkeys({WHAT_TRAINS!r}))"
    _python(f"{blocked}\nfor name in {names!r}:\n    importlib.import_module(name)")
