"""The parts of the page around the designs: summary, search, worth, predictions, origin."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from penjing.report.markup import Cell, field, figure, folded, number, pairs, section, sentence, table, text
from penjing.report.page import ChoiceWorth, DesignView, Page, Worth
from penjing.report.wording import count, duration, factor, per_cent, size, time

_MOST_VALUES = 4
_MOST_PAIRS = 8
_ERRORS = {
    "within_10_percent": "share within ±10 %",
    "median_relative_error": "median error",
    "mean_relative_error": "mean error",
    "spearman": "rank correlation",
    "n_networks": "number of networks",
}


def header(page: Page) -> str:
    """Title, key numbers, goals and warnings."""
    ended = f"Penjing run, last result {page.ended}" if page.ended else "Penjing run without results yet"
    goals = ", ".join(f"<code>{text(objective)}</code>" for objective in page.objectives) or "nothing stated"
    limits = ", ".join(f"<code>{text(constraint)}</code>" for constraint in page.constraints) or "none"
    notes = "".join(f"<li>{text(note)}</li>" for note in page.notes)
    warning = f'<div class="card"><h3>To know first</h3><ul class="notes">{notes}</ul></div>' if notes else ""
    return (
        field("name", text(page.name), "h1")
        + field("ended", text(ended), "p", "soft")
        + _key_numbers(page)
        + field("objectives", f"Objectives: {goals}", "p", "goal")
        + field("constraints", f"Constraints: {limits}", "p", "goal")
        + field("notes", warning)
    )


def _key_numbers(page: Page) -> str:
    shown: list[tuple[str, str, str]] = [
        ("designs on the front", str(len(page.front)), f"of {len(page.designs)} finished")
    ]
    if page.front:
        best = max(page.front, key=lambda design: (design.validation.value, -design.size_bytes))
        small = min(page.front, key=lambda design: design.size_bytes)
        fast = min(page.front, key=lambda design: design.latency_ms.value)
        accuracy = best.test or best.validation
        split = "test" if best.test else "validation"
        shown += [
            ("most accurate", per_cent(accuracy.value), f"{split}, {size(best.size_bytes)}"),
            ("smallest", size(small.size_bytes), _accuracy_of(small)),
            ("fastest", time(fast.latency_ms.value), _accuracy_of(fast)),
        ]
    shown.append(("evaluations", count(sum(row.n_done for row in page.phases)), "with weights"))
    made = "".join(_number(*one) for one in shown)
    elapsed = field(
        "elapsed_s", _parts("time", duration(page.elapsed_s), "everything included"), "div", "number"
    )
    return f'<div class="numbers">{made}{elapsed}</div>'


def _accuracy_of(design: DesignView) -> str:
    chosen = design.test or design.validation
    return f"at {per_cent(chosen.value)} {'test' if design.test else 'validation'}"


def _number(label: str, value: str, note: str) -> str:
    return f'<div class="number">{_parts(label, value, note)}</div>'


def _parts(label: str, value: str, note: str) -> str:
    return f"<span>{text(label)}</span><b>{text(value)}</b><span>{text(note)}</span>"


def search_section(page: Page, figures: Mapping[str, Any]) -> str:
    """How the search went."""
    words = (
        "The hypervolume is the share of the run’s box of objectives that the best points so far dominate. "
        "It starts anew when the first evaluations have shown what accuracies are like, which settles the "
        "box, and when the first design is finished: from then on only finished designs count."
    )
    plot = sentence(words) + figure("hypervolume", "Hypervolume over time", figures)
    body = field("progress", plot if page.progress else sentence("No progress was journalled."))
    rows = [
        [
            Cell(text(row.name), row.name),
            number(count(row.n_done), row.n_done),
            number(count(row.n_failed), row.n_failed),
            number(duration(row.seconds), row.seconds),
        ]
        for row in page.phases
    ]
    phases = table(("Phase", "Evaluations", "Failed", "Worker time"), rows)
    phases += "".join(
        sentence(f"Phase {row.name!r} ended before its budget was used: {row.ended_early}.")
        for row in page.phases
        if row.ended_early
    )
    phases += "".join(
        sentence(f"Who searches phase {row.name!r} was left open: {row.searched_by}.")
        for row in page.phases
        if row.searched_by
    )
    body += field("phases", f'<div class="card">{phases}</div>' if rows else "")
    decided = [
        [number(count(d.after), d.after), Cell(text(d.algorithm), d.algorithm), Cell(text(d.reason))]
        for d in page.decisions
    ]
    words = (
        "The search chose who proposes by what has paid: worth 0.5 is a block of evaluations that gained as "
        "much as the block before it, with the benefit of the doubt for who had few turns."
    )
    heads = ("After", "Proposes", "Worth when it was decided")
    body += field(
        "decisions", sentence(words) + folded("Who proposed", table(heads, decided)) if decided else ""
    )
    body += field("binding", "".join(map(_binding, page.binding.items())))
    dropped = [
        [Cell(text(phase), phase), Cell(text(name), name), Cell(text(", ".join(map(str, values))))]
        for phase, choices in page.ruled_out.items()
        for name, values in choices.items()
    ]
    told = sentence(
        "Values that the better third of the evaluations before a phase had too seldom for chance:"
    )
    heads = ("Phase", "Choice", "Ruled out")
    body += field("ruled_out", told + table(heads, dropped) if dropped else "")
    failed = [
        [number(str(f.number), f.number), Cell(text(f.phase), f.phase), Cell(text(f.error))]
        for f in page.failures
    ]
    title = f"{len(failed)} evaluation{'s' if len(failed) != 1 else ''} failed"
    body += field("failures", folded(title, table(("Trial", "Phase", "Error"), failed)) if failed else "")
    return section("search", "How the search went", body)


def _binding(of_phase: tuple[str, Mapping[str, float]]) -> str:
    phase, shares = of_phase
    if not shares:
        return sentence(f"In phase {phase!r} no constraint was in the way of a move.")
    parts = " and ".join(f"{constraint} forbade {share:.0%}" for constraint, share in shares.items())
    return sentence(f"Of the moves that phase {phase!r} might have made, {parts}.")


def worth_section(page: Page, figures: Mapping[str, Any]) -> str:
    """What each choice was worth."""
    worth = page.worth
    words = (
        f"Learnt from {worth.n_trials} candidates at the inherited fidelity, their errors brought to the "
        "training of the longest trained by a power law: the logarithm of the error as "
        "a sum of one effect per value. Points are percentage points of accuracy between the worst and the "
        "best value, all else equal, with a 95 % bootstrap interval; best and worst were picked from "
        "the same evaluations, so points are on the high side. Importance is how much worse the model "
        "predicts when the choice is shuffled."
    )
    if not worth.choices:
        return section("worth", "What each choice was worth", field("worth", sentence(worth.note)))
    heads = (
        "Choice",
        "Worst → best",
        "Points",
        "Importance",
        "File, best to worst",
        "Latency, best to worst",
    )
    body = sentence(words) + sentence(worth.note) + figure("worth", "The most important choices", figures)
    body += folded("All choices in numbers", table(heads, [_worth_row(choice) for choice in worth.choices]))
    body += _pairs(worth)
    return section("worth", "What each choice was worth", field("worth", body))


def _pairs(worth: Worth) -> str:
    heads = ("Together", "Best combination", "Explained beyond their sum")
    rows = [
        [
            Cell(text(f"{pair.first} × {pair.second}"), pair.first),
            Cell(text(f"{pair.best_first}, {pair.best_second}")),
            number(
                f"{pair.explained.value:.1%}",
                pair.explained.value,
                f"{pair.explained.low:.1%} – {pair.explained.high:.1%}",
            ),
        ]
        for pair in worth.pairs
    ]
    told = [row for row, pair in zip(rows, worth.pairs, strict=True) if pair.stands_out][:_MOST_PAIRS]
    body = sentence("No two choices act together so much that it stands out from chance.")
    if told:
        words = "Choices whose effects do not just add up, as shares of the variance:"
        body = sentence(words) + table(heads, told)
    return body + (folded(f"All {len(rows)} pairs in numbers", table(heads, rows)) if rows else "")


def _worth_row(choice: ChoiceWorth) -> list[Cell]:
    points, importance = choice.points, choice.importance
    return [
        Cell(text(choice.name), choice.name),
        Cell(text(f"{choice.worst} → {choice.best}")),
        number(f"{points.value:.2f}", points.value, f"{points.low:.2f} – {points.high:.2f}"),
        number(f"{importance.value:.3f}", importance.value, f"{importance.low:.3f} – {importance.high:.3f}"),
        number(factor(choice.size_ratio), choice.size_ratio),
        number(factor(choice.latency_ratio), choice.latency_ratio),
    ]


def predictions_section(page: Page, figures: Mapping[str, Any]) -> str:
    """Predicted against measured."""
    plots = figure("predicted-latency", "Latency", figures) + figure("predicted-size", "File size", figures)
    if not plots:
        return section(
            "predictions",
            "Predicted against measured",
            sentence("No finished design has both a prediction and a measurement.")
            + field("latency_model_error", _model_error(page))
            + field("pace", _pace(page)),
        )
    words = [
        f"{label}: median error {per_cent(median(errors), 1)}, largest {per_cent(max(errors), 1)}"
        for label, errors in (
            ("Latency", _errors(page, "latency_ms")),
            ("File size", _errors(page, "size_bytes")),
        )
        if errors
    ]
    body = sentence(f"{'. '.join(words)}. Below the dotted line the measurement was better than predicted.")
    body += f'<div class="pair">{plots}</div>{field("latency_model_error", _model_error(page))}'
    body += field("pace", _pace(page))
    return section("predictions", "Predicted against measured", body)


def _errors(page: Page, metric: str) -> list[float]:
    found = []
    for design in page.designs:
        predicted = getattr(design, f"predicted_{metric}")
        measured = design.latency_ms.value if metric == "latency_ms" else design.size_bytes
        if predicted and measured:
            found.append(abs(predicted / measured - 1))
    return found


def _model_error(page: Page) -> str:
    error = page.latency_model_error
    if not error:
        return sentence("The run has no cross-validated error of its latency model.")
    parts = [f"{_ERRORS.get(name, name)} {_error(name, value)}" for name, value in error.items()]
    return sentence(f"Latency model on networks that it had not seen (cross-validation): {', '.join(parts)}.")


def _pace(page: Page) -> str:
    if not page.pace:
        return sentence("How fast the machine was at both times was not measured.")
    return sentence(
        f"When designs were measured, the same work took {factor(page.pace)} the time that it took when the "
        "latency model was fitted. Predictions are for the machine as it was then."
    )


def _error(name: str, value: float) -> str:
    if name.startswith("n_"):
        return count(value)
    return f"{value:.2f}" if name == "spearman" else per_cent(value, 1)


def reference_section(page: Page) -> str:
    """The network that ratios refer to."""
    known = page.reference
    if not known:
        body = sentence("The reference was not measured.")
        return section("reference", "The reference", field("reference", body))
    measured = known.get("measured") or {}
    beside = measured.get("latency_ms") or {}
    rows = {
        "Parameters": count(known.get("parameters")),
        "Multiply-accumulates": count(known.get("macs")),
        "File": size(known.get("size_bytes")),
        "Latency when the study began": time(known.get("latency_at_start_ms")),
    }
    if isinstance(beside, Mapping) and "value" in beside:
        rows["Latency, in turns with the designs"] = time(beside["value"])
    if measured.get("empty_call_ms"):
        rows["Of every latency, the call itself"] = time(measured["empty_call_ms"])
    if measured.get("throughput_per_s"):
        rows["Predictions per second in batches"] = count(measured["throughput_per_s"])
    if "accuracy" in known:
        rows["Accuracy on validation"] = per_cent(known["accuracy"])
    words = "A plain network of the same family in 32-bit floats, the middle of every choice."
    body = sentence(words) + f'<div class="card">{pairs(rows)}</div>'
    return section("reference", "The reference", field("reference", body))


def _shortened(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is known of every single feature: the network's source has it."""
    is_long = {name: isinstance(value, list) and len(value) > _MOST_VALUES for name, value in facts.items()}
    return {name: f"of {len(value)} features" if is_long[name] else value for name, value in facts.items()}


def origin_section(page: Page) -> str:
    """Data, settings, versions, processor: what is needed to do it again."""
    data = pairs(_shortened(page.data)) if page.data else sentence("Nothing was kept about the data.")
    names = "".join(f"<span>{text(name)}</span>" for name in page.class_names)
    versions = pairs(page.versions) if page.versions else sentence("No finished design says its versions.")
    flags = "".join(f"<span>{text(flag)}</span>" for flag in page.processor) or "<span>unknown</span>"
    left = f"<h3>Data</h3>{field('data', data)}<h3>Classes</h3>{field('class_names', names, 'div', 'chips')}"
    right = f"<h3>Versions</h3>{field('versions', versions)}"
    right += f"<h3>Processor</h3>{field('processor', flags, 'div', 'chips')}"
    body = f'<div class="pair"><div class="card">{left}</div><div class="card">{right}</div></div>'
    body += "<h3>Settings, exactly</h3>" + sentence(
        "Saved as config.yaml, penjing run config.yaml --out FOLDER does it again; arrays come from Python."
    )
    body += field("settings", f"<pre>{text(page.settings)}</pre>")
    return section("settings", "Data, settings and versions", body)
