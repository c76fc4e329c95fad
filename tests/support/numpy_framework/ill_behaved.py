"""Implementations that raise, hang, crash, or write unexpected output."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.support.numpy_framework.right import ClaimsD2l


class Raises(ClaimsD2l):
    """Raises an exception."""

    def update(self, gradients):
        raise RuntimeError("no kernel for\nthis <shape>")


class Segfaults(ClaimsD2l):
    """Crashes the process."""

    def update(self, gradients):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(ClaimsD2l):
    """Is killed at the fourth step, as when memory runs out."""

    def update(self, gradients):
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        super().update(gradients)


class KilledLate(ClaimsD2l):
    """Is killed after 300 steps."""

    def update(self, gradients):
        if self.steps == 300:
            os.kill(os.getpid(), signal.SIGKILL)
        super().update(gradients)


class Hangs(ClaimsD2l):
    """Never returns."""

    def update(self, gradients):
        time.sleep(3600)


class Chatty(ClaimsD2l):
    """Prints megabytes, through `print` and to the file descriptor, and is otherwise correct."""

    def prepare(self):
        super().prepare()
        print("x" * (1 << 21))
        for _ in range(4):
            os.write(1, b'{"id": 1, "status": "ok"}\n' * 20000)


class WritesToChannel(ClaimsD2l):
    """Writes to the pipe that carries the worker's responses."""

    def update(self, gradients):
        for descriptor in range(3, 20):
            with suppress(OSError):
                os.write(descriptor, b"Warning: 3 tensors were not found\n")


class Refuses(ClaimsD2l):
    """Supports nothing."""

    @classmethod
    def unsupported(cls, h, dtype):
        return "numpy supports nothing"
