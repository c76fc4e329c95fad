"""Implementations that fail, hang, die, or say what nobody asked."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from tests.support.numpy_framework.right import Claims


class Raises(Claims):
    """Fails as Python code does."""

    def update(self, gradients):
        raise RuntimeError("no kernel for\nthis <shape>")


class Segfaults(Claims):
    """Takes the process down."""

    def update(self, gradients):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Claims):
    """Is killed in the middle, as by the system when memory runs out."""

    def update(self, gradients):
        if self.steps == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        super().update(gradients)


class DiesOfAge(Claims):
    """Is killed when it has been at it for long."""

    def update(self, gradients):
        if self.steps == 300:
            os.kill(os.getpid(), signal.SIGKILL)
        super().update(gradients)


class Hangs(Claims):
    """Never answers."""

    def update(self, gradients):
        time.sleep(3600)


class Chatty(Claims):
    """Prints megabytes, from Python and past it, and is right."""

    def prepare(self, dialect):
        super().prepare(dialect)
        print("x" * (1 << 21))
        for _ in range(4):
            os.write(1, b'{"id": 1, "status": "ok"}\n' * 20000)


class Babbles(Claims):
    """Writes to the very pipe on which answers go."""

    def update(self, gradients):
        for descriptor in range(3, 20):
            with suppress(OSError):
                os.write(descriptor, b"Warning: 3 tensors were not found\n")


class Refuses(Claims):
    """Can't do anything."""

    @classmethod
    def unsupported(cls, h, dtype):
        return "numpy has no courage"
