"""The run folder: made once, opened with checks, written by one process."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from penjing.errors import ConfigError, FormatVersionError, InvalidValueError, RunFolderError
from penjing.store import Journal, RunFolder

CONFIG = {"task": "digits", "budget": {"trials": 20}, "learning_rate": 1e-05, "names": ["on", "1"]}


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", CONFIG)


def test_a_run_opens_with_the_configuration_it_was_made_with(folder: RunFolder) -> None:
    opened = RunFolder.open(folder.path)
    assert opened.config == {"format_version": 1, **CONFIG}
    assert list(opened.config) == ["format_version", *CONFIG]
    assert repr(opened) == f"RunFolder({str(folder.path)!r})"


def test_every_file_has_its_place(folder: RunFolder) -> None:
    paths = [folder.config_path, folder.journal_path, folder.designs_path]
    paths += [folder.weights_path, folder.report_path, folder.log_path, folder.design_path("d-7")]
    names = [path.relative_to(folder.path).as_posix() for path in paths]
    assert names == [
        *("config.yaml", "journal.db", "designs"),
        *("weights", "report.html", "log.jsonl", "designs/d-7"),
    ]


def test_a_folder_that_holds_a_run_is_not_begun_again(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError, match=f"already holds a run.* penjing resume {folder.path}"):
        RunFolder.create(folder.path, {})


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(
        RunFolderError, match=r"is not empty: it holds 'notes\.txt'.*Choose another folder \(--out\)"
    ):
        RunFolder.create(tmp_path, CONFIG)


def test_what_a_killed_creation_left_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".penjing-1-2.tmp").touch()
    folder = RunFolder.create(tmp_path, CONFIG)
    with folder.lock():
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.yaml", "lock"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(RunFolderError, match=r"run is a file; a run needs a folder"):
        RunFolder.create(tmp_path / "run", CONFIG)
    with pytest.raises(RunFolderError, match=r"No folder is at .*run\."):
        RunFolder.open(tmp_path / "run")


def test_what_is_no_run_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"No folder is at .*absent\."):
        RunFolder.open(tmp_path / "absent")
    with pytest.raises(RunFolderError, match=f"{tmp_path} holds no run: config.yaml is missing"):
        RunFolder.open(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "format_version: 2",
            r"config\.yaml has format_version 2, from a newer Penjing; this one reads 1\. Run: pip",
        ),
        ("format_version: one", r"has format_version 'one'; this Penjing reads 1\."),
        ("format_version: true", "has format_version True;"),
        ("format_version: 0", "has format_version 0;"),
        ("task: digits", "has format_version None;"),
    ],
)
def test_an_unknown_format_is_not_opened(folder: RunFolder, text: str, message: str) -> None:
    folder.config_path.write_text(text)
    with pytest.raises(FormatVersionError, match=message) as caught:
        RunFolder.open(folder.path)
    assert caught.value.facts["known"] == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [1", "cannot be read as YAML: .*line 1"),
        (b"\xff\xfe\xfa", "cannot be read as YAML"),
        (b"- a", "is a list, not a mapping"),
        (b"!!python/object:os.system {}", "cannot be read as YAML: .*python/object:os.system"),
    ],
)
def test_a_damaged_configuration_is_not_opened(folder: RunFolder, content: bytes, message: str) -> None:
    folder.config_path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        RunFolder.open(folder.path)


def test_a_configuration_that_cannot_be_written_makes_no_run(tmp_path: Path) -> None:
    with pytest.raises(FormatVersionError, match="format_version 9"):
        RunFolder.create(tmp_path / "run", {"format_version": 9})
    with pytest.raises(InvalidValueError, match=r"config\['out'\] is of type"):
        RunFolder.create(tmp_path / "run", {"out": tmp_path})
    assert not (tmp_path / "run").exists()


def test_paths_stay_in_the_folder(folder: RunFolder, tmp_path: Path) -> None:
    assert folder.resolve("designs/7") == folder.path.resolve() / "designs" / "7"
    with pytest.raises(RunFolderError, match=r"'\.\./x' is not a path inside"):
        folder.resolve("../x")
    folder.designs_path.symlink_to(tmp_path)
    with pytest.raises(RunFolderError, match="'designs/7' is not a path inside"):
        folder.design_path("7")


@pytest.mark.parametrize("design_id", ["", "..", ".hidden", "a/b", "a\n", "x" * 101])
def test_a_design_id_is_a_plain_name(folder: RunFolder, design_id: str) -> None:
    with pytest.raises(InvalidValueError, match="is no design id") as caught:
        folder.design_path(design_id)
    assert caught.value.message.startswith(repr(design_id))


def test_what_will_not_fit_is_not_begun(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    folder.check_space(1000)
    with pytest.raises(RunFolderError, match="needs 1001 bytes, 1000 bytes are free"):
        folder.check_space(1001)


def test_the_space_of_a_folder_to_come_is_that_of_its_disk(tmp_path: Path) -> None:
    RunFolder(tmp_path / "not" / "yet").check_space(1)


def test_the_journal_is_made_once_and_only_by_a_writer(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="No journal is at"):
        folder.journal(read_only=True)
    with folder.journal() as journal:
        assert isinstance(journal, Journal)
        journal.put("threads", 1)
    with folder.journal() as journal, folder.journal(read_only=True) as reader:
        assert journal.get("threads") == reader.get("threads") == 1


def test_the_lock_is_free_again_after_use(folder: RunFolder) -> None:
    for _ in range(2):
        with (
            folder.lock(),
            pytest.raises(RunFolderError, match=f"in use by process {os.getpid()}"),
            folder.lock(),
        ):
            pass


HOLDER = """
import os, sys, time
from penjing.store import RunFolder
with RunFolder.open(sys.argv[1]).lock():
    child = os.fork() if sys.argv[2] == "fork" else None
    if child is None:
        print(1, flush=True)
    elif child == 0:  # whose copy of the lock is closed by now
        print(os.getpid(), flush=True)
        sys.stdout.close()
    time.sleep(60)
"""


@pytest.mark.parametrize("forks", ["fork", "no fork"])
def test_a_second_process_is_told_who_writes_until_that_one_is_dead(folder: RunFolder, forks: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", HOLDER, str(folder.path), forks]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        try:
            with (
                pytest.raises(RunFolderError, match=f"is in use by process {holder.pid}") as caught,
                folder.lock(),
            ):
                pass
            assert caught.value.facts["pid"] == holder.pid
            holder.kill()
            holder.wait()
            with folder.lock():  # even while a forked worker lives on
                assert (folder.path / "lock").read_text() == str(os.getpid())
        finally:
            holder.kill()
            if child != 1:
                os.kill(child, signal.SIGKILL)
