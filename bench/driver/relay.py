"""A relay that runs: started on a free port, awaited, looked at, and ended.

What it is told is its peer's business (`peers`). It counts as ready when the kernel says that it
listens and it takes no more processor time, so that start-up is not part of what is measured.
"""

import contextlib
import os
import socket
import time

import measure
from measure import Failed


class Relay:
    """A relay that runs from a free port to `b`: `with Relay(peer, "tcp", b) as relay`."""

    def __init__(self, peer, kind, b, ground="tcp", place=None, **kwargs):
        self.peer, self.kind, self.b, self.ground = peer, kind, b, ground
        self.place, self.kwargs = place, kwargs
        self.process, self.base = None, 0.0

    def __enter__(self):
        if self.peer.name == "direct":
            self.place = self.b
            return self
        given = self.peer.given
        kind = socket.SOCK_DGRAM if self.ground == "udp" else socket.SOCK_STREAM
        port = measure.free_port(kind)
        self.place = self.place or f"127.0.0.1:{port}"
        command = getattr(self.peer, self.kind)(self.place, self.b)
        given.note(" ".join(command))
        errors = os.path.join(given.folder, f"{self.peer.name}-{port}.err")
        self.process = measure.start(command, errors, cwd=given.folder, **self.kwargs)
        try:
            what = f"{self.peer.name} is to listen on {self.place}"
            measure.wait_for(self.is_up, what, self.process)
            measure.wait_until_quiet(self.process.pid)
        except BaseException:
            measure.end(self.process)
            raise
        self.base = self.cpu()
        return self

    def is_up(self):
        if self.place.startswith("unix:"):
            return os.path.exists(self.place[5:])
        return measure.listens(int(self.place.rpartition(":")[2]), self.ground)

    def __exit__(self, *_):
        if self.process is not None:
            measure.end(self.process)

    def cpu(self):
        """Processor seconds since it was ready, children included."""
        if self.process is None:
            return 0.0
        if self.process.poll() is not None:
            raise Failed(f"{self.peer.name} ended with status {self.process.returncode}{measure.tail(self.process)}")
        return measure.processor_seconds(self.process.pid) - self.base

    def settled_cpu(self):
        """The same, once it is quiet: what it still had to close is part of the work."""
        if self.process is not None:
            with contextlib.suppress(Failed):
                measure.wait_until_quiet(self.process.pid, 0.5)
        return self.cpu()

    def memory(self):
        return measure.memory(self.process.pid)


def settle():
    """A moment between two loads, for what the kernel still does for the last one."""
    time.sleep(0.05)
