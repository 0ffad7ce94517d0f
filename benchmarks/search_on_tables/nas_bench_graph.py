"""Write the light files of NAS-Bench-Graph as tables: one column per choice, then what was measured.

    pip download --no-deps nas-bench-graph==1.4.0 && unzip nas_bench_graph-1.4.0-py3-none-any.whl
    python benchmarks/search_on_tables/nas_bench_graph.py nas_bench_graph/light/*.bench --out tables

26,206 graph networks of four operations on each of eight data sets, 2,021 on a ninth (Qin et al., NeurIPS
2022, Datasets and Benchmarks; Apache-2.0). The files are pickles, which are programs. They are not run: only
those of their instructions are followed that make numbers and texts, and any other ends with an error.
"""

import argparse
import csv
import gzip
import pickletools
import struct
from pathlib import Path
from typing import Any

# Where each of the four operations has its input from: 0 is the network's, 1 the first operation.
STRUCTURES = ("0000", "0001", "0011", "0012", "0013", "0111", "0112", "0122", "0123")
OPERATIONS = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
# Of the table, and of the file.
COLUMNS = {
    "validation": "valid_perf",
    "test": "perf",
    "latency_s": "latency",
    "parameters_millions": "para",
}


def main() -> None:
    """Write the table of every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for NAME.csv.gz")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for file in options.files:
        rows = rows_of(numbers(file.read_bytes()))
        with gzip.open(options.out / f"{file.stem}.csv.gz", "wt", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(["structure", *(f"operation{at}" for at in range(1, 5)), *COLUMNS])
            writer.writerows(rows)
        print(f"{file.stem}: {len(rows):,} rows")


def rows_of(measured: dict[int, dict[str, float]]) -> list[list[str]]:
    """The decimal digits of a network's number are its structure and one operation after the other."""
    rows: list[list[str]] = []
    for number, found in measured.items():
        structure, *operations = (int(digit) for digit in f"{number:05}")
        made = [f"from {STRUCTURES[structure]}", *(OPERATIONS[at] for at in operations)]
        rows.append([*made, *(f"{found[name]:.9g}" for name in COLUMNS.values())])
    return rows


def numbers(packed: bytes) -> dict[int, dict[str, float]]:
    """The dictionary of dictionaries of numbers that a pickle describes.

    Raises:
        ValueError: For an instruction that such a dictionary has no use for.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    mark = object()

    def pop_to_mark() -> list[Any]:
        at = len(stack) - 1 - stack[::-1].index(mark)
        taken = stack[at + 1 :]
        del stack[at:]
        return taken

    for code, argument, _ in pickletools.genops(packed):
        match code.name:
            case "PROTO" | "STOP":
                pass
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                stack.append(mark)
            case "BININT" | "BININT1" | "BININT2" | "BINFLOAT" | "BINUNICODE" | "SHORT_BINBYTES":
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[code.name])
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "TUPLE":
                stack.append(tuple(pop_to_mark()))
            case "TUPLE2" | "TUPLE3":
                n = int(code.name[-1])
                stack[-n:] = [tuple(stack[-n:])]
            case "SETITEMS":
                items = pop_to_mark()
                stack[-1].update(zip(items[::2], items[1::2], strict=True))
            case "GLOBAL" if argument in ("numpy.core.multiarray scalar", "numpy dtype"):
                stack.append(argument)
            case "REDUCE" if stack[-2] == "numpy dtype" and stack[-1][0] == "f8":
                stack[-2:] = ["dtype"]
            case "REDUCE" if stack[-2] == "numpy.core.multiarray scalar":
                stack[-2:] = struct.unpack("<d", stack[-1][1])
            case "BUILD" if stack[-2] == "dtype":
                stack.pop()
            case _:
                raise ValueError(f"{code.name} {argument!r} makes neither a number nor a text.")
    (made,) = stack
    return made


if __name__ == "__main__":
    main()
