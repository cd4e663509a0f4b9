"""bench/run: measures wharf beside its peers, in one run, rounds in turn.

Started by bench/run, which builds what is needed. Everything that is started here is ended here, on
Ctrl-C as well. Speeds are never asserted: a missed bar is printed, and the exit status stays 0. It is 1
if something did not work, and 2 for wrong usage.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

import charts
import loads  # noqa: F401  fills the list of scenarios
import measure
import peers
import relay
import report
import scale
import scenarios
import soak


class Given:
    """What was asked for, and what everybody needs: programs, folder, results so far."""

    def __init__(self, options, folder, descriptors):
        self.wharf, self.load = os.path.abspath(options.wharf), os.path.abspath(options.load)
        self.workers, self.quick = options.workers, options.quick
        self.rounds = options.rounds or (1 if options.quick else 5)
        self.verbose = options.verbose
        self.folder, self.descriptors = folder, descriptors
        self.results = report.Results()

    def median(self, scenario, peer, metric):
        return self.results.median(scenario, peer, metric)

    def certificate(self, name):
        """The path of a file of the certificate, which is made when it is first asked for."""
        folder = os.path.join(self.folder, "certificate")
        if not os.path.isdir(folder):
            os.mkdir(folder)
            subprocess.run([self.load, "tls", "cert", folder], check=True)
        return os.path.join(folder, name)

    def note(self, text):
        if self.verbose:
            print(f"+ {text}", file=sys.stderr)


def parse():
    parser = argparse.ArgumentParser(prog="bench/run", description="Measures wharf beside its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round of everything")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds in turn (default 5, with --quick 1)")
    parser.add_argument("--only", metavar="NAME[,NAME]", default="", help="these scenarios; a prefix is enough")
    parser.add_argument("--peers", metavar="NAME[,NAME]", default="", help="these relays, and wharf")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="threads of each relay (default 2)")
    parser.add_argument("--wharf", required=True, metavar="PATH", help="another binary")
    parser.add_argument("--load", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--json", metavar="FILE", help="writes everything as JSON")
    parser.add_argument("--svg", metavar="FILE", help="writes a chart of the ratios")
    parser.add_argument("--scale", action="store_true", help="one to ten thousand connections, wharf and haproxy")
    parser.add_argument("--soak", type=float, metavar="MINUTES", help="checks every octet for so long, in a storm")
    parser.add_argument("--list", action="store_true", help="lists the scenarios")
    parser.add_argument("--verbose", action="store_true", help="says how each relay is started")
    return parser, parser.parse_args()


def chosen(parser, options):
    if not options.only:
        return scenarios.ALL
    wanted = options.only.split(",")
    for name in wanted:
        if not any(scenario.name.startswith(name) for scenario in scenarios.ALL):
            parser.error(f"no scenario {name}; bench/run --list shows them")
    return [scenario for scenario in scenarios.ALL if any(scenario.name.startswith(name) for name in wanted)]


def run(given, scenario, relays):
    """All rounds of one scenario, each relay once a round."""
    taking_part = [peer for peer in relays if peer.name in scenario.peers]
    for _ in range(min(given.rounds, scenario.rounds)):
        for peer in taking_part:
            if peer.name != "direct" and not hasattr(peer, scenario.kind):
                continue
            try:
                given.results.add(scenario.name, peer.name, scenario.run(given, peer))
            except measure.Failed as problem:
                given.results.problem(scenario.name, peer.name, str(problem))
            relay.settle()
    for line in report.scenario_text(given.results, scenario):
        print(line, flush=True)


def write_chart(given, selected, path):
    host = report.machine()
    note = (f"more than 1x: wharf is better. {host['cpu']}, {host['cores']} cores, "
            f"{host['system']} {host['kernel']}; medians of {given.rounds}")
    groups = list(charts.ratios(given.results, selected))
    with open(path, "w", encoding="utf-8") as file:
        file.write(charts.bars("wharf beside its peers", note, groups))


def main():
    parser, options = parse()
    if options.list:
        for scenario in scenarios.ALL:
            print(f"{scenario.name:12}{scenario.title}")
        return 0
    selected = chosen(parser, options)
    measure.adopt_orphans()
    # Said, because a shell's background jobs ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="wharf-bench-") as folder:
        given = Given(options, folder, measure.raise_descriptor_limit())
        relays = [peer(given) for peer in peers.ALL]
        if options.soak:
            relays = relays[:1]
        if options.peers:
            relays = [peer for peer in relays if peer.name in ("wharf", *options.peers.split(","))]
        missing = [peer.name for peer in relays if not peer.is_here]
        relays = given.relays = [peer for peer in relays if peer.is_here]
        host = report.machine()
        print(f"{host['cpu']}, {host['cores']} cores, {host['system']} {host['kernel']}; "
              f"{given.workers} workers" + ("" if options.soak else f"; {given.rounds} round(s), medians"))
        for peer in relays:
            print(f"  {peer.name:10}{peer.version()}")
        if missing:
            print(f"  not here, and left out: {', '.join(missing)}")
        print()
        if options.scale:
            return scale.run(given, relays, options)
        if options.soak:
            return soak.run(given, options.soak)
        for scenario in selected:
            run(given, scenario, relays)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as f:
                f.write(report.to_json(given, given.results, selected, relays) + "\n")
        if options.svg:
            write_chart(given, selected, options.svg)
    return 1 if given.results.problems else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
