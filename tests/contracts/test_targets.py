"""Every target keeps the contract."""

import pytest

from penjing.protocols import Target
from penjing.targets.onnxruntime.target import OnnxRuntimeCpu
from penjing.testing.target import TargetContract


class TestOnnxRuntimeCpu(TargetContract):
    @pytest.fixture
    def target(self) -> Target:
        return OnnxRuntimeCpu()
