"""The log: one JSON record per line, whatever is logged."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from penjing.store import JsonLinesHandler


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "log.jsonl"


@pytest.fixture
def logger(path: Path) -> Iterator[logging.Logger]:
    logger = logging.Logger("penjing.study")
    handler = JsonLinesHandler(path, level=logging.INFO)
    logger.addHandler(handler)
    yield logger
    handler.close()


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_record_is_a_line_with_its_facts(logger: logging.Logger, path: Path) -> None:
    logger.info("trial %d told", 7, extra={"trial": 7, "message_of": ["a", (1,)]})
    logger.warning("line\nbreak 盆景")
    logger.debug("below the level")
    first, second = records(path)
    assert datetime.fromisoformat(first.pop("time")).utcoffset() == timedelta(0)
    assert first == {
        "format_version": 1,
        "level": "INFO",
        "logger": "penjing.study",
        "message": "trial 7 told",
        "facts": {"trial": 7, "message_of": ["a", [1]]},
    }
    assert (second["level"], second["message"], second["facts"]) == ("WARNING", "line\nbreak 盆景", {})


def test_an_exception_is_kept_with_its_traceback(logger: logging.Logger, path: Path) -> None:
    try:
        raise ValueError("too wide")
    except ValueError:
        logger.exception("trial failed")
    (record,) = records(path)
    assert record["message"] == "trial failed"
    assert record["exception"].endswith("ValueError: too wide")


@pytest.mark.parametrize(
    ("fact", "kept"), [(float("nan"), "nan"), ({3}, "{3}"), (Path("x"), "PosixPath('x')")]
)
def test_a_fact_that_json_cannot_write_is_kept_as_text(
    logger: logging.Logger, path: Path, fact: object, kept: str
) -> None:
    logger.info("told", extra={"fact": fact})
    assert records(path)[0]["facts"] == {"fact": kept}


def test_a_log_goes_on_after_a_line_that_a_kill_tore(logger: logging.Logger, path: Path) -> None:
    logger.info("first")
    with path.open("a") as file:
        file.write('{"torn')
    for message in ("second", "third"):
        handler = JsonLinesHandler(path)
        handler.handle(logging.makeLogRecord({"msg": message}))
        handler.close()
        handler.close()
    lines = path.read_text().splitlines()
    assert [json.loads(line)["message"] for line in (lines[0], *lines[2:])] == ["first", "second", "third"]
    assert lines[1] == '{"torn'


def test_a_log_that_cannot_be_written_does_not_stop_the_run(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logger.handlers[0].close()
    logger.info("lost")
    assert "I/O operation on closed file" in capsys.readouterr().err
