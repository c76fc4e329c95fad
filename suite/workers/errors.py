"""What can go wrong between harness and worker, each with what to do about it. Harness side.

environment        no interpreter for a framework, or one that lacks it      EnvironmentMissing
                   its requirements can't be had                             NotInstalled
handshake          the worker can't import, or has no such device            Refused
a request          no answer in time                                         WorkerTimeout
                   the process ended: crash, signal, out of memory           WorkerCrashed
                   a line that is no message, or the wrong one               ProtocolError
an answer          made from other data than was sent                        DataMismatch
"""

from __future__ import annotations


class WorkerError(Exception):
    """Something went wrong on the way; costs the row that was asked for.

    Attributes:
        code: for machines.
        hint: what to do next.
    """

    code = "runner"
    hint = ""

    def __str__(self) -> str:
        return f"{super().__str__()}; {self.hint}" if self.hint else super().__str__()


class EnvironmentMissing(WorkerError):
    """There is no interpreter for a framework."""

    code = "environment"
    hint = "build it with `rmsuite envs --build`, or name one with --python FRAMEWORK=PATH"


class NotInstalled(EnvironmentMissing):
    """A package index does not have what an environment is to hold, or it can't be installed."""

    hint = ""


class Refused(WorkerError):
    """The worker started and said that it can't serve."""

    code = "handshake"


class WorkerTimeout(WorkerError):
    """No answer in time; the worker was killed."""

    code = "timeout"
    hint = "allow more with --timeout SECONDS"


class WorkerCrashed(WorkerError):
    """The worker's process ended before it answered."""

    code = "crash"


class ProtocolError(WorkerError):
    """The worker wrote something that is no answer; it was killed."""

    code = "garbage"


class DataMismatch(WorkerError):
    """The worker computed from other bytes than those that were sent; the result is refused."""

    code = "data"
