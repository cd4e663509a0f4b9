"""bench/tables: the figures of a run and of a scaling as tables in Markdown, for docs/benchmarks.md.

Reads the JSON that bench/run and bench/scale wrote, so that no figure is copied by hand. Not here:
what the figures mean, which people write around the tables.
"""

import json
import sys

import loads  # noqa: F401  fills the list of scenarios
import scenarios


def number(value, digits):
    return "" if value is None else f"{value:,.{digits}f}"


def row(cells):
    return f"| {' | '.join(cells)} |"


def head(cells):
    yield row(cells)
    yield row(["---", *["---:"] * (len(cells) - 1)])


def verdict(bar):
    measured = "not measured" if bar["measured"] is None else f"{bar['measured']:.2f}"
    return f"{measured} {'**met**' if bar['passed'] else 'missed'}"


def scenario_tables(run):
    """One table a scenario, and its bars below."""
    for known in scenarios.ALL:
        found = next((s for s in run["scenarios"] if s["name"] == known.name), None)
        if found is None:
            continue
        yield f"### `{known.name}`: {known.title}"
        yield ""
        yield from head(["", *[metric.label for metric in known.metrics]])
        for peer, figures in found["relays"].items():
            medians = figures["median"]
            cells = [number(medians.get(metric.key), metric.digits) for metric in known.metrics]
            yield row([f"**{peer}**" if peer == "wharf" else peer, *cells])
        yield ""
        if found["bars"]:
            yield from head(["bar", "measured"])
            for bar in found["bars"]:
                yield row([bar["bar"], verdict(bar)])
            yield ""


def scale_table(scale):
    keys = (("gbit_per_s", 1), ("cpu_per_gib", 2), ("memory_mib", 1), ("p50_us", 0), ("p99_us", 0))
    yield from head(["relay, workers", "connections", "Gbit/s", "CPU s/GiB", "MiB", "p50 us", "p99 us"])
    for line in scale["scale"]:
        cells = [number(line[key], digits) for key, digits in keys]
        yield row([f"{line['relay']}, {line['workers']}", f"{line['connections']:,}", *cells])


def main():
    run, *rest = [json.load(open(path, encoding="utf-8")) for path in sys.argv[1:]]
    host = run["machine"]
    print(f"{host['cpu']}, {host['cores']} cores, {host['system']} {host['kernel']}; "
          f"{run['workers']} workers; medians of {run['rounds']} rounds.")
    print("; ".join(f"{name}: {version}" for name, version in run["versions"].items()) + ".\n")
    print("\n".join(scenario_tables(run)))
    for scale in rest:
        print("\n".join(scale_table(scale)))


if __name__ == "__main__":
    main()
