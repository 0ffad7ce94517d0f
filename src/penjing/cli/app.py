"""The commands."""

import json
from pathlib import Path
from typing import Annotated

import typer

from penjing import __version__
from penjing.cli.benchmark import benchmark

app = typer.Typer(
    name="penjing",
    help="Find the network that fits a device: architecture, training and compression as one search.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Start with: penjing init image-classification > my.yaml && penjing run my.yaml --out runs/mine. "
    "Any command takes --debug for a traceback.",
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"penjing {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None: ...


RunPath = Annotated[Path, typer.Argument(help="The run folder.", metavar="RUN")]


@app.command(epilog="Example: penjing init image-classification > my.yaml")
def init(
    task: Annotated[
        str, typer.Argument(help="The task: image-classification or vector-classification.")
    ] = "image-classification",
) -> None:
    """Print a commented configuration."""
    from penjing.cli.templates import template

    typer.echo(template(task), nl=False)


@app.command(epilog="Example: penjing run my.yaml --out runs/mine")
def run(
    config: Annotated[Path, typer.Argument(help="The configuration file.")],
    out: Annotated[Path, typer.Option(help="The run folder: new or empty.")],
    budget: Annotated[
        str | None, typer.Option(help="Instead of the configuration's: '10 min', '40 evaluations'.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Instead of the configuration's.")] = None,
) -> None:
    """Search, train, compress, measure: from data to a front of files."""
    from penjing.study.config import load_config

    instead = {name: value for name, value in (("budget", budget), ("seed", seed)) if value is not None}
    wanted = load_config(config, instead)
    # What trains takes seconds to import, and a mistake in the configuration is none of its business.
    from penjing.cli.progress import progress
    from penjing.study.api import run_study

    with progress() as observe:
        result = run_study(wanted, out, observe=observe)
    _hand_over(out, result.stopped_by)


@app.command(epilog='Example: penjing resume runs/mine --budget "+10 min"')
def resume(
    path: RunPath,
    budget: Annotated[str | None, typer.Option(help="More than the run had: '+10 min'.")] = None,
) -> None:
    """Go on with a run that was stopped, or give it more budget."""
    from penjing.cli.progress import progress
    from penjing.study import api

    with progress() as observe:
        result = api.resume(path, budget, observe)
    _hand_over(path, result.stopped_by)


@app.command(epilog="Example: penjing front runs/mine --json")
def front(
    path: RunPath,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts; the format is documented.")] = False,
) -> None:
    """Show the non-dominated designs of a run."""
    from penjing.store import RunFolder
    from penjing.store.front import front_of

    document = front_of(RunFolder.open(path))
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        _show(path)


@app.command(epilog="Example: penjing report runs/mine")
def report(path: RunPath) -> None:
    """Write report.html into the run folder: one file that opens offline."""
    from penjing.report import write_report
    from penjing.store import RunFolder

    typer.echo(f"Report: {write_report(RunFolder.open(path))}")


@app.command(epilog="Example: penjing export runs/mine 3f2a9c1e out/")
def export(
    path: RunPath,
    design: Annotated[str, typer.Argument(help="Its id, as `penjing front` shows it.")],
    folder: Annotated[Path, typer.Argument(help="New or empty.")],
) -> None:
    """Hand over one design: artifact, manifest, plain module, weights, a script that runs it."""
    from penjing.store import RunFolder
    from penjing.study.exporting import export_design

    typer.echo(f"Exported to {export_design(RunFolder.open(path), design, folder)}")


@app.command(epilog="Example: penjing export-optuna runs/mine study.db")
def export_optuna(
    path: RunPath,
    file: Annotated[Path, typer.Argument(help="The SQLite file to write; must not exist.", metavar="FILE")],
) -> None:
    """Write a run as a study that Optuna and its dashboard open."""
    from penjing.store import RunFolder
    from penjing.study.optuna_study import write_optuna_study

    n = write_optuna_study(RunFolder.open(path), file)
    typer.echo(f"Exported {n} trials. Look at them with: optuna-dashboard sqlite:///{file}")


@app.command(epilog="Example: penjing measure model.onnx --threads 1")
def measure(
    path: Annotated[Path, typer.Argument(help="Any ONNX file.", metavar="FILE")],
    threads: Annotated[int, typer.Option(min=1, help="Threads for one call.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Measure latency, throughput, size and peak memory of any ONNX file, as a run does."""
    from penjing.cli.tables import measurement_lines
    from penjing.targets.onnxruntime.file_measurement import measure_file

    measured = measure_file(path, threads=threads)
    for warning in measured["warnings"]:
        typer.echo(f"penjing: {warning}", err=True)
    typer.echo(json.dumps(measured, indent=2) if as_json else "\n".join(measurement_lines(measured)))


app.add_typer(benchmark)


def _hand_over(path: Path, stopped_by: int | None) -> None:
    """Show the front, write the report; end as what a signal has ended ends, so that scripts stop as well."""
    _show(path)
    report(path)
    if stopped_by:
        raise typer.Exit(128 + stopped_by)


def _show(path: Path) -> None:
    from penjing.cli.tables import front_lines
    from penjing.store import RunFolder
    from penjing.store.front import busy_spread, front_of, out_of_reach, undecided_constraints

    run = RunFolder.open(path)
    typer.echo("\n".join(front_lines(front_of(run), out_of_reach(run))))
    spread = busy_spread(run)
    if spread is not None:
        typer.echo(
            f"penjing: something else ran while latencies were measured: they spread by up to {spread:.0%}, "
            f"and hold for that time only. penjing resume {path} measures again.",
            err=True,
        )
    for text in undecided_constraints(run):
        typer.echo(
            f"penjing: no design is held to {text!r}: the run ended before the reference was trained.",
            err=True,
        )
