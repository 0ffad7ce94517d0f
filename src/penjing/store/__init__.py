"""The run folder: what a study decided, asked, measured and made, safe from a kill at any moment.

A run is one folder. The configuration is YAML, the course of the study a :class:`Journal` (SQLite), each
finished design a folder with a :class:`Manifest`, the log one JSON record per line. Files appear whole or
not at all, a trial is committed before anyone learns of it, one process writes at a time, and every file
says its ``format_version``. Nothing here knows a framework, and nothing is pickled.
"""

from penjing.store.eventlog import JsonLinesHandler
from penjing.store.files import canonical_json, content_key, path_inside, sha256_of, write_atomically
from penjing.store.journal import Journal
from penjing.store.manifest import Manifest, checksums_of
from penjing.store.records import Event, Phase, Trial
from penjing.store.run_folder import RunFolder

__all__ = [
    "Event",
    "Journal",
    "JsonLinesHandler",
    "Manifest",
    "Phase",
    "RunFolder",
    "Trial",
    "canonical_json",
    "checksums_of",
    "content_key",
    "path_inside",
    "sha256_of",
    "write_atomically",
]
