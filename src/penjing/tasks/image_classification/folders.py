"""A folder with one folder of images per class.

``root/<class>/*.png``, or the same below ``root/train``, ``root/test`` and
``root/validation`` (also ``val`` or ``valid``).
"""

from pathlib import Path

import numpy as np

from penjing.errors import DataError
from penjing.tasks.classification.raw import RawData
from penjing.tasks.image_classification.pictures import read_pictures

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
PART_NAMES = {"train": "train", "test": "test"} | dict.fromkeys(("validation", "val", "valid"), "validation")


def read_folder(root: Path, size: tuple[int, int] | None) -> RawData:
    """Read all images below ``root``; the name of a folder is the label.

    Args:
        root: An existing folder.
        size: Height and width to resize to.

    Returns:
        Images ``[N, H, W, C]`` and labels, in the order of their names.

    Raises:
        DataError: If there are no class folders, one has no images, images lie
            outside of them, or images cannot be used.
    """
    files = {part: _labelled_files(folder) for part, folder in _part_folders(root).items()}
    pictures = {
        part: [(str(file.relative_to(root)), file) for file, _ in labelled]
        for part, labelled in files.items()
    }
    return RawData(
        x=read_pictures(pictures, size),
        y={part: np.array([label for _, label in labelled]) for part, labelled in files.items()},
        layout="NHWC",
    )


def _part_folders(root: Path) -> dict[str, Path]:
    # A folder 'train' that holds images instead of folders is a class: locomotives.
    if not (root / "train").is_dir() or not _subfolders(root / "train"):
        return {"train": root}
    folders: dict[str, Path] = {}
    for folder in _subfolders(root):
        part = PART_NAMES.get(folder.name)
        if part is None or part in folders:
            allowed = ", ".join(PART_NAMES)
            raise DataError(
                f"Folder {str(root)!r} is split into parts, but {folder.name!r} is none "
                f"or the second of its kind. Allowed beside 'train': {allowed}. Move it elsewhere.",
                folder=str(folder),
            )
        folders[part] = folder
    return folders


def _labelled_files(folder: Path) -> list[tuple[Path, str]]:
    loose, class_folders = _images(folder), _subfolders(folder)
    if not class_folders:
        found = ", ".join(sorted(entry.name for entry in folder.iterdir())[:5]) or "nothing"
        raise DataError(
            f"Folder {str(folder)!r} holds neither train.npz nor folders of images; found: {found}. "
            "Put the images of each class into a folder with its name, or name the files: "
            "{train: PATH.npz, test: PATH.npz}.",
            folder=str(folder),
        )
    if loose:
        raise DataError(
            f"{len(loose)} images lie beside the class folders in {str(folder)!r}, "
            f"the first is {loose[0].name!r}. Move them into a class folder or elsewhere.",
            folder=str(folder),
            n_images=len(loose),
        )
    labelled: list[tuple[Path, str]] = []
    for class_folder in class_folders:
        images = _images(class_folder)
        if not images:
            raise DataError(
                f"Class folder {str(class_folder)!r} holds no image ({', '.join(SUFFIXES)}). "
                "Add images or remove the folder.",
                folder=str(class_folder),
            )
        labelled.extend((image, class_folder.name) for image in images)
    return labelled


def _subfolders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in SUFFIXES and not entry.name.startswith(".")
    )
