"""How the house is kept: what every package and every file under ``src`` owes to its reader."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "penjing"
MOST_LINES = 400
NOT_A_NOUN = {"common", "helpers", "managers", "utils"}
SHORTEST_DOCSTRING = 20


def _files() -> Iterator[tuple[str, ast.Module, str]]:
    """Every Python file as (path below ``src/penjing``, syntax tree, text)."""
    for path in sorted(SOURCE.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield str(path.relative_to(SOURCE)), ast.parse(text), text


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_there_is_a_house() -> None:
    assert len(list(_files())) > 10


def test_every_folder_with_code_is_a_package() -> None:
    with_code = {path.parent for path in SOURCE.rglob("*.py")}
    rooms = {path for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    folders = with_code | rooms
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        path
        for path, tree, _ in _files()
        if path.endswith("__init__.py") and len(ast.get_docstring(tree) or "") < SHORTEST_DOCSTRING
    ]
    assert silent == []


def test_every_all_is_sorted() -> None:
    unsorted = []
    for path, tree, _ in _files():
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = ast.literal_eval(node.value)
                if list(names) != sorted(names, key=_constants_then_classes_then_functions):
                    unsorted.append(path)
    assert unsorted == []


def _constants_then_classes_then_functions(name: str) -> tuple[int, str]:
    """The order that ruff asks for and writes itself (RUF022)."""
    if name.isupper():
        return 0, name
    return (1 if name[0].isupper() else 2), name


def test_every_file_is_one_idea_that_one_can_hold() -> None:
    long = {path: len(text.splitlines()) for path, _, text in _files()}
    assert {path: lines for path, lines in long.items() if lines > MOST_LINES} == {}


def test_no_room_is_for_odds_and_ends() -> None:
    paths = sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*"))
    assert [str(path) for path in paths if path.stem in NOT_A_NOUN] == []


def test_nothing_is_pickled() -> None:
    pickling = []
    for path, tree, _ in _files():
        for node in ast.walk(tree):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [f"{node.module}.{alias.name}" for alias in node.names]
            modules = [module for module in modules if module != "joblib.cpu_count"]
            if any(re.match(r"(cloudpickle|dill|joblib|pickle)(\.|$)", module) for module in modules):
                pickling.append(f"{path}:{node.lineno}")
    assert pickling == []


def test_torch_loads_weights_only() -> None:
    unsafe = []
    for path, tree, _ in _files():
        for name, call in _calls(tree):
            words = {word.arg: ast.unparse(word.value) for word in call.keywords}
            if name == "torch.load" and words.get("weights_only") != "True":
                unsafe.append(f"{path}:{call.lineno}")
    assert unsafe == []


def test_yaml_is_read_safely() -> None:
    unsafe = {"yaml.full_load", "yaml.load", "yaml.load_all", "yaml.unsafe_load"}
    calls = ((path, name, call) for path, tree, _ in _files() for name, call in _calls(tree))
    assert [f"{path}:{call.lineno}" for path, name, call in calls if name in unsafe] == []
