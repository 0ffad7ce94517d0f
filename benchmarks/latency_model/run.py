"""How well does the latency model predict networks that it has never seen?

    python benchmarks/latency_model/run.py            # fits, then judges in a fresh process
    python benchmarks/latency_model/run.py fit
    python benchmarks/latency_model/run.py judge

No data is needed: weights are random, only shapes and precisions take time. Run it with nothing else on
the machine.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from penjing.blueprint import Blueprint
from penjing.compression.quantization.method import MIXED
from penjing.store import RunFolder, write_atomically
from penjing.store.front import finished_designs
from penjing.study.config import checked
from penjing.study.pipeline import DataFacts, Pipeline
from penjing.study.versions import versions
from penjing.targets.onnxruntime.latency_model import LatencyModel, relative_errors
from penjing.targets.onnxruntime.processor import processor_info
from penjing.targets.onnxruntime.random_networks import metronome, random_artifact
from penjing.targets.onnxruntime.target import METRONOME, OnnxRuntimeCpu

HERE = Path(__file__).parent
QUIET_LOAD = 0.5
GROUP = 6


def main() -> None:
    """Fit, judge, or both in two processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", nargs="?", choices=("all", "fit", "judge"), default="all")
    parser.add_argument("--shape", type=int, nargs=3, default=[1, 28, 28], help="of the images")
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--precisions", nargs="+", default=["fp32", "w8", "w8a8"])
    parser.add_argument("--fit-networks", type=int, default=60)
    parser.add_argument("--fit-seconds", type=float, default=60)
    parser.add_argument("--networks", type=int, default=40, help="to judge by, finalists included")
    parser.add_argument(
        "--run", type=Path, help="a run folder on images of this shape, whose designs are judged by"
    )
    parser.add_argument("--seconds-each", type=float, default=0.4, help="of measuring a fresh one, per pass")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", default="runs/latency_model")
    parser.add_argument("--load-average", type=float, default=os.getloadavg()[0], help=argparse.SUPPRESS)
    options = parser.parse_args()
    is_child = "--load-average" in sys.argv
    if options.load_average > QUIET_LOAD and not is_child:
        print(
            f"WARNING: load average {options.load_average:.2f} is above {QUIET_LOAD}: something else runs. "
            "What follows says more about the machine than about the model.",
            flush=True,
        )
    if options.command == "all":
        given = [argument for argument in sys.argv[1:] if argument != "all"]
        # Before we began: afterwards our own work is in it.
        given += ["--load-average", str(options.load_average)]
        for command in ("fit", "judge"):
            subprocess.run([sys.executable, __file__, command, *given], check=True)
    else:
        {"fit": fit, "judge": judge}[options.command](options)


def pipeline_of(options: argparse.Namespace) -> Pipeline:
    """The space of a run on images of this shape."""
    config = checked({"data": "shapes only", "space": {"precisions": options.precisions}})
    shape = (options.shape[0], options.shape[1], options.shape[2])
    facts = DataFacts(shape, options.classes, 50_000, mean=73.0, deviation=90.0, fingerprint="")
    return Pipeline(config, facts, OnnxRuntimeCpu())


def draw(pipeline: Pipeline, rng: np.random.Generator) -> Blueprint:
    """A network of the space, as a run draws it."""
    return pipeline.blueprint(pipeline.space.sample(rng))


def draw_mixed(pipeline: Pipeline, rng: np.random.Generator) -> Blueprint:
    """The same, every second one with a precision of its own in every block."""
    candidate = pipeline.space.sample(rng)
    if rng.random() < 0.5:
        mixed = pipeline.space.fixed({"network.precision": MIXED})
        candidate = mixed.mutate(candidate, rng, 0)
    return pipeline.blueprint(candidate)


def finalists(run: Path | None) -> list[tuple[Blueprint, bytes]]:
    """The finished designs of a run, as they ship."""
    if run is None:
        return []
    folder = RunFolder.open(run)
    return [
        (Blueprint.from_dict(design.blueprint), (folder.design_path(design.id) / "model.onnx").read_bytes())
        for design in finished_designs(folder)
    ]


def fit(options: argparse.Namespace) -> None:
    """Measure networks, learn from them, keep the model."""
    pipeline = pipeline_of(options)
    measurements = [0]
    started = time.perf_counter()
    model = OnnxRuntimeCpu().fit_latency_model(
        lambda rng: draw(pipeline, rng),
        np.random.default_rng([options.seed, 0]),
        options.fit_networks,
        options.fit_seconds,
        lambda made, _: measurements.append(made),
    )
    kept = {
        "model": model.as_dict(),
        "networks": options.fit_networks,
        "measurements": max(measurements),
        "seconds": time.perf_counter() - started,
        "load_average": options.load_average,
        "seed": options.seed,
    }
    write_atomically(Path(options.work) / "fitted.json", json.dumps(kept))
    print(told(kept))


def told(fitted: dict[str, Any]) -> str:
    """What the fit took."""
    count, seconds = fitted["measurements"], fitted["seconds"]
    return f"fitted to {count} measurements of {fitted['networks']} networks in {seconds:.1f} s"


def judge(options: argparse.Namespace) -> None:
    """Measure fresh networks twice, with other neighbours, and compare."""
    path = Path(options.work) / "fitted.json"
    if not path.exists():
        raise SystemExit("There is no model yet. Use the sub-command fit first.")
    fitted = json.loads(path.read_text())
    model = LatencyModel.from_dict(fitted["model"])
    pipeline = pipeline_of(options)
    rng = np.random.default_rng([options.seed, 1])
    finished = finalists(options.run)
    blueprints = stratified(pipeline, model, options.networks - len(finished), rng)
    reduced = pipeline.abilities.reduced_range
    artifacts = [random_artifact(blueprint, rng, reduced) for blueprint in blueprints]
    blueprints += [blueprint for blueprint, _ in finished]
    artifacts += [artifact for _, artifact in finished]
    is_finalist = np.arange(len(blueprints)) >= len(blueprints) - len(finished)
    precisions = [{layer.precision for layer in b.weighted_layers} for b in blueprints]
    is_mixed = np.array([len(names) > 1 for names in precisions])
    taken = [one_pass(artifacts, options.seconds_each, rng) for _ in range(2)]
    as_taken = np.stack([ms for ms, _ in taken])
    # At the speed that the machine had while the model was fitted, as the metronome tells.
    passes = np.stack([ratios for _, ratios in taken]) * model.metronome_ms
    predicted = model.predict_many(blueprints)
    judged = {
        "model": relative_errors(predicted, passes.mean(axis=0)),
        "repeatability": relative_errors(passes[1], passes[0]),
        "milliseconds_as_taken": relative_errors(predicted, as_taken.mean(axis=0)),
        "milliseconds_as_taken_again": relative_errors(as_taken[1], as_taken[0]),
        "bias": float(np.median(predicted / passes.mean(axis=0)) - 1),
        "shape_of_errors_without_bias": relative_errors(
            predicted / np.median(predicted / passes.mean(axis=0)), passes.mean(axis=0)
        ),
    }
    if finished:
        judged["finalists"] = relative_errors(predicted[is_finalist], passes.mean(axis=0)[is_finalist])
    judged["mixed"] = relative_errors(predicted[is_mixed], passes.mean(axis=0)[is_mixed])
    print(f"{'':<36} {'within 10 %':>11} {'median error':>12} {'Spearman':>9}")
    for name, text in (
        ("model", "fresh networks, predicted"),
        ("mixed", "those of mixed precision"),
        ("finalists", "those that a run finished"),
        ("repeatability", "measured again"),
        ("shape_of_errors_without_bias", "predicted, common factor removed"),
        ("milliseconds_as_taken", "predicted, milliseconds as taken"),
        ("milliseconds_as_taken_again", "milliseconds as taken, taken again"),
    ):
        if name not in judged:
            continue
        row = judged[name]
        print(
            f"{text:<36} {row['within_10_percent']:>11.1%} {row['median_relative_error']:>12.1%} "
            f"{row['spearman']:>9.4f}"
        )
    print(told(fitted))
    rows = [
        {"predicted_ms": p, "first_ms": a, "second_ms": b, "layers": len(blueprint.layers)}
        for p, a, b, blueprint in zip(predicted.tolist(), *passes.tolist(), blueprints, strict=True)
    ]
    fitting = {name: value for name, value in fitted.items() if name != "model"}
    publish(options, {**judged, "fitting": fitting, "load_average": options.load_average, "rows": rows})


def stratified(pipeline: Pipeline, model: LatencyModel, n: int, rng: np.random.Generator) -> list[Blueprint]:
    """Networks spread evenly over the logarithm of latency, without its extreme percents."""
    drawn = [draw_mixed(pipeline, rng) for _ in range(50 * n)]
    ms = model.predict_many(drawn)
    low, high = np.quantile(ms, [0.01, 0.99])
    chosen: dict[int, Blueprint] = {}
    for wanted in np.geomspace(low, high, n):
        nearest = next(int(i) for i in np.argsort(np.abs(np.log(ms / wanted))) if int(i) not in chosen)
        chosen[nearest] = drawn[nearest]
    return list(chosen.values())


def one_pass(artifacts: list[bytes], seconds_each: float, rng: np.random.Generator) -> tuple[Any, Any]:
    """Every file in small groups drawn anew: medians in ms, and ratios to the metronome, ``[n]`` each."""
    ms, ratios = np.zeros(len(artifacts)), np.zeros(len(artifacts))
    order = rng.permutation(len(artifacts))
    for first in range(0, len(order), GROUP):
        group = {str(index): artifacts[int(index)] for index in order[first : first + GROUP]}
        group[METRONOME] = metronome()
        made = OnnxRuntimeCpu().measure(group, METRONOME, seconds_each=seconds_each, rng=rng)
        beat = made.pop(METRONOME)
        for name, latency in made.items():
            ms[int(name)] = latency.value
            ratios[int(name)] = latency.undisturbed / beat.undisturbed
    return ms, ratios


def publish(options: argparse.Namespace, content: dict[str, Any]) -> None:
    """Keep what was found."""
    processor = processor_info()
    device = re.sub(r"[^a-z0-9]+", "-", str(processor["model"]).lower()).strip("-")
    settings = {
        name: value for name, value in vars(options).items() if name not in ("work", "command", "run")
    }
    path = HERE / "results" / f"{date.today()}-{device}.json"
    path.parent.mkdir(exist_ok=True)
    found = {"settings": settings, "versions": versions(), "processor": processor, **content}
    path.write_text(json.dumps(found, indent=1))
    print(f"Kept in benchmarks/{HERE.name}/results/{path.name}")


if __name__ == "__main__":
    main()
