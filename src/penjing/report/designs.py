"""The part of the page about designs: which to take, the table of the front, a card for each."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from penjing.report.drawing import draw, legend
from penjing.report.markup import Cell, field, figure, folded, number, pairs, section, sentence, table, text
from penjing.report.page import DesignView, Interval, Page
from penjing.report.wording import count, factor, per_cent, size, time
from penjing.store.front import BUSY_SPREAD

_HEADS = (
    "Design",
    "Validation",
    "Test",
    "File",
    "Latency",
    "Of reference",
    "Predictions per s",
    "Parameters",
    "MACs",
    "Artifact",
)


def front_section(page: Page, figures: Mapping[str, Any]) -> str:
    """The front: plots, sentences, table."""
    plots = figure("front-size", "Accuracy against file size", figures)
    plots += figure("front-latency", "Accuracy against latency", figures)
    words = (
        "Diamonds are finished files, measured on the runtime, with 95 % intervals; only they can be on the "
        "front. The rest is what the search saw on the way, at predicted costs: inherited (short training or "
        "shared weights), partly trained, and estimated (a finished design before its file was made, with "
        "the accuracy of its network in floats). Hover for numbers; click a diamond for its network."
    )
    body = field("points", (sentence(words) + f'<div class="pair">{plots}</div>') if plots else "")
    if not page.designs:
        return section(
            "front", "The front", sentence("No design is finished yet.") + body + field("designs", "")
        )
    if not page.front:
        body += sentence("No finished design is on the front: none meets every constraint.")
        return section("front", "The front", body)
    take = "".join(
        f'<li><a class="id" href="#design-{text(d.id)}">{text(d.id)}</a><span>{text(d.sentence)}</span></li>'
        for d in page.front
    )
    body += f'<h3>Which one to take</h3><ul class="take card">{take}</ul>'
    body += f"<h3>All numbers</h3>{sentence(_how_measured(page))}"
    body += f'<div class="card">{table(_HEADS, [_row(design) for design in page.front])}</div>'
    return section("front", "The front", body)


def _how_measured(page: Page) -> str:
    design = page.front[0]
    threads = (
        f"{design.threads} thread{'s' if design.threads != 1 else ''}" if design.threads else "one process"
    )
    split = f" ({design.n_test:,} examples)" if design.n_test else ""
    return (
        f"Validation decides what is on the front; the test split{split} is shown beside it and never "
        f"selects. Latency is the median time of one prediction on {threads}. "
        "The small numbers are 95 % intervals."
    )


def _row(design: DesignView) -> list[Cell]:
    anchor = f'<a class="id" href="#design-{text(design.id)}">{text(design.id)}</a>'
    test = design.test
    return [
        Cell(anchor, design.id),
        number(
            per_cent(design.validation.value), design.validation.value, _range(design.validation, per_cent)
        ),
        number(per_cent(test.value), test.value, _range(test, per_cent)) if test else number("–", None),
        number(size(design.size_bytes), design.size_bytes),
        number(time(design.latency_ms.value), design.latency_ms.value, _range(design.latency_ms, time)),
        number(factor(design.ratio_to_reference), design.ratio_to_reference),
        number(count(design.throughput_per_s), design.throughput_per_s),
        number(count(design.parameters), design.parameters),
        number(count(design.macs), design.macs),
        Cell(_links(design.files[:1])),
    ]


def _range(interval: Interval, write: Any) -> str:
    low, high = write(interval.low).rpartition(" "), write(interval.high)
    same_unit = low[2] == high.rpartition(" ")[2]
    return f"{low[0] if same_unit else ' '.join(low)} – {high}"


def _links(files: Sequence[str]) -> str:
    return ", ".join(f'<a href="{text(quote(name))}">{text(name.rpartition("/")[2])}</a>' for name in files)


def designs_section(page: Page) -> str:
    """Every finished design, drawn layer by layer."""
    if not page.designs:
        return ""
    words = (
        "One box per layer, from left to right. Height: channels, on a logarithmic scale, with their number "
        "above. Below: kernel and stride, d2 where it reads every second pixel, the kind of layer, height "
        "and width where they change. Red arcs are residual connections. Hover over a layer for shapes, "
        "parameters and bytes."
    )
    blueprints = [design.blueprint for design in page.designs if design.blueprint]
    body = sentence(words) + legend(blueprints) + "".join(map(_card, page.front))
    others = [design for design in page.designs if not design.is_on_front]
    if others:
        title = f"{len(others)} finished design{'s' if len(others) > 1 else ''} not on the front"
        body += folded(title, "".join(map(_card, others)))
    return section("designs", "The designs, layer by layer", field("designs", body))


def _card(design: DesignView) -> str:
    mark = '<span class="badge front">on the front</span>'
    badge = mark if design.is_on_front else '<span class="badge">not on the front</span>'
    drawn = draw(design.blueprint, f"Network of design {design.id}") if design.blueprint else ""
    unread = sentence("Its network cannot be drawn: the blueprint was written by another version of Penjing.")
    broken = "".join(f"<li>{text(words)}</li>" for words in design.broken_constraints)
    more = [
        folded(f"Its {len(design.candidate)} choices", field("design.candidate", pairs(design.candidate))),
        folded("How it was trained and compressed", field("design.recipe", pairs(design.recipe))),
        folded("What made and timed it", _origin(design)),
    ]
    return (
        f'<article class="card" id="design-{text(design.id)}">'
        f"<h3>{field('design.id', text(design.id), 'span', 'id')} "
        f"{field('design.is_on_front', badge, 'span')}</h3>"
        + field("design.sentence", text(design.sentence), "p")
        + field("design.broken_constraints", f"<ul>Does not meet:{broken}</ul>" if broken else "")
        + _facts(design)
        + field("design.blueprint", f'<div class="scroll">{drawn}</div>' if drawn else unread)
        + field("design.files", f"Files: {_links(design.files)}" if design.files else "", "p")
        + "".join(more)
        + "</article>"
    )


def _origin(design: DesignView) -> str:
    return field("design.versions", pairs(design.versions)) + field(
        "design.processor", sentence("Processor: " + (", ".join(design.processor) or "no flags were kept"))
    )


def _facts(design: DesignView) -> str:
    latency, agreement = design.latency_ms, design.recipe.get("agreement")
    test = per_cent(design.test.value) if design.test else "–"
    test_range = _range(design.test, per_cent) if design.test else ""
    shown = [
        ("validation", "Validation", per_cent(design.validation.value), _range(design.validation, per_cent)),
        ("test", "Test", test, test_range),
        ("n_test", "Test examples", count(design.n_test), ""),
        ("size_bytes", "File", size(design.size_bytes), f"{design.size_bytes:,.0f} bytes"),
        ("predicted_size_bytes", "Predicted file", size(design.predicted_size_bytes), ""),
        ("latency_ms", "Latency of one prediction", time(latency.value), _range(latency, time)),
        ("predicted_latency_ms", "Predicted latency", time(design.predicted_latency_ms), ""),
        ("ratio_to_reference", "Of the reference’s latency", factor(design.ratio_to_reference), ""),
        ("spread", "Spread of the latency", per_cent(design.spread, 1), _busy(design.spread)),
        ("calls", "Timed calls", count(design.calls), ""),
        ("threads", "Threads", count(design.threads), ""),
        ("throughput_per_s", "Predictions per second", count(design.throughput_per_s), "in batches"),
        ("parameters", "Parameters", count(design.parameters), ""),
        ("macs", "Multiply-accumulates", count(design.macs), ""),
    ]
    if isinstance(agreement, int | float):
        shown.append(("agreement", "File agrees with network", per_cent(float(agreement)), ""))
    if isinstance(compression := design.recipe.get("compression"), Mapping):
        shown.append(("compression", "Lost by compression", *_lost(compression)))
    made = "".join(
        f'<div data-field="design.{name}"><dt>{text(label)}</dt>'
        f"<dd>{text(value)} <small>{text(small)}</small></dd></div>"
        for name, label, value, small in shown
    )
    return f'<dl class="facts">{made}</dl>'


def _lost(compression: Mapping[str, Any]) -> tuple[str, str]:
    """Points that the file lost against the network before compression, and what is shown of that."""
    margin = f"{100 * compression['margin']:g} points"
    shown = "shown to be less than" if compression["is_non_inferior"] else "not shown to be less than"
    points = round(-100 * compression["accuracy_difference"], 2) + 0.0  # never "-0.00"
    return f"{points:.2f} points", f"{shown} {margin}: paired on {compression['n']:,} validation examples"


def _busy(spread: float | None) -> str:
    return "the machine was busy" if spread is not None and spread > BUSY_SPREAD else ""
