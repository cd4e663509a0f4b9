"""bench/scale: wharf and haproxy from one to ten thousand connections, with one and two workers.

For each number of connections: throughput and processor time of a bulk load on all of them, memory
once all are open, and round trips on all of them at once. Prints a table as it goes; --json and --svg
keep it. Bounded by the descriptors that we may have: a relayed connection takes two here and two there.
"""

import contextlib
import json

import charts
import report
from measure import Failed, Load
from relay import Relay, settle
from scenarios import GIB, MIB, errors

COUNTS = (1, 10, 100, 1000, 10_000)
PEERS = ("wharf", "haproxy")
KEYS = (
    ("gbit_per_s", "Throughput, all connections at once", "Gbit/s", False),
    ("cpu_per_gib", "Processor time", "s/GiB", False),
    ("memory_mib", "Memory with all open and idle", "MiB", True),
    ("p50_us", "Round trip, all at once: median", "us", True),
    ("p99_us", "Round trip, all at once: 99th percentile", "us", True),
)


def bulk(given, peer, count):
    seconds = 1 if given.quick else 4
    # The kernel would give ten thousand sockets more memory than there is.
    buffer = ("--buffer", 64 << 10 if count > 1000 else 256 << 10) if count > 10 else ()
    arguments = ("bulk", "--connections", count, "--seconds", seconds, *buffer)
    with Load(given.load, errors(given), *arguments) as load:
        with Relay(peer, "tcp", load.ready()["sink"]) as relay:
            load.go(relay.place)
            load.step()
            memory, before = relay.memory(), relay.cpu()
            load.next()
            result = load.read()
            spent = relay.settled_cpu() - before
    if result["received"] != result["sent"]:
        raise Failed(f"{result['received']} of {result['sent']} octets arrived")
    return {
        "gbit_per_s": result["gbit_per_s"],
        "cpu_per_gib": spent / (result["received"] / GIB),
        "memory_mib": memory["pss"] / MIB,
    }


def rtt(given, peer, count):
    seconds = 1 if given.quick else 3
    with Load(given.load, errors(given), "rtt", "--connections", count, "--seconds", seconds) as load:
        with Relay(peer, "tcp", load.ready()["sink"]) as relay:
            load.go(relay.place)
            load.step()
            load.next()
            times = load.read()["times"]
    return {key: times[key] for key in ("p50_us", "p99_us")}


def run(given, relays, options):
    relays = [peer for peer in relays if peer.name in PEERS]
    # What the generator and the relay need each: two a connection, and some for themselves.
    most = (given.descriptors - 400) // 2
    counts = sorted({min(count, most) for count in COUNTS})
    if most < COUNTS[-1]:
        print(f"{given.descriptors} descriptors are allowed: {most} connections at most\n")
    rows, series, failed = [], {key: {} for key, *_ in KEYS}, False
    print(f"{'relay':10}{'workers':>8}{'connections':>13}" + "".join(f"{key:>13}" for key, *_ in KEYS))
    for workers in (1, 2):
        given.workers = workers
        for count in counts:
            for peer in relays:
                samples = []
                for _ in range(given.rounds):
                    try:
                        samples.append({**bulk(given, peer, count), **rtt(given, peer, count)})
                    except Failed as problem:
                        failed = True
                        print(f"{peer.name} with {count} connections: {problem}")
                    settle()
                figures = {key: report.median([sample[key] for sample in samples]) for key, *_ in KEYS}
                rows.append({"relay": peer.name, "workers": workers, "connections": count, **figures})
                for key, value in figures.items():
                    series[key].setdefault(f"{peer.name} {workers}", []).append((count, value))
                print(f"{peer.name:10}{workers:>8}{count:>13,}"
                      + "".join(f"{report.number(value, 2):>13}" for value in figures.values()), flush=True)
    host = report.machine()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            versions = {peer.name: peer.version() for peer in relays}
            json.dump({"machine": host, "rounds": given.rounds, "versions": versions, "scale": rows}, file, indent=1)
            file.write("\n")
    if options.svg:
        note = f"{host['cpu']}, {host['cores']} cores, {host['system']} {host['kernel']}; medians of {given.rounds}"
        panels = [(heading, unit, series[key], log_y) for key, heading, unit, log_y in KEYS]
        legend = [(name, f"{name}{' worker' if name.endswith('1') else ' workers'}") for name in series["p50_us"]]
        with open(options.svg, "w", encoding="utf-8") as file:
            file.write(charts.multiples("wharf and haproxy by number of connections", note, panels, legend))
    with contextlib.suppress(BrokenPipeError):
        print()
    return 1 if failed else 0
