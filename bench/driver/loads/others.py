"""Other ends than TCP and UDP, and single shots: Unix sockets, pipes, files, start-up."""

import fcntl
import os

import measure
from loads.tcp import BULK, bulk
from measure import Failed, Load
from relay import Relay
from scenarios import GIB, Bar, Metric, errors, scenario


def size(given):
    return 256 if given.quick else 2048


@scenario("tcp-unix", "TCP to a Unix socket, one connection, one direction", "unix", BULK)
def tcp_unix(given, peer):
    path = os.path.join(given.folder, "sink.sock")
    if os.path.exists(path):
        os.unlink(path)
    return bulk(given, peer, 1, "unix", mib=size(given), arguments=("--sink", f"unix:{path}"))


@scenario("tcp-stdio", "TCP to standard output, which is a pipe", "stdio", BULK, peers=("wharf", "socat", "ncat", "nc"))
def tcp_stdio(given, peer):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    with Load(given.load, errors(given), "drain", stdin=reader) as drain:
        os.close(reader)
        arguments = ("bulk", "--mib", size(given), "--only-client")
        with Load(given.load, errors(given) + "2", *arguments) as load:
            load.ready()
            with Relay(peer, "stdio", "", stdout=writer) as relay:
                os.close(writer)
                load.go(relay.place)
                load.step()
                load.next()
                load.read()
                _, spent = measure.finish(relay.process, 30)
                relay.process = None
        result = drain.read()
    return judged(result["octets"], result["seconds"], spent, given)


@scenario("file-tcp", "a file to TCP, to its end", "file", BULK, peers=("wharf", "socat", "ncat", "nc"))
def file_tcp(given, peer):
    path = os.path.join(given.folder, "file")
    if not os.path.exists(path):
        with open(path, "wb") as file:
            # Written and not sparse, so that its pages are in memory.
            for _ in range(size(given)):
                file.write(bytes(1 << 20))
    with Load(given.load, errors(given), "bulk", "--only-sink", "--mib", size(given)) as load:
        sink = load.ready()["sink"]
        command, stdin = peer.file(path, sink)
        given.note(" ".join(command))
        load.go(sink)
        with open(stdin or os.devnull, "rb") as given_in:
            process = measure.start(command, errors(given) + "2", stdin=given_in)
        try:
            result = load.read(60)
            _, spent = measure.finish(process, 30)
        finally:
            measure.end(process)
    return judged(result["received"], result["seconds"], spent, given)


def judged(octets, seconds, spent, given):
    if octets != size(given) << 20:
        raise Failed(f"{octets} of {size(given) << 20} octets arrived")
    return {"cpu_per_gib": spent / (octets / GIB), "gbit_per_s": octets * 8 / seconds / 1e9}


TIMES = [Metric("p50_ms", "p50 ms"), Metric("p99_ms", "p99 ms")]
SHOT_PEERS = ("wharf", "socat", "ncat", "nc")
SHOT_BARS = [Bar("p50_ms", "<=", 1.0, ("nc",), difference=True)]


def shots(given, command, *flags):
    count = 40 if given.quick else 200
    with Load(given.load, errors(given), "shot", "--count", count, *flags, "--", *command) as load:
        result = load.read()
    return result, {"p50_ms": result["times"]["p50_us"] / 1e3, "p99_ms": result["times"]["p99_us"] / 1e3}


@scenario("start", "start-up: the version (nc: its help)", "help", TIMES, peers=SHOT_PEERS, bars=SHOT_BARS)
def start(given, peer):
    return shots(given, peer.help())[1]


@scenario("shot", "start, connect, send 6 octets, close", "shot", TIMES, peers=SHOT_PEERS, bars=SHOT_BARS)
def shot(given, peer):
    result, times = shots(given, peer.shot("127.0.0.1:{port}"), "--serve", "--input", "octets")
    if result["octets"] != 6 * result["times"]["count"] or result["failed"]:
        raise Failed(f"{result['octets']} octets arrived, {result['failed']} failed")
    return times
