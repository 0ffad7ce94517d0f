"""The commands below ``penjing benchmark``: searches over tables."""

from pathlib import Path
from typing import Annotated

import typer

from penjing.errors import InvalidValueError

benchmark = typer.Typer(
    name="benchmark",
    help="Compare search algorithms on tables of networks that others trained.",
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Start with: penjing benchmark nas201 nasbench201.csv.gz --algorithms random,local --seeds 20",
)

Algorithms = Annotated[
    str, typer.Option(help="Names, with commas between; pairs as hybrid:PROPOSER+SCREENER; or: all.")
]
Seeds = Annotated[int, typer.Option(min=1, help="Searches of each algorithm.")]
Queries = Annotated[int, typer.Option(min=1, help="Rows that a search may look at.")]
Batch = Annotated[int, typer.Option(min=1, help="Rows that are asked for at once.")]
MaxSeconds = Annotated[
    float | None, typer.Option(min=0, help="After so long an algorithm begins no further search.")
]
CheapOffered = Annotated[
    bool,
    typer.Option(
        "--cheap-fidelity",
        help="Offer the accuracy after 12 epochs as well, for 12/200 of a query, to algorithms that train "
        "further and to auto.",
    ),
]
Out = Annotated[
    Path | None, typer.Option(help="Keep every search here, go on from there, and draw the curves.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@benchmark.command(
    epilog="Example: penjing benchmark nas201 data/nasbench201 --algorithms all --seeds 100 --out runs/nas201"
)
def nas201(
    path: Annotated[Path, typer.Argument(help="nasbench201.csv.gz, or its folder.", metavar="TABLE")],
    algorithms: Algorithms = "all",
    seeds: Seeds = 20,
    queries: Queries = 300,
    batch: Batch = 1,
    max_seconds: MaxSeconds = None,
    cheap_fidelity: CheapOffered = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Search NAS-Bench-201 for its best cell: accuracy on CIFAR-10's validation images, 200 epochs."""
    from penjing import tables
    from penjing.cli.comparison import run_comparison

    settings = tables.Settings(queries, batch, seeds, max_seconds)
    run_comparison([tables.nas201(path, cheap_fidelity)], algorithms, settings, (50, 100), out, as_json)


@benchmark.command(
    epilog="Example: penjing benchmark hwnas data/nasbench201 --devices raspi4_latency --limits none,25"
)
def hwnas(
    path: Annotated[
        Path, typer.Argument(help="Folder of nasbench201.csv.gz and hw_nas_bench.csv.gz.", metavar="TABLES")
    ],
    devices: Annotated[str, typer.Option(help="Columns, with commas between; or: all.")] = "all",
    limits: Annotated[
        str, typer.Option(help="Percentiles of the device's column that are hard limits; none for no limit.")
    ] = "none",
    algorithms: Algorithms = "all",
    seeds: Seeds = 20,
    queries: Queries = 200,
    batch: Batch = 1,
    max_seconds: MaxSeconds = None,
    cheap_fidelity: CheapOffered = False,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Search NAS-Bench-201 for accuracy against what a device takes (HW-NAS-Bench, CIFAR-10)."""
    from penjing import tables
    from penjing.cli.comparison import run_comparison

    wanted = tables.DEVICES if devices == "all" else dict.fromkeys(devices.split(","))
    percentiles = dict.fromkeys(map(_percentile, limits.split(",")))
    searched = [
        tables.hwnas(path, device, percentile, cheap_fidelity)
        for device in wanted
        for percentile in percentiles
    ]
    settings = tables.Settings(queries, batch, seeds, max_seconds)
    run_comparison(searched, algorithms, settings, (50, 100, 200), out, as_json)


@benchmark.command(
    epilog="Example: penjing benchmark table my.csv --choices depth,width --maximise accuracy "
    "--minimise latency_ms --limit 'latency_ms <= 5'"
)
def table(
    path: Annotated[Path, typer.Argument(help="A CSV file, packed with gzip or not.", metavar="FILE")],
    choices: Annotated[str, typer.Option(help="Columns that together name a row, with commas between.")],
    maximise: Annotated[str, typer.Option(help="The column that evaluations reveal.")],
    minimise: Annotated[
        list[str] | None, typer.Option(help="A cost, known of every row; may be given again.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="'COLUMN <= NUMBER', on a known column; may be given again.")
    ] = None,
    counting: Annotated[
        str | None,
        typer.Option(
            "--range",
            help="LOW,HIGH: between which values the column to maximise counts; else taken from the table.",
        ),
    ] = None,
    cheap_fidelity: Annotated[
        str | None,
        typer.Option(
            help="COLUMN=SHARE: what a short training gives, for that share of a query, to algorithms that "
            "train further and to auto."
        ),
    ] = None,
    algorithms: Algorithms = "all",
    seeds: Seeds = 20,
    queries: Queries = 100,
    batch: Batch = 1,
    max_seconds: MaxSeconds = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Search any table that has one column per choice."""
    from penjing.cli.comparison import run_comparison
    from penjing.tables import Settings, table_of

    counts = None if counting is None else _range(counting)
    made = table_of(path, choices.split(","), maximise, minimise or [], limit or [], cheap_fidelity, counts)
    settings = Settings(queries, batch, seeds, max_seconds)
    run_comparison([made], algorithms, settings, (max(1, queries // 2), queries), out, as_json)


def _range(text: str) -> tuple[float, float]:
    low, _, high = text.partition(",")
    try:
        return float(low), float(high)
    except ValueError:
        raise InvalidValueError(
            f"--range must be two numbers with a comma between, such as 80,100; got {text!r}."
        ) from None


def _percentile(text: str) -> float | None:
    if text.strip() == "none":
        return None
    try:
        return float(text)
    except ValueError:
        raise InvalidValueError(
            f"{text!r} is no percentile. Write a number above 0 and below 100, or none."
        ) from None
