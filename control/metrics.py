"""Numbers about the running system: for Prometheus in its text form, for programs as JSON. No label names a person."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from control import selectors
from datafeed.selectors.health import feed_health

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
COUNTERS = {
    "broadcasts_sent": "Updates of bars that were pushed to a topic.",
    "broadcasts_skipped": "Updates of bars that nobody listened to.",
    "errors": "Faults of the feed.",
}


class Metric(NamedTuple):
    """A counter or gauge; `samples` are its values, each with its labels."""

    name: str
    kind: str
    help: str
    samples: list[tuple[dict[str, str], float]]


def metrics() -> list[Metric]:
    """Everything there is, as the whole system stands: whichever process is asked."""
    return [*_of_system(), *_of_feed()]


def as_json(found: Iterable[Metric]) -> list[dict[str, Any]]:
    """`[{name, kind, help, samples: [{labels, value}]}]`."""
    return [
        {**metric._asdict(), "samples": [{"labels": labels, "value": value} for labels, value in metric.samples]}
        for metric in found
    ]


def as_text(found: Iterable[Metric]) -> str:
    """Prometheus' text exposition format, version 0.0.4."""
    return "".join(f"{line}\n" for metric in found for line in _lines(metric))


def _of_system() -> Iterator[Metric]:
    parts = selectors.health()["components"]
    up = [({"component": part["name"]}, float(part["status"] == "ok")) for part in parts]
    yield Metric("signalbox_component_up", "gauge", "Whether a part of the system is well.", up)


def _of_feed() -> Iterator[Metric]:
    feed = feed_health()
    for name, said in COUNTERS.items():
        yield Metric(f"signalbox_bar_{name}_total", "counter", said, [({}, float(feed["broadcaster"][name]))])
    providers = feed["providers"]
    up = [({"provider": one["key"]}, float(one["status"] == "ok")) for one in providers]
    yield Metric("signalbox_provider_up", "gauge", "Whether a provider of bars is well.", up)
    restarts = [({"provider": one["key"]}, float(one["restarts"])) for one in providers]
    yield Metric("signalbox_provider_restarts_total", "counter", "Starts after a provider had fallen silent.", restarts)
    for name, said, value in (
        ("signalbox_gaps_open", "Holes in the record of bars.", feed["gaps"]["open"]),
        ("signalbox_bars", "Recorded bars.", feed["bars_count"]),
        ("signalbox_instruments", "Active instruments.", feed["symbols_loaded"]),
    ):
        yield Metric(name, "gauge", said, [({}, float(value))])


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        shown = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{metric.name}{{{shown}}} {value!r}" if shown else f"{metric.name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
