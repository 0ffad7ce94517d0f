"""The threads of linear algebra: one, as our matrices are small and workers have the other cores."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from threadpoolctl import threadpool_limits


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let NumPy and SciPy multiply matrices with one thread, and with as many as before afterwards.

    Several wait for one another more than they multiply, many times as long where something else runs; and
    they round sums otherwise, so that another machine would propose other candidates.

    Example:
        >>> from threadpoolctl import threadpool_info
        >>> with one_blas_thread():
        ...     {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
        {1}
    """
    with suppress(ImportError):  # it brings a library of its own, which would come too late for the limit
        import_module("scipy.linalg")
    with threadpool_limits(1, user_api="blas"):
        yield
