"""Charts as SVG, written by hand: horizontal bars of ratios, and small multiples of lines.

Readable on light and on dark pages: text and lines change with the reader's colour scheme, the colours
of the series have enough contrast on both. No scripts, no fonts of its own. Not here: which figures.
"""

import math
from xml.sax.saxutils import escape

COLOURS = {
    "wharf": "#2f7fd6", "socat": "#d9822b", "haproxy": "#8e63ce", "nginx": "#2e9e6b",
    "ncat": "#a8803a", "nc": "#c2506e", "splice": "#7a8591", "direct": "#9aa5b1",
}
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .head { font-weight: 600 } .title { font-size: 16px; font-weight: 600 }
  .faint { fill: #57606a; font-size: 12px } .num { text-anchor: end } .mid { text-anchor: middle }
  .grid { stroke: #d0d7de; stroke-width: 1 } .axis { stroke: #57606a; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9da7b3 }
    .grid { stroke: #3d444d } .axis { stroke: #9da7b3 }
  }
"""


def colour(name):
    return COLOURS.get(name.split()[0], "#888888")


def page(width, height, title, body):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(title)}">\n<style>{STYLE}</style>\n'
        + "\n".join(body) + "\n</svg>\n"
    )


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def bars(title, note, groups):
    """`groups` are `(heading, [(name, ratio)])`; a ratio above 1 means that wharf is better."""
    left, right, row, width = 160, 70, 20, 820
    ratios = [ratio for _, entries in groups for _, ratio in entries]
    reach = min(max([2.0, *ratios, *(1 / ratio for ratio in ratios)]), 32.0)
    top = math.ceil(math.log2(reach))
    span = width - left - right
    low = -max(1, math.ceil(-min([math.log2(max(ratio, 1 / 32)) for ratio in ratios] + [0])))
    scale = span / (top - low)

    def x(ratio):
        return left + (min(max(math.log2(max(ratio, 1e-6)), low), top) - low) * scale

    height = 92 + sum(28 + row * len(entries) for _, entries in groups)
    body = [text(16, 28, title, "title"), text(16, 48, note, "faint")]
    for power in range(low, top + 1):
        place, label = x(2.0 ** power), f"{2.0 ** power:g}x"
        body.append(text(place, height - 12, label, "faint mid"))
    y = 66
    for heading, entries in groups:
        y += 20
        body.append(text(16, y, heading, "head"))
        y += 8
        for power in range(low, top + 1):
            place = x(2.0 ** power)
            body.append(line(place, y, place, y + row * len(entries), "axis" if power == 0 else "grid"))
        for name, ratio in entries:
            begin, end = sorted((x(1), x(ratio)))
            body.append(text(left - 10, y + 14, name, "num"))
            body.append(f'<rect x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" height="14" '
                        f'rx="2" fill="{colour(name)}"/>')
            place = x(ratio) + 6 if ratio >= 1 else x(1) + 6
            body.append(text(place, y + 14, f"{ratio:.2f}x"))
            y += row
    return page(width, height, title, body)


def panel(x0, y0, width, height, heading, unit, series, log_y):
    """One chart of the small multiples; `series` is `{name: [(x, y)]}` with x on a logarithmic axis."""
    body = [text(x0, y0 + 12, heading, "head"), text(x0 + width, y0 + 12, unit, "faint num")]
    points = [point for line_of in series.values() for point in line_of if point[1] is not None]
    left, top, bottom = x0 + 46, y0 + 26, y0 + height - 24
    if not points:
        return body
    xs = sorted({point[0] for point in points})
    low_x, high_x = math.log10(xs[0]), max(math.log10(xs[-1]), math.log10(xs[0]) + 1)
    values = [point[1] for point in points]
    # A logarithmic axis has whole decades, another begins at zero.
    if log_y:
        low = math.floor(math.log10(max(min(values), 1e-3)))
        high = max(math.ceil(math.log10(max(max(values), 1e-3))), low + 1)
        ticks = [10.0 ** power for power in range(low, high + 1)]
    else:
        step = nice(max(values) / 4)
        low, high = 0, step * max(1, math.ceil(max(values) / step))
        ticks = [step * index for index in range(int(round(high / step)) + 1)]

    def place(value_x, value_y):
        value = math.log10(max(value_y, 1e-3)) if log_y else value_y
        px = left + (math.log10(value_x) - low_x) / (high_x - low_x) * (x0 + width - left - 8)
        return px, bottom - (value - low) / (high - low) * (bottom - top)

    for tick in ticks:
        y = place(xs[0], tick)[1]
        body += [line(left, y, x0 + width, y, "grid"), text(left - 6, y + 4, short(tick), "faint num")]
    for value in xs:
        px = place(value, ticks[0])[0]
        body.append(text(px, bottom + 16, short(value), "faint mid"))
    for name, line_of in series.items():
        known = [place(*point) for point in line_of if point[1] is not None]
        # The first word is the colour, and dashes mean one worker.
        dash = ' stroke-dasharray="5 4"' if name.endswith(" 1") else ""
        path = " ".join(f"{px:.1f},{py:.1f}" for px, py in known)
        body.append(f'<polyline points="{path}" fill="none" stroke="{colour(name)}" stroke-width="2"{dash}/>')
        body += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour(name)}"/>' for px, py in known]
    return body


def multiples(title, note, panels, legend):
    """`panels` are `(heading, unit, series, log_y)`, two in a row."""
    width, each, tall = 820, 380, 210
    rows = (len(panels) + 1) // 2
    height = 96 + rows * (tall + 16)
    body = [text(16, 28, title, "title"), text(16, 48, note, "faint")]
    x = 16
    for name, label in legend:
        dash = ' stroke-dasharray="5 4"' if name.endswith(" 1") else ""
        body.append(f'<line x1="{x}" y1="66" x2="{x + 26}" y2="66" stroke="{colour(name)}" stroke-width="2"{dash}/>')
        body.append(text(x + 32, 70, label))
        x += 54 + 7 * len(label)
    for index, (heading, unit, series, log_y) in enumerate(panels):
        x0, y0 = 16 + (index % 2) * (each + 28), 88 + (index // 2) * (tall + 16)
        body += panel(x0, y0, each, tall, heading, unit, series, log_y)
    return page(width, height, title, body)


def nice(value):
    """The next of 1, 2, 5 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def short(value):
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def ratios(results, scenarios):
    """What `bars` shows of a run: the first metric of each scenario, for bulk the second as well."""
    for scenario in scenarios:
        for metric in scenario.metrics[:2 if scenario.metrics[0].key == "cpu_per_gib" else 1]:
            entries = []
            for peer in results.figures.get(scenario.name, {}):
                ratio = results.ratio(scenario.name, peer, metric.key)
                if peer not in ("wharf", "direct") and ratio:
                    entries.append((peer, ratio if metric.better == "higher" else 1 / ratio))
            if entries:
                yield f"{scenario.title}: {metric.label}", entries
