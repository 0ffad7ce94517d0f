"""The manifest of a design: how its files were made, what was measured, and whether they are intact."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from penjing.errors import ArtifactError, InvalidValueError
from penjing.store.files import TEMPORARY_FILES, path_inside, plain, sha256_of, write_atomically
from penjing.store.format_version import check_format_version
from penjing.store.run_folder import checked_design_id

MANIFEST_FORMAT_VERSION = 1
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The content of ``designs/<id>/manifest.json``; everything is plain data, as JSON has it.

    Attributes:
        id: Name of the design and of its folder.
        candidate: The assignment: choice → value.
        blueprint: The network as plain data.
        recipe: How it was trained and compressed.
        seed: The seed of the study.
        versions: Package → version that took part.
        processor: Flags of the processor it was measured on: ``("avx2", "avx512_vnni")``.
        checksums: File, relative to the folder → SHA-256; see :func:`checksums_of`.
        measurements: Values by name with unit.
        run: Where it comes from: number of the trial, fingerprint of the data, names of the classes.
        format_version: Of the manifest.
    """

    id: str
    candidate: Mapping[str, Any]
    blueprint: Mapping[str, Any]
    recipe: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]
    processor: tuple[str, ...]
    checksums: Mapping[str, str]
    measurements: Mapping[str, Any]
    run: Mapping[str, Any]
    format_version: int = MANIFEST_FORMAT_VERSION

    def __post_init__(self) -> None:
        checked_design_id(self.id)
        if type(self.seed) is not int:
            raise InvalidValueError(
                f"seed must be an int, got {self.seed!r}. Give the study's seed.", seed=self.seed
            )
        if not isinstance(self.processor, list | tuple):
            raise InvalidValueError(
                f"processor must be a list of flags, got {self.processor!r}. Give ('avx2', ...).",
                processor=self.processor,
            )
        object.__setattr__(self, "processor", tuple(self.processor))
        for name in ("candidate", "blueprint", "recipe", "versions", "checksums", "measurements", "run"):
            value = getattr(self, name)
            if not isinstance(value, Mapping):
                raise InvalidValueError(
                    f"{name} of a manifest must be a mapping, got {value!r}. Give names and values.",
                    name=name,
                )
            # A plain copy: it reads back equal, and later changes outside do not reach it.
            object.__setattr__(self, name, plain(value, name))

    def write(self, folder: str | Path) -> Path:
        """Write ``manifest.json`` into the folder of the design and return its path."""
        path = Path(folder) / MANIFEST_NAME
        write_atomically(path, json.dumps(asdict(self), indent=2) + "\n")
        return path

    @classmethod
    def read(cls, folder: str | Path) -> Self:
        """Read the manifest of a design.

        Args:
            folder: The folder that has ``manifest.json``.

        Raises:
            ArtifactError: If there is none, or it is damaged, or fields are missing or unknown.
            FormatVersionError: If it is of a version that this Penjing does not know.
        """
        path = Path(folder) / MANIFEST_NAME
        if not path.is_file():
            raise ArtifactError(
                f"{folder} holds no design: {MANIFEST_NAME} is missing. Name a folder in designs/.",
                path=str(path),
            )
        try:
            content = json.loads(path.read_bytes())
        except ValueError as error:
            raise _damaged(path, f"is no JSON ({error})") from error
        if not isinstance(content, dict):
            raise _damaged(path, f"is a {type(content).__name__}, not a mapping")
        check_format_version(path, content.get("format_version"), MANIFEST_FORMAT_VERSION)
        known = {field.name for field in fields(cls)}
        if missing := sorted(known - content.keys()):
            raise _damaged(path, f"lacks {', '.join(map(repr, missing))}")
        if unknown := sorted(content.keys() - known):
            raise _damaged(path, f"has unknown {', '.join(map(repr, unknown))}")
        try:
            return cls(**content)
        except InvalidValueError as error:
            raise _damaged(path, f"has a wrong value ({error})") from error

    def verify(self, folder: str | Path) -> None:
        """Check that the files of the design are those that were made.

        Args:
            folder: The folder of the design.

        Raises:
            ArtifactError: Naming the first file that is missing or differs, or if no file is listed.
            RunFolderError: If a listed file is not inside the folder.
        """
        if not self.checksums:
            raise _damaged(Path(folder) / MANIFEST_NAME, "lists no checksums, so nothing can be verified")
        for name, expected in self.checksums.items():
            path = path_inside(folder, name)
            if not path.is_file():
                raise ArtifactError(
                    f"Design {self.id!r} lacks its file {name!r}. "
                    "Restore the folder from a copy, or export again.",
                    file=name,
                )
            if (found := sha256_of(path)) != expected:
                raise ArtifactError(
                    f"File {name!r} of design {self.id!r} differs from what was made: SHA-256 is {found}, "
                    f"the manifest has {expected}. Restore the folder from a copy, or export again.",
                    file=name,
                    found=found,
                    expected=expected,
                )


def checksums_of(folder: str | Path) -> dict[str, str]:
    """Compute the SHA-256 of every file below a design's folder but its manifest, by relative name."""
    root = Path(folder)
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.match(TEMPORARY_FILES))
    names = {path.relative_to(root).as_posix(): path for path in files}
    names.pop(MANIFEST_NAME, None)
    return {name: sha256_of(path) for name, path in names.items()}


def _damaged(path: Path, what: str) -> ArtifactError:
    return ArtifactError(
        f"{path} {what}. Restore it from a copy, or export the design again.", path=str(path)
    )
