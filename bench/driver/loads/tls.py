"""TLS on one side of the relay: bulk and full handshakes, as the end of TLS and as its beginning.

TLS 1.3, X25519, a key of P-256 and AES-128-GCM for everybody: the load generator offers nothing else.
socat 1.7 alone agrees on P-256 only and gets that, which costs a handshake about the same.
"""

from measure import Failed, Load
from relay import Relay
from scenarios import GIB, Metric, errors, scenario

PEERS = ("wharf", "socat", "haproxy", "nginx")
BULK = [Metric("cpu_per_gib", "CPU s/GiB"), Metric("gbit_per_s", "Gbit/s", "higher", 1)]
RATE = [Metric("per_second", "handshakes/s", "higher", 0), Metric("cpu_us", "CPU us each", digits=0),
        Metric("p99_us", "p99 us", digits=0)]


def side_of(given, peer, role):
    group = "p256" if peer.name == "socat" else "x25519"
    return ("--role", role, "--folder", given.certificate(""), "--group", group)


def bulk(given, peer, kind, role):
    mib = 256 if given.quick else 2048
    side = side_of(given, peer, role)
    with Load(given.load, errors(given), "tls", "bulk", *side, "--mib", mib) as load:
        with Relay(peer, kind, load.ready()["sink"]) as relay:
            load.go(relay.place)
            load.step()
            before = relay.cpu()
            load.next()
            result = load.read()
            spent = relay.settled_cpu() - before
    if result["received"] != result["sent"]:
        raise Failed(f"{result['received']} of {result['sent']} octets arrived")
    return {"cpu_per_gib": spent / (result["received"] / GIB), "gbit_per_s": result["gbit_per_s"]}


def rate(given, peer, kind, role):
    seconds = 1 if given.quick else 3
    side = side_of(given, peer, role)
    with Load(given.load, errors(given), "tls", "rate", *side, "--seconds", seconds) as load:
        with Relay(peer, kind, load.ready()["sink"]) as relay:
            load.go(relay.place)
            result = load.read()
            spent = relay.settled_cpu()
    if result["errors"] or not result["connections"]:
        raise Failed(f"{result['errors']} failed, {result['connections']} did not: {result['last_error']}")
    return {
        "per_second": result["per_second"],
        "cpu_us": spent * 1e6 / result["connections"],
        "p99_us": result["latency"]["p99_us"],
    }


@scenario("tls-in-bulk", "TLS to TCP, one connection: the relay decrypts", "tls_in", BULK, peers=PEERS)
def in_bulk(given, peer):
    return bulk(given, peer, "tls_in", "client")


@scenario("tls-out-bulk", "TCP to TLS, one connection: the relay encrypts", "tls_out", BULK, peers=PEERS)
def out_bulk(given, peer):
    return bulk(given, peer, "tls_out", "server")


@scenario("tls-in-rate", "TLS to TCP: full handshakes, 8 at a time", "tls_in", RATE, peers=PEERS)
def in_rate(given, peer):
    return rate(given, peer, "tls_in", "client")


@scenario("tls-out-rate", "TCP to TLS: full handshakes, 8 at a time", "tls_out", RATE, peers=PEERS)
def out_rate(given, peer):
    return rate(given, peer, "tls_out", "server")
