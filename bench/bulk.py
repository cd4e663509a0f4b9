"""One TCP connection, one direction, as fast as it goes: processor seconds a GiB and Gbit/s.

A sender and a receiver, each a process of its own, know only two ports; the relay between them is
wharf or a peer. The kernel tells what processor time the relay took (wait4, children included).
Speed is never asserted here: the table is for people, and ratios are within one run.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

CHUNK = 1 << 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def relays(wharf):
    """Name, version and command of each relay from one port to another."""

    def version(*command):
        out = subprocess.run(command, capture_output=True, text=True)
        text = (out.stdout or out.stderr).strip().splitlines()
        return next((line for line in text if any(c.isdigit() for c in line)), "?").strip()

    yield "wharf", version(wharf, "--version"), lambda a, b: [
        wharf, "--quiet", "--workers", "1", f":{a}", f"127.0.0.1:{b}",
    ]
    if shutil.which("socat"):
        yield "socat", version("socat", "-V"), lambda a, b: [
            "socat", "-b", "262144", f"TCP-LISTEN:{a},bind=127.0.0.1,reuseaddr,fork", f"TCP:127.0.0.1:{b}",
        ]
    if shutil.which("ncat"):
        yield "ncat", version("ncat", "--version"), lambda a, b: [
            "ncat", "-k", "-l", "127.0.0.1", str(a), "-c", f"ncat 127.0.0.1 {b}",
        ]


def wait_until_listening(port, process):
    """Looks at the kernel's table: a connection to find out would be served."""
    wanted = f"0100007F:{port:04X}"
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if process.poll() is not None:
            sys.exit(f"a relay ended with status {process.returncode}")
        with open("/proc/net/tcp", encoding="ascii") as table:
            if any(line.split()[1] == wanted and line.split()[3] == "0A" for line in list(table)[1:]):
                return
        time.sleep(0.01)
    sys.exit(f"nothing listens on port {port}")


def once(command_of, size):
    listen = free_port()
    sink = socket.create_server(("127.0.0.1", 0))
    relay = subprocess.Popen(
        command_of(listen, sink.getsockname()[1]),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until_listening(listen, relay)
    sender = os.fork()
    if sender == 0:
        sink.close()
        with socket.create_connection(("127.0.0.1", listen)) as s:
            data = bytes(CHUNK)
            for _ in range(size // CHUNK):
                s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            s.recv(1)
        os._exit(0)
    peer, _ = sink.accept()
    buffer, got, begin = bytearray(CHUNK), 0, time.monotonic()
    while n := peer.recv_into(buffer):
        got += n
    elapsed = time.monotonic() - begin
    peer.close()
    sink.close()
    os.waitpid(sender, 0)
    os.killpg(relay.pid, signal.SIGTERM)
    _, _, usage = os.wait4(relay.pid, 0)
    relay.returncode = 0
    if got != size:
        sys.exit(f"{got} of {size} octets arrived")
    return {
        "cpu_per_gib": (usage.ru_utime + usage.ru_stime) / (size / (1 << 30)),
        "gbit_per_s": size * 8 / elapsed / 1e9,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", type=int, nargs="?", default=5)
    parser.add_argument("--mib", type=int, default=2048, help="how much is sent in each round")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wharf", required=True)
    given = parser.parse_args()
    size = given.mib * CHUNK
    candidates = list(relays(given.wharf))
    results = {name: [] for name, _, _ in candidates}
    for _ in range(given.rounds):
        for name, _, command_of in candidates:
            results[name].append(once(command_of, size))
    table = []
    for name, version, _ in candidates:
        middle = {
            key: statistics.median(result[key] for result in results[name])
            for key in ("cpu_per_gib", "gbit_per_s")
        }
        table.append({"relay": name, "version": version, **middle})
    ours = table[0]
    for row in table:
        row["cpu_ratio"] = ours["cpu_per_gib"] / row["cpu_per_gib"]
        row["rate_ratio"] = ours["gbit_per_s"] / row["gbit_per_s"]
    if given.json:
        machine = {"system": platform.platform(), "processors": os.cpu_count()}
        json.dump({"machine": machine, "rounds": given.rounds, "mib": given.mib, "bulk": table}, sys.stdout, indent=2)
        print()
        return
    print(f"{platform.platform()}, {os.cpu_count()} processors; {given.rounds} rounds of {given.mib} MiB, medians")
    print(f"{'relay':8}{'CPU s/GiB':>11}{'wharf/it':>10}{'Gbit/s':>9}{'wharf/it':>10}  version")
    for row in table:
        print(
            f"{row['relay']:8}{row['cpu_per_gib']:>11.2f}{row['cpu_ratio']:>10.2f}"
            f"{row['gbit_per_s']:>9.1f}{row['rate_ratio']:>10.2f}  {row['version']}"
        )


if __name__ == "__main__":
    main()
