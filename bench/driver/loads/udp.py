"""Datagrams: the highest rate, the cost of each, and what is dropped at a moderate rate."""

import math

from measure import Load, udp_drops
from relay import Relay
from scenarios import Bar, Metric, errors, scenario

UDP_PEERS = ("wharf", "socat", "nginx")


def highest_rate(given, load):
    """The highest rate of which less than 0.1% was lost, found by doubling and bisecting."""
    low, high, rate, best = 0.0, None, 50_000, 0.0
    for _ in range(7 if given.quick else 14):
        for _again in range(2):
            result = load.read()
            # A hiccup of the machine is not a limit: what was lost once is tried once more.
            if result["lost_share"] < 0.001 or result["lost_share"] > 0.05:
                break
            if not _again:
                load.say(f"rate {rate}")
        if result["lost_share"] < 0.001:
            low, best = rate, max(best, result["received_per_second"])
            if result["sent_per_second"] < 0.95 * rate:
                break  # more than the load generator can send
        else:
            high = rate
        if high is None:
            rate *= 2
        elif low == 0:
            rate //= 2
        elif high / low < 1.05:
            break
        else:
            rate = int(math.sqrt(low * high))
        load.say(f"rate {rate}")
    load.say("end")
    return best


@scenario("udp-max", "UDP relay, 1,200 octets: highest rate with less than 0.1% lost", "udp",
          [Metric("per_second", "datagrams/s", "higher", 0)],
          bars=[Bar("per_second", ">=", 2.0, ("socat", "nginx"), best=True)],
          peers=(*UDP_PEERS, "direct"), rounds=3)
def udp_max(given, peer):
    seconds = 0.3 if given.quick else 1
    arguments = ("udp", "--rate", 50_000, "--seconds", seconds, "--again")
    with Load(given.load, errors(given), *arguments) as load:
        with Relay(peer, "udp", load.ready()["sink"], ground="udp") as relay:
            load.go(relay.place)
            load.step()
            load.next()
            return {"per_second": highest_rate(given, load)}


def udp_at(given, peer, rate, kind="udp", *more):
    seconds = 1 if given.quick else 3
    with Load(given.load, errors(given), "udp", "--rate", rate, "--seconds", seconds, *more) as load:
        with Relay(peer, kind, load.ready()["sink"], ground="udp") as relay:
            load.go(relay.place)
            load.step()
            before = relay.cpu()
            load.next()
            result = load.read()
            spent = relay.cpu() - before
            dropped = udp_drops(relay.process.pid)
    return {
        "cpu_us": spent * 1e6 / max(result["received"], 1),
        "lost_percent": result["lost_share"] * 100,
        "dropped": dropped,
        "reordered": result["reordered"],
    }


UDP = [Metric("cpu_us", "CPU us each"), Metric("lost_percent", "lost %", digits=3),
       Metric("dropped", "dropped", digits=0), Metric("reordered", "reordered", digits=0)]


@scenario("udp-cost", "UDP relay at 50,000 datagrams a second: processor time of each", "udp", UDP,
          bars=[Bar("cpu_us", "<=", 0.4, ("socat",))], peers=UDP_PEERS)
def udp_cost(given, peer):
    return udp_at(given, peer, 50_000)


@scenario("udp-half", "UDP relay at half of the best peer's highest rate: what its own sockets drop", "udp",
          [UDP[2], UDP[1], UDP[0]],
          bars=[Bar("dropped", "<=", 0)], peers=UDP_PEERS)
def udp_half(given, peer):
    best = max((given.median("udp-max", name, "per_second") or 0 for name in ("socat", "nginx")), default=0)
    return udp_at(given, peer, int(best / 2) or 25_000)


@scenario("udp-tcp", "UDP to TCP at 50,000 datagrams a second (wharf frames them, socat cannot)", "udp_tcp", UDP,
          peers=("wharf", "socat"))
def udp_tcp(given, peer):
    framing = "len16" if peer.name == "wharf" else "none"
    return udp_at(given, peer, 50_000, "udp_tcp", "--stream", framing, "--sources", 1)
