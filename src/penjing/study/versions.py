"""Which versions took part, for manifests and reports."""

import platform
from importlib.metadata import version

import penjing


def versions() -> dict[str, str]:
    """Package to version.

    Example:
        >>> "python" in versions()
        True
    """
    packages = ("torch", "onnx", "onnxruntime", "numpy")
    found = {"penjing": penjing.__version__, "python": platform.python_version()}
    return found | {name: version(name) for name in packages}
