"""Figures as people and programs read them: medians and ratios in text, and all of it as JSON.

A ratio is wharf's median divided by the peer's median. A bar that is met says pass, another miss; it
is a remark and never a failure, because a machine may be busy. Not here: charts (`charts`).
"""

import json
import os
import platform
import statistics


def machine():
    cpu = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                cpu = line.partition(":")[2].strip()
                break
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "system": platform.system(),
    }


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def ratio(ours, theirs):
    return ours / theirs if ours is not None and theirs else None


class Results:
    """Every figure of every round: `figures[scenario][peer][metric]` is a list."""

    def __init__(self):
        self.figures, self.problems = {}, {}

    def add(self, scenario, peer, figures):
        rounds = self.figures.setdefault(scenario, {}).setdefault(peer, {})
        for key, value in figures.items():
            rounds.setdefault(key, []).append(value)

    def problem(self, scenario, peer, text):
        self.problems.setdefault(scenario, {}).setdefault(peer, []).append(text)

    def median(self, scenario, peer, metric):
        return median(self.figures.get(scenario, {}).get(peer, {}).get(metric, []))

    def ratio(self, scenario, peer, metric):
        return ratio(self.median(scenario, "wharf", metric), self.median(scenario, peer, metric))


def judge(results, scenario, bar):
    """The bars of one `Bar`, as `(text, measured, passed)`; `passed` is None if nothing was measured."""
    metric = next(metric for metric in scenario.metrics if metric.key == bar.metric)
    better = (lambda value: value <= bar.limit) if bar.sign == "<=" else (lambda value: value >= bar.limit)
    if not bar.against:
        value = results.median(scenario.name, "wharf", bar.metric)
        text = f"{metric.label} {bar.sign} {bar.limit:g}"
        return [(text, value, None if value is None else better(value))]
    if bar.difference:
        out = []
        for peer in bar.against:
            ours, theirs = (results.median(scenario.name, name, bar.metric) for name in ("wharf", peer))
            value = ours - theirs if ours is not None and theirs is not None else None
            text = f"{metric.label} {bar.sign} that of {peer} + {bar.limit:g}"
            out.append((text, value, None if value is None else better(value)))
        return out
    ratios = {peer: results.ratio(scenario.name, peer, bar.metric) for peer in bar.against}
    if bar.best:
        known = [value for value in ratios.values() if value is not None]
        # The best peer is the one that leaves us the least.
        worst = (max if bar.sign == "<=" else min)(known) if known else None
        ratios = {f"the best of {', '.join(bar.against)}": worst}
    return [
        (f"{metric.label} {bar.sign} {bar.limit:g} x {name}", value, None if value is None else better(value))
        for name, value in ratios.items()
    ]


def mark(passed):
    return {True: "pass", False: "MISS", None: "not measured"}[passed]


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def scenario_text(results, scenario):
    """The table of one scenario."""
    yield f"{scenario.name}: {scenario.title}"
    width = [max(len(metric.label), 9) + 2 for metric in scenario.metrics]
    heads = "".join(f"{metric.label:>{w}}{'wharf/it':>10}" for metric, w in zip(scenario.metrics, width))
    yield f"  {'':10}{heads}"
    for peer in results.figures.get(scenario.name, {}):
        row = f"  {peer:10}"
        for metric, w in zip(scenario.metrics, width):
            row += f"{number(results.median(scenario.name, peer, metric.key), metric.digits):>{w}}"
            part = None if peer == "wharf" else results.ratio(scenario.name, peer, metric.key)
            row += f"{number(part, 2) if part is not None else '':>10}"
        yield row
    for peer, problems in results.problems.get(scenario.name, {}).items():
        yield f"  {peer:10}  {len(problems)} round(s) failed: {problems[-1]}"
    for bar in scenario.bars:
        for text, value, passed in judge(results, scenario, bar):
            yield f"  bar: {text}: {number(value, 2)}  {mark(passed)}"
    yield ""


def to_json(given, results, scenarios, peers):
    out = []
    for scenario in scenarios:
        rows = {}
        for peer, figures in results.figures.get(scenario.name, {}).items():
            rows[peer] = {
                "median": {key: median(values) for key, values in figures.items()},
                "ratio": {key: results.ratio(scenario.name, peer, key) for key in figures},
                "rounds": figures,
            }
        bars = [
            {"bar": text, "measured": value, "passed": passed}
            for bar in scenario.bars for text, value, passed in judge(results, scenario, bar)
        ]
        out.append({
            "name": scenario.name, "title": scenario.title, "relays": rows, "bars": bars,
            "problems": results.problems.get(scenario.name, {}),
        })
    versions = {peer.name: peer.version() for peer in peers}
    head = {"machine": machine(), "workers": given.workers, "rounds": given.rounds, "quick": given.quick}
    return json.dumps({**head, "versions": versions, "scenarios": out}, indent=1)
