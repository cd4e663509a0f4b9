"""Processes, and what the operating system says of them: processor time, memory, drops, listeners.

Nothing here asks a program about itself. Processor time is that of a process and all that it
started: the clock of each living process (to the nanosecond, threads that ended included) and what
the kernel has added up from children that have ended. Not here: which programs, and what load.
"""

import atexit
import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A program did not do what it was started for; the text is for people."""


def raise_descriptor_limit(wanted=65536):
    """As many descriptors as we may have, up to `wanted`; children inherit it. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(wanted, hard), hard):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
    return soft


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def adopt_orphans():
    """Makes us the parent of whoever loses his own, so that nobody's processor time is lost.

    ncat, for one, forks twice and does not wait. Needs prctl(PR_SET_CHILD_SUBREAPER), which is 36.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)


def children(pid):
    found = []
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as ids:
                found.extend(int(child) for child in ids.read().split())
    return found


#: Processor seconds of orphans that have ended, by the process group that they were of.
buried = {}


def orphans(group):
    """Those of the group that have become our children and live; the dead are buried on the way."""
    found = []
    for child in children(os.getpid()):
        with contextlib.suppress(OSError):
            if child == group or os.getpgid(child) != group:
                continue
            pid, _, usage = os.wait4(child, os.WNOHANG)
            if pid:
                buried[group] = buried.get(group, 0.0) + usage.ru_utime + usage.ru_stime
            else:
                found.append(child)
    return found


def tree(pid):
    """The process and its descendants that live, as ids, orphans of its group included."""
    found, look = [], [pid, *orphans(pid)]
    while look:
        one = look.pop()
        found.append(one)
        look.extend(children(one))
    return found


def processor_seconds(pid):
    """Processor time of the process and of everything that it started, living and gone."""
    total = 0.0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            # The clock of another process: its id inverted, and CPUCLOCK_SCHED (see <linux/posix-timers.h>).
            total += time.clock_gettime((~one << 3) | 2)
            with open(f"/proc/{one}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rpartition(")")[2].split()
            total += (int(fields[13]) + int(fields[14])) / TICK
    return total + buried.get(pid, 0.0)


def memory(pid):
    """What the tree holds, in octets: proportional set size, and resident set size."""
    sums = {"Pss": 0, "Rss": 0}
    for one in tree(pid):
        with contextlib.suppress(OSError), open(f"/proc/{one}/smaps_rollup", encoding="ascii") as lines:
            for line in lines:
                name, _, rest = line.partition(":")
                if name in sums:
                    sums[name] += int(rest.split()[0]) * 1024
    return {"pss": sums["Pss"], "rss": sums["Rss"]}


def descriptors(pid):
    """How many descriptors the tree has open."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            total += len(os.listdir(f"/proc/{one}/fd"))
    return total


def sockets_of(pid):
    """Inodes of the sockets that the tree holds."""
    found = set()
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{one}/fd"):
                with contextlib.suppress(OSError):
                    target = os.readlink(f"/proc/{one}/fd/{fd}")
                    if target.startswith("socket:["):
                        found.add(target[8:-1])
    return found


def udp_drops(pid):
    """Datagrams that the kernel dropped at sockets of the tree: the last column of its table."""
    ours, dropped = sockets_of(pid), 0
    for family in ("udp", "udp6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{family}", encoding="ascii") as table:
            for row in list(table)[1:]:
                fields = row.split()
                if fields[9] in ours:
                    dropped += int(fields[-1])
    return dropped


def listens(port, kind):
    """Whether something listens on the port: the kernel's table, as a connection would be served."""
    wanted, state = f":{port:04X}", "0A" if kind == "tcp" else "07"
    for family in (kind, kind + "6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{family}", encoding="ascii") as table:
            for row in list(table)[1:]:
                fields = row.split()
                if fields[1].endswith(wanted) and fields[3] == state:
                    return True
    return False


def wait_for(condition, what, process=None, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if process is not None and process.poll() is not None:
            raise Failed(f"{what}: it ended with status {process.returncode}{tail(process)}")
        if time.monotonic() > end:
            raise Failed(f"{what}: not within {seconds} s")
        time.sleep(0.005)


def wait_until_quiet(pid, seconds=1.0):
    """Until the tree takes no more processor time: start-up is then over."""
    end, before = time.monotonic() + seconds, -1.0
    while time.monotonic() < end:
        now = processor_seconds(pid)
        if now - before < 0.0005:
            return
        before = now
        time.sleep(0.03)


#: Everything that was started; whatever of it still lives is ended when we end, on Ctrl-C as well.
started = []


@atexit.register
def end_all():
    for process in started:
        if process.poll() is None:
            end(process)


def start(command, errors, **kwargs):
    """A child in a session of its own, so that it and its children can be ended together."""
    stderr = open(errors, "w+b")  # noqa: SIM115  the child keeps it
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.DEVNULL)
    process = subprocess.Popen(command, stderr=stderr, start_new_session=True, **kwargs)
    process.errors = errors
    started.append(process)
    stderr.close()
    return process


def finish(process, seconds=120):
    """Waits for a child's own end; returns its status and its processor seconds, children included."""
    limit = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime
        if time.monotonic() > limit:
            raise Failed(f"a program did not end within {seconds} s")
        time.sleep(0.005)


def tail(process):
    """What a child said last on standard error, as a suffix of a message."""
    with contextlib.suppress(OSError, AttributeError), open(process.errors, encoding="utf-8", errors="replace") as f:
        lines = f.read().strip().splitlines()
        return ": " + " | ".join(lines[-3:]) if lines else ""
    return ""


def end(process, grace=3.0):
    """Ends a child and all of its session's group, gently and then not."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            continue
        if not group_lives(process.pid):
            break
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


def group_lives(group):
    """Whether anyone of the process group lives."""
    orphans(group)
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


class Load:
    """A load generator at work: what it bound, its steps, its result."""

    def __init__(self, program, errors, *arguments, **kwargs):
        command = [program, *(str(argument) for argument in arguments)]
        kwargs.setdefault("stdin", subprocess.PIPE)
        self.process = start(command, errors, stdout=subprocess.PIPE, **kwargs)
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)

    def read(self, seconds=180):
        """The next JSON line."""
        limit = time.monotonic() + seconds
        out = self.process.stdout.fileno()
        while b"\n" not in self.rest:
            left = limit - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                raise Failed(f"the load said nothing for {seconds} s")
            data = os.read(out, 65536)
            if not data:
                self.process.wait()
                raise Failed(f"the load ended with status {self.process.returncode}{tail(self.process)}")
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ready(self):
        return self.read(20)["ready"]

    def say(self, word):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(word.encode() + b"\n")
            self.process.stdin.flush()

    def go(self, place):
        self.say(f"go {place}")

    def step(self):
        return self.read()["step"]

    def next(self):
        self.say("next")
