"""bench/soak: every octet checked for minutes, in storms, while memory and descriptors are watched.

Four pieces run wharf at once: a TCP relay that carries checked content, storms and round trips; a TCP
relay for bulk and bursts; a pair that speaks TLS between its halves, with checked content; a UDP
relay that echoes. It fails if an octet was wrong or missing, if a load failed, or if descriptors or
memory do not come back to what they were after the first turn of the storms.
"""

import itertools
import os
import threading
import time

import measure
from measure import Failed, Load
from relay import Relay

MIB = 1 << 20
#: Storms that share the relay with checked content: what, how many at a time, seconds.
STORMS = (("flood", 0, 3), ("half-open", 400, 4), ("slow", 200, 5), ("deaf", 100, 4), ("burst", 1500, 3))


class Soak:
    """What runs, what was found wrong, and when it is over."""

    def __init__(self, given, minutes):
        self.given, self.end = given, time.monotonic() + minutes * 60
        self.wharf = next(iter(given.relays))
        self.problems, self.counts = [], {}
        self.lock, self.turns = threading.Lock(), 0
        self.busy = True

    def left(self):
        return self.end - time.monotonic() if self.busy else 0

    def count(self, name, figures):
        with self.lock:
            total = self.counts.setdefault(name, {})
            for key, value in figures.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool):
                    total[key] = total.get(key, 0) + value

    def wrong(self, what):
        with self.lock:
            self.problems.append(what)
        print(f"  WRONG: {what}", flush=True)

    def errors(self, name):
        return os.path.join(self.given.folder, f"{name}.err")

    def load(self, name, place, *arguments, seconds=180):
        """One load against a relay, from its beginning to its result."""
        with Load(self.given.load, self.errors(name), *arguments) as load:
            load.ready()
            load.go(place)
            while "step" in (result := load.read(seconds)):
                load.next()
        self.count(name, result)
        return result

    def again(self, name, work):
        """Calls `work` until the time is over; what it says wrong is kept."""
        while self.left() > 1:
            try:
                work()
            except (Failed, OSError, ValueError, KeyError) as problem:
                # After Ctrl-C everything is ended under our hands, which is nobody's fault.
                if self.busy:
                    self.wrong(f"{name}: {problem}")
                return

    def content(self, name, place, sink):
        """Checked content for all the time, because the storms use its sink too: without one, they are refused."""
        seconds = max(2.0, self.left())
        arguments = ("content", "--sink", sink, "--seconds", seconds, "--seed", int(time.time() * 1000) % (1 << 40))
        result = self.load(name, place, *arguments, "--parallel", 8, seconds=seconds + 150)
        if result["mismatches"] or result["incomplete"] or result["refused"]:
            self.wrong(f"{name}: {result}")

    def storms(self, place):
        for kind, count, seconds in STORMS:
            if self.left() < seconds + 2:
                return
            self.load(f"storm {kind}", place, "storm", kind, "--count", count, "--seconds", seconds, "--no-sink")
        self.load("round trips", place, "rtt", "--connections", 16, "--seconds", 2, "--no-sink")
        self.turns += 1

    def bulk(self, place, sink):
        arguments = ("bulk", "--sink", sink, "--connections", 4, "--mib", 512, "--direction")
        for direction in ("up", "down", "both"):
            result = self.load("bulk", place, *arguments, direction)
            if result["sent"] != result["received"] or result["resets"]:
                self.wrong(f"bulk {direction}: {result}")
        most = min(10_000, (self.given.descriptors - 400) // 2)
        self.load("burst of thousands", place, "storm", "burst", "--sink", sink, "--count", most, "--seconds", 1)

    def udp(self, place, sink):
        arguments = ("udp", "--sink", sink, "--rate", 2000, "--seconds", 10, "--echo")
        result = self.load("datagrams", place, *arguments)
        # Datagrams may be lost on a busy machine, which is said; they may not be damaged.
        if result["damaged"] or result["duplicates"]:
            self.wrong(f"datagrams: {result}")
        self.load("datagram storm", place, "storm", "datagrams", "--sink", sink, "--count", 100_000, "--seconds", 3)
        # The table of peers is full now, as it should be; in three seconds it has forgotten them.
        time.sleep(5)


def run(given, minutes):
    soak = Soak(given, minutes)
    ports = [measure.free_port() for _ in range(4)]
    sinks = [f"127.0.0.1:{port}" for port in ports]
    with (
        Relay(soak.wharf, "tcp", sinks[0]) as first,
        Relay(soak.wharf, "tcp", sinks[1]) as second,
        Relay(soak.wharf, "tls_in", sinks[2]) as inner,
        Relay(soak.wharf, "tls_out", inner.place) as outer,
        Relay(soak.wharf, "udp_short", sinks[3], ground="udp") as datagrams,
    ):
        watched = {"tcp": first, "bulk": second, "tls in": inner, "tls out": outer, "udp": datagrams}
        before = sample(watched)
        works = (
            ("content", lambda: soak.content("content", first.place, sinks[0])),
            ("storms", lambda: soak.storms(first.place)),
            ("bulk", lambda: soak.bulk(second.place, sinks[1])),
            ("content over TLS", lambda: soak.content("content over TLS", outer.place, sinks[2])),
            ("datagrams", lambda: soak.udp(datagrams.place, sinks[3])),
        )
        threads = [threading.Thread(target=soak.again, args=work, daemon=True) for work in works]
        print("  what each wharf holds, as MiB resident / open descriptors")
        print("  " + f"{'seconds':>8}" + "".join(f"{name:>16}" for name in watched))
        show(0, before)
        for thread in threads:
            thread.start()
        try:
            settled = watch(soak, watched, threads)
        finally:
            soak.busy = False
        after = quiet(watched, before)
        show("end", after)
        judge(soak, before, settled or after, after)
    for name, figures in sorted(soak.counts.items()):
        shown = {key: value for key, value in figures.items() if not key.endswith(("second", "per_s", "share"))}
        print(f"  {name}: " + ", ".join(f"{key} {value:,.0f}" for key, value in shown.items()))
    for problem in soak.problems:
        print(f"  WRONG: {problem}")
    if soak.problems:
        print("  what wharf said last:")
        for line in said(given):
            print(f"    {line}")
    print("nothing was wrong or lost" if not soak.problems else f"{len(soak.problems)} problem(s)")
    return 1 if soak.problems else 0


def said(given, lines=20):
    """The last lines of what each relay wrote to its standard error."""
    for name in sorted(os.listdir(given.folder)):
        if name.startswith("wharf-") and name.endswith(".err"):
            with open(os.path.join(given.folder, name), errors="replace") as file:
                yield from (line.rstrip() for line in file.readlines()[-lines:])


def sample(watched):
    return {
        name: (relay.memory()["rss"], measure.descriptors(relay.process.pid)) for name, relay in watched.items()
    }


def show(when, figures):
    row = "".join(f"{rss / MIB:>10.1f} /{fds:>4}" for rss, fds in figures.values())
    print(f"  {when:>8}{row}", flush=True)


def watch(soak, watched, threads):
    """Prints until all threads are done; returns what was held after the first turn of all storms."""
    begin, settled = time.monotonic(), None
    for tick in itertools.count(1):
        if not any(thread.is_alive() for thread in threads):
            return settled
        for thread in threads:
            thread.join(1.0)
            if time.monotonic() - begin > 5 * tick:
                break
        for name, relay in watched.items():
            if relay.process.poll() is not None:
                soak.wrong(f"{name} ended with status {relay.process.returncode}{measure.tail(relay.process)}")
                return settled
        if time.monotonic() - begin < 5 * tick:
            continue
        figures = sample(watched)
        show(round(time.monotonic() - begin), figures)
        if settled is None and soak.turns >= 1:
            settled = figures
    return settled


def quiet(watched, before):
    """Waits until descriptors are what they were, for a while; returns what is held then."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        figures = sample(watched)
        if all(figures[name][1] <= before[name][1] for name in watched):
            break
        time.sleep(0.5)
    time.sleep(1)
    return sample(watched)


def judge(soak, before, settled, after):
    for name, (rss, fds) in after.items():
        if fds > before[name][1] + 2:
            soak.wrong(f"{name}: {fds} descriptors are open, {before[name][1]} were")
        if rss > 1.25 * settled[name][0] + 16 * MIB:
            soak.wrong(f"{name}: {rss / MIB:.1f} MiB, {settled[name][0] / MIB:.1f} after the first turn")
