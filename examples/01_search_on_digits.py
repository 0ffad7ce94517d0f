"""Search small networks for scikit-learn's digits, print the front, hand the most accurate design over.

    python examples/01_search_on_digits.py runs/example-01

Few evaluations and short trainings: it shows the way, not what can be reached.
"""

import sys
from pathlib import Path

import penjing


def main(out: Path) -> None:
    """Search, show, export."""
    result = penjing.search(
        data="digits",
        objectives=["accuracy", "size_bytes"],
        constraints=["size_bytes <= 20 kB"],
        budget="12 evaluations",
        out=out / "run",
        search={"epochs": 2},
        finalists={"count": 2, "epochs": 8},
        training={"mirror": False, "batch_size": 64},
    )
    for entry in result.front:
        accuracy, latency = entry["accuracy"], entry["latency_ms"]
        print(
            f"{entry['id']}  {entry['size_bytes']:>6,} bytes  {latency['value']:.4f} ms  "
            f"{accuracy['value']:.1%} [{accuracy['low']:.1%}, {accuracy['high']:.1%}]"
        )
    print("Exported to", result.best("accuracy").export(out / "best"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example-01"))
