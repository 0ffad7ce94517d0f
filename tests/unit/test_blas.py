"""Linear algebra has one thread within, and what it had before afterwards."""

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from penjing.blas import one_blas_thread


def threads_of_blas() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_one_thread_within_and_as_before_afterwards() -> None:
    np.linalg.inv(np.eye(3))
    with threadpool_limits(2, user_api="blas"):
        before = threads_of_blas()
        with one_blas_thread():
            assert threads_of_blas() == {1}
        assert threads_of_blas() >= before
