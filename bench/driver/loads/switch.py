"""Frames through a switch, from one device of a host to another: how many a second.

The host is a network namespace with two devices and no addresses; the other ends of the devices are the
switch's. The load is sent by a packet socket as fast as it goes, to an address that was learned, and
counted by the kernel at the far device. Namespaces are made here and removed again; that needs root.
"""

import contextlib
import os
import subprocess

import measure
from measure import Failed, Load
from scenarios import Bar, Metric, errors, scenario

PEERS = ("wharf", "vde", "bridge")

FRAMES = [Metric("small", "60 octets/s", "higher", 0), Metric("large", "1514 octets/s", "higher", 0),
          Metric("cpu_us", "CPU us each"), Metric("cpu_large_us", "CPU us each (1514)")]


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


class Lab:
    """A host with the devices h0 and h1, and a place for a switch."""

    def __init__(self, given):
        self.given = given
        self.host, self.place = f"wharf-bench-{os.getpid()}-h", f"wharf-bench-{os.getpid()}-s"
        self.folder = given.folder
        self.processes = []

    def __enter__(self):
        if os.getuid():
            raise Failed("namespaces need root")
        try:
            for name in (self.host, self.place):
                ip("netns", "add", name)
                # No neighbours are looked for: only the load is counted.
                self.inside(name, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            measure.end(process)
        for name in (self.host, self.place):
            with contextlib.suppress(Failed):
                ip("netns", "delete", name)

    def inside(self, name, *words):
        subprocess.run(["ip", "netns", "exec", name, *words], check=False, capture_output=True)

    def cables(self):
        """h0 and h1 are the ends of cables; s0 and s1, at the switch, the others."""
        for n in "01":
            ip("link", "add", f"h{n}", "netns", self.host, "type", "veth",
               "peer", "name", f"s{n}", "netns", self.place)
            ip("-n", self.host, "link", "set", f"h{n}", "up")
            ip("-n", self.place, "link", "set", f"s{n}", "up")

    def start(self, *command, stdin=None):
        self.given.note(" ".join(command))
        name = os.path.join(self.folder, f"switch-{len(self.processes)}.err")
        process = measure.start(command, name, cwd=self.folder, stdin=stdin or subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def wait_for_devices(self):
        """Until the switch has made h0 and h1; then they are up."""
        for n in "01":
            there = lambda n=n: subprocess.run(  # noqa: E731
                ["ip", "-n", self.host, "link", "set", f"h{n}", "up"], capture_output=True, check=False,
            ).returncode == 0
            measure.wait_for(there, f"a switch is to make h{n}", self.processes[-1])

    def cpu(self):
        return sum(measure.processor_seconds(process.pid) for process in self.processes)

    def drive(self, octets):
        seconds = 0.5 if self.given.quick else 2
        inside = ("ip", "netns", "exec", self.host, self.given.load)
        arguments = ("frames", "--out", "h0", "--into", "h1", "--octets", octets, "--seconds", seconds)
        with Load(inside[0], errors(self.given), *inside[1:], *arguments) as load:
            load.step()
            before = self.cpu()
            load.next()
            result = load.read()
            spent = self.cpu() - before
        return result["received_per_second"], spent * 1e6 / max(result["received"], 1)


def frames(given, peer, kind):
    with Lab(given) as lab:
        getattr(peer, kind)(lab)
        for process in lab.processes:
            measure.wait_until_quiet(process.pid)
        small, cpu = lab.drive(60)
        large, cpu_large = lab.drive(1514)
    return {"small": small, "large": large, "cpu_us": cpu, "cpu_large_us": cpu_large}


@scenario("switch-veth", "switch between two veth devices: frames a second", "switch_veth", FRAMES,
          bars=[Bar("small", ">=", 3.0, ("vde",)), Bar("large", ">=", 3.0, ("vde",))], peers=PEERS)
def switch_veth(given, peer):
    return frames(given, peer, "switch_veth")


@scenario("switch-tap", "switch between two tap devices: frames a second", "switch_tap", FRAMES,
          bars=[Bar("small", ">=", 1.3, ("vde",)), Bar("large", ">=", 1.3, ("vde",))], peers=PEERS)
def switch_tap(given, peer):
    return frames(given, peer, "switch_tap")
