"""Hand one design over: the files that ship and a short script that runs them."""

import shutil
from pathlib import Path

from penjing.errors import RunFolderError, unknown_name
from penjing.store import Manifest, RunFolder, write_atomically

_SCRIPT = '''"""Run model.onnx on {name} with onnxruntime and numpy alone.

    python run.py {name}.npy        # {kind}, [N, {shape}]{usage}
"""

{imports}import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

if "--help" in sys.argv:
    sys.exit(print(__doc__))
here = Path(__file__).parent
run = json.loads((here / "manifest.json").read_text("utf-8"))["run"]
{reader}if len(sys.argv) < 2:
    print("No file is given: this is what it says of zeros.", file=sys.stderr)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(here / "model.onnx", options, providers=["CPUExecutionProvider"])
try:
    {name} = {read}(sys.argv[1]) if len(sys.argv) > 1 else np.zeros((1, {shape}), np.{storage})
except (OSError, ValueError, IndexError) as error:
    sys.exit(f"{{sys.argv[1]}} cannot be read: {{error}}")
if {name}.shape[1:] != ({shape},){checked}:
    sys.exit(f"{{sys.argv[1]}} holds {{{name}.dtype}} of shape {{{name}.shape}}; give {kind}, [N, {shape}].")
logits = session.run(None, {{"x": {given}}})[0]
for row, label in enumerate(logits.argmax(axis=1)):
    print(row, run["class_names"][label])
'''
_PLAIN = {"usage": "", "imports": "", "reader": "", "read": "np.load"}
# Where the names of the features are known: columns are found by them, whatever else a file has.
_NAMED = {
    "usage": "\n    python run.py rows.csv        # columns: the manifest's run.feature_names",
    "imports": "import csv\nimport gzip\n",
    "reader": """

def read(path):
    if not path.lower().endswith((".csv", ".csv.gz")):
        return np.load(path)
    unpacked = gzip.open if path.lower().endswith(".gz") else open
    with unpacked(path, "rt", newline="", encoding="utf-8-sig") as file:
        heading, *lines = csv.reader(file, skipinitialspace=True)
    heading = [name.strip() for name in heading]
    if missing := set(run["feature_names"]) - set(heading):
        sys.exit(f"{path} lacks the columns: {', '.join(sorted(missing))}")
    columns = [heading.index(name) for name in run["feature_names"]]
    return np.array([[float(line[at]) for at in columns] for line in lines if line])


""",
    "read": "read",
}


def export_design(run: RunFolder, design: str, folder: Path) -> Path:
    """Copy a design's files into an empty or new folder.

    Raises:
        UnknownNameError: If the run has no finished design of that id.
        RunFolderError: If the folder is not empty.
    """
    known = sorted(path.parent.name for path in run.designs_path.glob("*/manifest.json"))
    if design not in known:
        raise unknown_name("finished design", design, known)
    if folder.exists() and not folder.is_dir():
        raise RunFolderError(f"{str(folder)!r} is a file; a design is exported to a folder. Name another.")
    if folder.exists() and any(folder.iterdir()):
        raise RunFolderError(f"The folder {str(folder)!r} is not empty. Name another, or empty it.")
    source = run.design_path(design)
    manifest = Manifest.read(source)
    manifest.verify(source)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*manifest.checksums, "manifest.json"):
            shutil.copyfile(source / name, folder / name)
    except OSError as error:
        raise RunFolderError(
            f"The design cannot be copied to {str(folder)!r}: {error.strerror}. Name another folder, or make "
            "room there."
        ) from error
    write_atomically(folder / "run.py", _script(manifest))
    return folder


def _script(manifest: Manifest) -> str:
    given = manifest.blueprint["input"]
    reading = _NAMED if manifest.run.get("feature_names") else _PLAIN
    shape = ", ".join(str(int(size)) for size in given["shape"])
    if given["storage"] == "uint8":
        words = {"name": "images", "kind": "uint8 pixels", "storage": "uint8", "given": "images"}
        words["checked"] = " or images.dtype != np.uint8"
    else:  # tables are rarely kept in 32 bits
        cast = "rows.astype(np.float32)"
        words = {"name": "rows", "kind": "features as they come", "storage": "float32", "given": cast}
        words["checked"] = ""
    return _SCRIPT.format(shape=shape, **words, **reading)
