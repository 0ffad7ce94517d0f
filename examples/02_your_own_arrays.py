"""Search with arrays of your own, then classify with the exported file and ONNX Runtime alone.

    python examples/02_your_own_arrays.py runs/example-02

The images are drawn here: stripes in three directions under noise. Put your own in their place.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime

import penjing

CLASSES = ("horizontal", "vertical", "diagonal")


def striped_images(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw uint8 images ``[n, 12, 12]`` and their labels ``[n]``."""
    row, column = np.mgrid[0:12, 0:12]
    directions = np.stack([row, column, row + column])
    labels = rng.integers(0, len(CLASSES), n)
    shifted = directions[labels] + rng.integers(0, 4, (n, 1, 1))
    noisy = 60.0 + 100.0 * (shifted % 4 < 2) + rng.normal(0.0, 60.0, shifted.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), labels


def main(out: Path) -> None:
    """Search, export, classify new images with the file alone."""
    x, y = striped_images(1500, np.random.default_rng(0))
    result = penjing.search(
        data={"x": x, "y": y, "class_names": CLASSES},
        objectives=["accuracy", "size_bytes"],
        constraints=["size_bytes <= 10 kB"],
        budget="10 evaluations",
        out=out / "run",
        search={"epochs": 2},
        finalists={"count": 1, "epochs": 6},
        training={"mirror": False, "shift_pixels": 0},
    )
    folder = result.best("accuracy").export(out / "best")

    # From here on neither Penjing nor torch is needed.
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    new, labels = striped_images(200, np.random.default_rng(1))
    (logits,) = session.run(None, {"x": new[:, None]})  # raw pixels, [N, C, H, W]
    found = logits.argmax(axis=1)
    print(f"{(found == labels).mean():.1%} of {len(new)} new images are right.")
    print("The first one is", CLASSES[found[0]])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/example-02"))
