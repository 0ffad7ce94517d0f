"""What a search algorithm says of its search, kept for the report."""

from dataclasses import asdict

from penjing.protocols import Searcher
from penjing.search.auto import AutoSearcher, Decision
from penjing.search.greedy import GreedySearcher
from penjing.store import Journal


def keep_account(journal: Journal, phase: str, searcher: Searcher) -> None:
    """Keep who proposed and why, and which constraints were in the way, for those that know."""
    said: dict[str, object] = {}
    if isinstance(searcher, AutoSearcher):
        said["decisions"] = [asdict(decision) for decision in searcher.decisions]
    if isinstance(searcher, GreedySearcher):
        said["binding"] = dict(searcher.binding())
    for name, what in said.items():
        journal.put(name, {**journal.get(name, {}), phase: what})


def kept_decisions(journal: Journal, phase: str) -> list[Decision]:
    """Who had which turn of a phase so far, as it was decided then."""
    return [Decision(**decision) for decision in journal.get("decisions", {}).get(phase, [])]
