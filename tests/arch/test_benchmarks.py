"""What benchmarks import of the project is there: they run rarely, and are not tested otherwise."""

import ast
from importlib import import_module
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize(
    "path", sorted(BENCHMARKS.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_a_benchmark_imports_of_the_project_is_there(path: Path) -> None:
    imported = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
    of_ours = [node for node in imported if (node.module or "").split(".")[0] == "penjing"]
    for node in of_ours:
        module = import_module(node.module or "")
        for name in node.names:
            assert hasattr(module, name.name), f"{node.module}.{name.name}"
