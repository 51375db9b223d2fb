"""The process that settles one day: ``python -m controller.record.settlement_worker FD``.

It reads a job from a socket, answers with what was computed or why it was not, and ends. It runs at low priority, on
all cores, and ends with its parent.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import resource
import signal
import socket
import struct
import sys

from controller.record.parallel_batches import ParallelBatches
from controller.record.settlement_job import DayJob, compute_day
from models.domain.errors import CommonWattError

LENGTH = struct.Struct(">Q")
"""Header of each message: the length of its body [bytes]."""
LOWER_PRIORITY = 10
"""Of this process: the control loop and its solver go first."""
_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Settle one day."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == 1:
        return 1
    os.nice(LOWER_PRIORITY)
    # A crash is reported by its signal; a core file of a gateway's memory helps nobody.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(arguments[1])) as channel, channel.makefile("rwb") as stream:
        (length,) = LENGTH.unpack(stream.read(LENGTH.size))
        job: DayJob = pickle.loads(stream.read(length))  # noqa: S301  # our own parent on a private socket pair
        body = pickle.dumps(_answer(job), protocol=pickle.HIGHEST_PROTOCOL)
        stream.write(LENGTH.pack(len(body)) + body)
    return 0


def _answer(job: DayJob) -> object:
    try:
        return compute_day(job, ParallelBatches())
    except CommonWattError as error:
        return str(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
