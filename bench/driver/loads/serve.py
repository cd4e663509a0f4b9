"""A folder over HTTP/1.1, beside nginx: small files by requests, large ones by processor time.

The load is nghttp2's h2load with kept connections. nginx has sendfile, as its manual advises for files;
both log nothing, and both get the same certificate and the same suite, the client's first.
"""

import os
import re
import shutil
import subprocess

from measure import Failed
from relay import Relay
from scenarios import MIB, Bar, Metric, scenario

PEERS = ("wharf", "nginx")
SMALL = [Metric("per_second", "requests/s", "higher", 0), Metric("cpu_us", "CPU us each", digits=1)]
LARGE = [Metric("mib_per_cpu", "MiB/CPU s", "higher", 0), Metric("gbit_per_s", "Gbit/s", "higher", 1)]


def folder(given):
    """A folder with a file of 1 KiB and one of 100 MiB; the second is read once, so that it is in memory."""
    path = os.path.join(given.folder, "served")
    if not os.path.isdir(path):
        os.mkdir(path)
        for name, size in (("small", 1024), ("large", 100 * MIB)):
            with open(os.path.join(path, name), "wb") as file:
                for _ in range(0, size, MIB):
                    file.write(os.urandom(min(size, MIB)))
    return path


def h2load(url, clients, requests):
    """Drives, and returns seconds; every answer must be whole."""
    program = shutil.which("h2load")
    if program is None:
        raise Failed("h2load is not here (Debian package nghttp2-client)")
    command = [program, "--h1", "-t", "1", "-c", str(clients), "-n", str(requests), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    time = re.search(r"finished in ([\d.]+)(us|ms|s)\b", done.stdout)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    if not time or not counts or int(counts.group(1)) != requests:
        raise Failed(f"h2load: {done.stdout[-300:]}{done.stderr[-300:]}")
    return float(time.group(1)) * {"us": 1e-6, "ms": 1e-3, "s": 1}[time.group(2)]


def drive(given, peer, kind, name, clients, requests):
    """Returns seconds and processor seconds of so many requests."""
    scheme = "https" if kind == "serve_tls" else "http"
    with Relay(peer, kind, folder(given)) as server:
        url = f"{scheme}://{server.place}/{name}"
        h2load(url, clients, clients * 2)
        before = server.settled_cpu()
        seconds = h2load(url, clients, requests)
        return seconds, server.settled_cpu() - before


def small(given, peer, kind):
    requests = 20_000 if given.quick else 200_000
    seconds, spent = drive(given, peer, kind, "small", 64, requests)
    return {"per_second": requests / seconds, "cpu_us": spent * 1e6 / requests}


def large(given, peer, kind):
    requests = 8 if given.quick else 40
    seconds, spent = drive(given, peer, kind, "large", 4, requests)
    return {"mib_per_cpu": requests * 100 / spent, "gbit_per_s": requests * 100 * MIB * 8 / 1e9 / seconds}


@scenario("serve-small", "a file of 1 KiB, 64 kept connections", "serve", SMALL, peers=PEERS,
          bars=[Bar("per_second", ">=", 0.8, ("nginx",))])
def serve_small(given, peer):
    return small(given, peer, "serve")


@scenario("serve-large", "a file of 100 MiB, 4 kept connections", "serve", LARGE, peers=PEERS,
          bars=[Bar("mib_per_cpu", ">=", 0.5, ("nginx",))])
def serve_large(given, peer):
    return large(given, peer, "serve")


@scenario("serve-tls-large", "a file of 100 MiB over TLS 1.3, 4 kept connections", "serve_tls", LARGE,
          peers=PEERS, bars=[Bar("mib_per_cpu", ">=", 1.0, ("nginx",))])
def serve_tls_large(given, peer):
    return large(given, peer, "serve_tls")
