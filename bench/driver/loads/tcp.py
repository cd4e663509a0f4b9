"""Streams: bulk, connections a second, round trips, and memory of idle connections, over TCP."""

from measure import Failed, Load, wait_until_quiet
from relay import Relay
from scenarios import GIB, KIB, MIB, Bar, Metric, errors, scenario

BULK = [Metric("cpu_per_gib", "CPU s/GiB"), Metric("gbit_per_s", "Gbit/s", "higher", 1)]
STREAM_PEERS = ("wharf", "socat", "haproxy", "nginx", "ncat", "splice", "direct")
BULK_BARS = [
    Bar("cpu_per_gib", "<=", 0.6, ("socat",)),
    Bar("cpu_per_gib", "<=", 0.45, ("haproxy", "nginx")),
    Bar("cpu_per_gib", "<=", 1.1, ("splice",)),
    Bar("gbit_per_s", ">=", 1.4, ("socat", "haproxy", "nginx"), best=True),
]


def bulk(given, peer, connections, kind="tcp", **more):
    mib = more.pop("mib", 512 if given.quick else 3072)
    arguments = ["bulk", "--connections", connections, "--mib", mib, *more.pop("arguments", ())]
    with Load(given.load, errors(given), *arguments) as load:
        sink = load.ready()["sink"]
        with Relay(peer, kind, sink, **more) as relay:
            load.go(relay.place)
            load.step()
            before = relay.cpu()
            load.next()
            result = load.read()
            spent = relay.settled_cpu() - before
    if result["received"] != result["sent"] or result["received"] != (mib // connections * connections) << 20:
        raise Failed(f"{result['received']} of {result['sent']} octets arrived")
    return {"cpu_per_gib": spent / (result["received"] / GIB), "gbit_per_s": result["gbit_per_s"]}


@scenario("bulk-1", "TCP relay, one connection, one direction, as fast as it goes", "tcp", BULK,
          bars=BULK_BARS, peers=STREAM_PEERS)
def bulk_1(given, peer):
    return bulk(given, peer, 1)


@scenario("bulk-8", "TCP relay, eight connections, one direction", "tcp", BULK,
          bars=BULK_BARS, peers=STREAM_PEERS)
def bulk_8(given, peer):
    return bulk(given, peer, 8)


RATE = [
    Metric("per_second", "conn/s", "higher", 0),
    Metric("cpu_us", "CPU us each", digits=1),
    Metric("p99_us", "p99 us", digits=0),
]


@scenario("rate", "connect, one octet each way, close; 16 at a time", "tcp", RATE,
          bars=[Bar("per_second", ">=", 1.0, ("haproxy",)), Bar("cpu_us", "<=", 1.0, ("haproxy",))],
          peers=("wharf", "socat", "haproxy", "nginx", "direct"))
def rate(given, peer):
    seconds = 1 if given.quick else 3
    with Load(given.load, errors(given), "rate", "--parallel", 16, "--seconds", seconds) as load:
        with Relay(peer, "tcp", load.ready()["sink"]) as relay:
            load.go(relay.place)
            result = load.read()
            spent = relay.settled_cpu()
    if result["errors"]:
        raise Failed(f"{result['errors']} of {result['connections']} connections failed")
    return {
        "per_second": result["per_second"],
        "cpu_us": spent * 1e6 / result["connections"],
        "p99_us": result["latency"]["p99_us"],
    }


RTT = [Metric("p50_us", "p50 us", digits=1), Metric("p99_us", "p99 us", digits=1),
       Metric("p999_us", "p99.9 us", digits=0), Metric("cpu_us", "CPU us each", digits=2)]
RTT_BARS = [Bar("p50_us", "<=", 1.0, ("haproxy", "nginx")), Bar("p99_us", "<=", 1.0, ("haproxy", "nginx"))]
RTT_PEERS = ("wharf", "socat", "haproxy", "nginx", "direct")


def rtt(given, peer, connections):
    seconds = 1 if given.quick else 3
    with Load(given.load, errors(given), "rtt", "--connections", connections, "--seconds", seconds) as load:
        with Relay(peer, "tcp", load.ready()["sink"]) as relay:
            load.go(relay.place)
            load.step()
            before = relay.cpu()
            load.next()
            times = load.read()["times"]
            spent = relay.cpu() - before
    keys = ("p50_us", "p99_us", "p999_us")
    return {**{key: times[key] for key in keys}, "cpu_us": spent * 1e6 / max(times["count"], 1)}


@scenario("rtt-1", "round trip of 64 octets, one connection", "tcp", RTT, bars=RTT_BARS, peers=RTT_PEERS)
def rtt_1(given, peer):
    return rtt(given, peer, 1)


@scenario("rtt-64", "round trip of 64 octets, 64 connections at once", "tcp", RTT, bars=RTT_BARS, peers=RTT_PEERS)
def rtt_64(given, peer):
    return rtt(given, peer, 64)


@scenario("idle", "memory of connections that say nothing: slope between two counts", "tcp",
          [Metric("slope_kib", "KiB each"), Metric("base_mib", "base MiB"), Metric("after_mib", "after MiB")],
          bars=[Bar("slope_kib", "<=", 3.0), Bar("base_mib", "<=", 6.0)], rounds=3)
def idle(given, peer):
    # A process for each connection: fewer of them tell the same.
    few, many = (100, 500) if peer.name in ("socat", "ncat") else (1000, 5000)
    with Load(given.load, errors(given), "idle", "--steps", f"{few},{many}") as load:
        with Relay(peer, "tcp", load.ready()["sink"]) as relay:
            memory = [relay.memory()]
            load.go(relay.place)
            for _ in range(3):
                load.step()
                wait_until_quiet(relay.process.pid)
                memory.append(relay.memory())
                load.next()
            load.read()
    base, low, high, after = (sample["pss"] for sample in memory)
    return {
        "slope_kib": (high - low) / (many - few) / KIB,
        "base_mib": base / MIB,
        "base_rss_mib": memory[0]["rss"] / MIB,
        "after_mib": after / MIB,
    }
