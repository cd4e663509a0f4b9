"""What a scenario is: which relay it needs, what it measures, and which bars of the design hold.

A scenario says which kind of relay it needs, what it measures (`Metric`), and its bars (`Bar`: a ratio
of medians to peers of the same run, a difference, or a fixed limit). Its function is called once a
round and relay and returns figures. The scenarios themselves stand in `loads/`, a file a topic.
"""

import os
from dataclasses import dataclass, field

GIB = 1 << 30
MIB = 1 << 20
KIB = 1 << 10


@dataclass
class Metric:
    key: str
    label: str
    better: str = "lower"
    digits: int = 2


@dataclass
class Bar:
    """`sign` is <= or >=; `against` names peers (`each` or the `best` of them), or is empty."""

    metric: str
    sign: str
    limit: float
    against: tuple = ()
    best: bool = False
    #: The limit is for the difference to the peer and not for the ratio.
    difference: bool = False


@dataclass
class Scenario:
    name: str
    title: str
    kind: str
    run: object
    metrics: list
    bars: list = field(default_factory=list)
    peers: tuple = ("wharf", "socat", "haproxy", "nginx")
    #: At most so many rounds, where one takes long.
    rounds: int = 1000


ALL = []


def scenario(name, title, kind, metrics, **more):
    def put(run):
        ALL.append(Scenario(name, title, kind, run, metrics, **more))
        return run
    return put


def errors(given):
    return os.path.join(given.folder, "load.err")
