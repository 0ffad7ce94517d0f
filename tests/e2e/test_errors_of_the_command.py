"""What goes wrong is said in one line on stderr, with exit code 2; a traceback comes only under --debug."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.study.designs import add_design, make_run

import penjing
from penjing.cli import main

RUN = "data: digits\nobjectives: [accuracy, size_bytes]\nbudget: 4 evaluations\nworkers: 1\n"


@dataclass
class Refusal:
    code: object
    lines: list[str]
    out: str


class Command:
    """The command in this process, as the console script calls it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch = monkeypatch
        self.capsys = capsys

    def __call__(self, *arguments: object) -> Refusal:
        self.monkeypatch.setattr(sys, "argv", ["penjing", *(str(argument) for argument in arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.err
        # What a run says of its progress comes before the error.
        lines = [line for line in captured.err.splitlines() if " · " not in line]
        return Refusal(caught.value.code, lines, captured.out)

    def line(self, *arguments: object) -> str:
        """The one line of a refusal."""
        refusal = self(*arguments)
        assert refusal.code == 2
        assert len(refusal.lines) == 1, refusal.lines
        assert refusal.lines[0].startswith("penjing: ")
        assert refusal.out == ""
        return refusal.lines[0]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "my.yaml"
    path.write_text(RUN)
    return path


def test_an_unknown_key(command: Command, config: Path, tmp_path: Path) -> None:
    config.write_text(RUN + "serch: {epochs: 2}\n")
    assert "no key 'serch'. Did you mean 'search'?" in command.line("run", config, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_configuration(command: Command, tmp_path: Path) -> None:
    line = command.line("run", tmp_path / "none.yaml", "--out", tmp_path / "out")
    assert f"There is no configuration file {str(tmp_path / 'none.yaml')!r}" in line


def test_a_configuration_that_is_no_yaml(command: Command, config: Path, tmp_path: Path) -> None:
    config.write_text("data: [digits\nseed: {")
    assert "my.yaml' is not valid YAML" in command.line("run", config, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    ("option", "value", "match"),
    [
        ("--budget", "soon", "got 'soon'"),
        ("--budget", "1 evaluation", "got '1 evaluation'"),
        ("--seed", "-1", "got -1"),
    ],
)
def test_an_option_that_the_configuration_would_not_allow(
    command: Command, config: Path, tmp_path: Path, option: str, value: str, match: str
) -> None:
    assert match in command.line("run", config, "--out", tmp_path / "out", option, value)
    assert not (tmp_path / "out").exists()


def test_stages_that_do_not_fit_are_found_before_anything_is_trained(
    command: Command, config: Path, tmp_path: Path
) -> None:
    config.write_text(RUN + "space: {family: {stage_widths: [[8]]}}\n")
    line = command.line("run", config, "--out", tmp_path / "out")
    assert "must name the same number of stages, got 1, 2 and 2" in line
    assert not (tmp_path / "out").exists()


def test_a_budget_that_the_finalists_do_not_fit(command: Command, config: Path, tmp_path: Path) -> None:
    config.write_text(RUN + "finalists: {count: 2}\n")
    line = command.line("run", config, "--out", tmp_path / "out", "--budget", "3 evaluations")
    assert "finalists.count is 2" in line
    assert not (tmp_path / "out").exists()


def test_what_is_given_instead_counts_before_the_file_is_judged(
    command: Command, config: Path, tmp_path: Path
) -> None:
    config.write_text(RUN.replace("4 evaluations", "soon") + "constraints: [size_bytes <= 100 B]\n")
    assert "got 'soon'" in command.line("run", config, "--out", tmp_path / "out")
    line = command.line("run", config, "--out", tmp_path / "out", "--budget", "4 evaluations")
    assert "No design of this space meets" in line


def test_a_path_that_cannot_be_made(command: Command, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,score\n" + "".join(f"{a},{b},{a + b}\n" for a in range(4) for b in range(4)))
    said = ("--choices", "a,b", "--maximise", "score", "--algorithms", "random", "--seeds", 1, "--out", table)
    assert "table.csv: File exists." in command.line("benchmark", "table", table, *said)


def test_data_that_are_not_there(command: Command, config: Path, tmp_path: Path) -> None:
    config.write_text(RUN.replace("digits", "missing.npz"))
    assert "No file or folder" in command.line("run", config, "--out", tmp_path / "out")


def test_a_folder_that_is_not_empty(command: Command, config: Path, tmp_path: Path) -> None:
    assert "is not empty: it holds 'my.yaml'" in command.line("run", config, "--out", tmp_path)


def test_a_folder_that_is_a_file(command: Command, config: Path) -> None:
    assert "is a file; a run needs a folder" in command.line("run", config, "--out", config)


def test_a_folder_below_a_file(command: Command, config: Path) -> None:
    assert "my.yaml" in command.line("run", config, "--out", config / "out")


def test_a_folder_that_holds_a_run(command: Command, config: Path, tmp_path: Path) -> None:
    make_run(tmp_path / "out")
    assert f"penjing resume {tmp_path / 'out'}" in command.line("run", config, "--out", tmp_path / "out")


@pytest.mark.parametrize("name", ["resume", "front", "report"])
def test_a_run_that_is_not_there(command: Command, tmp_path: Path, name: str) -> None:
    assert f"No folder is at {tmp_path / 'none'}" in command.line(name, tmp_path / "none")


@pytest.mark.parametrize("name", ["resume", "front", "report"])
def test_a_folder_that_is_no_run(command: Command, tmp_path: Path, name: str) -> None:
    assert f"{tmp_path} holds no run: config.yaml is missing" in command.line(name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [("resume",), ("front",), ("front", "--json"), ("report",)])
def test_a_run_of_another_format(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    run = make_run(tmp_path / "run")
    run.config_path.write_text(run.config_path.read_text().replace("format_version: 1", "format_version: 99"))
    assert "has format_version 99, from a newer Penjing" in command.line(*arguments, run.path)


@pytest.mark.parametrize("name", ["resume", "front"])
def test_a_run_whose_configuration_was_damaged(command: Command, tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run")
    run.config_path.write_text("format_version: 1\ndata: [")
    assert "config.yaml cannot be read as YAML" in command.line(name, run.path)


def test_a_run_whose_configuration_was_edited_wrongly(command: Command, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", sede=3)
    assert "no key 'sede'. Did you mean 'seed'?" in command.line("resume", run.path)


def test_a_design_that_is_not_there(command: Command, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "3f2a9c1e")
    line = command.line("export", run.path, "3f2a9c1", tmp_path / "out")
    assert "No finished design is named '3f2a9c1'. Did you mean '3f2a9c1e'?" in line


def test_an_export_into_a_folder_that_is_not_empty(command: Command, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    add_design(run, "3f2a9c1e")
    assert "is not empty" in command.line("export", run.path, "3f2a9c1e", tmp_path)


def test_an_export_to_optuna_into_a_file_that_exists(command: Command, config: Path, tmp_path: Path) -> None:
    line = command.line("export-optuna", make_run(tmp_path / "run").path, config)
    assert "my.yaml exists already. An export never overwrites. Name a file that does not exist." in line
    assert config.read_text() == RUN


def test_an_export_to_optuna_without_optuna(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = make_run(tmp_path / "run")
    for module in ("penjing.study.optuna_study", "penjing.search.optuna_samplers"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    line = command.line("export-optuna", run.path, tmp_path / "study.db")
    assert "An export to Optuna needs optuna, which is not installed." in line
    assert "pip install 'penjing[optuna]'" in line


def test_measuring_what_is_no_onnx(command: Command, config: Path) -> None:
    assert "my.yaml" in command.line("measure", config)


def test_measuring_what_is_not_there(command: Command, tmp_path: Path) -> None:
    assert "none.onnx" in command.line("measure", tmp_path / "none.onnx")


def test_an_unknown_task(command: Command) -> None:
    assert "No task is named 'speech'" in command.line("init", "speech")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "my.yaml", "--out", "out", "--sed", "3"), "--sed"),
        (("frnt", "runs/mine"), "frnt"),
        (("run", "my.yaml"), "--out"),
        (("measure", "a.onnx", "--threads", "0"), "--threads"),
        (("run", "my.yaml", "--out", "out", "--seed", "one"), "--seed"),
    ],
)
def test_a_wrong_option_is_named_in_the_last_line_under_the_usage(
    command: Command, arguments: tuple[str, ...], named: str
) -> None:
    refusal = command(*arguments)
    assert refusal.code == 2
    assert refusal.lines[0].startswith("Usage: penjing")
    assert refusal.lines[-1].startswith("Error: ")
    assert named in refusal.lines[-1]


def test_an_impossible_constraint_is_found_before_anything_is_trained(
    command: Command, config: Path, tmp_path: Path
) -> None:
    """Nothing was computed, so nothing stays: the same folder can be used again."""
    config.write_text(RUN + "constraints: [size_bytes <= 100 B]\n")
    out = tmp_path / "out"
    line = command.line("run", config, "--out", out)
    assert (
        "No design of this space meets 'size_bytes <= 100 B'. The nearest that was found has size_bytes"
        in line
    )
    assert "Relax the constraint or widen the space." in line
    assert not out.exists()


@pytest.mark.parametrize("place", [0, -1])
def test_with_debug_the_traceback_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: int
) -> None:
    arguments = ["front", str(tmp_path / "none")]
    arguments.insert(place % 3, "--debug")
    monkeypatch.setattr(sys, "argv", ["penjing", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert "No folder is at" in said.splitlines()[-1]


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_a_process_of_its_own_says_the_same(tmp_path: Path, debug: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "penjing", "front", str(tmp_path / "none"), *debug]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert ("Traceback" in done.stderr) == bool(debug)
    assert f"No folder is at {tmp_path / 'none'}" in done.stderr.splitlines()[-1]


def test_the_version_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["penjing", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"penjing {penjing.__version__}\n")
