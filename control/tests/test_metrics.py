"""Metrics: for operators alone, in the form that Prometheus reads, with the counters of the broadcaster."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from control.metrics import COUNTERS, Metric, as_text
from datafeed.services import Audience
from datafeed.services.live import say_standing

pytestmark = pytest.mark.django_db

SAMPLE = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')


@pytest.fixture
def operator(person: Callable[..., Any], client_of: Callable[..., APIClient]) -> APIClient:
    return client_of(person("olga", role="operator"))


def test_every_line_is_one_that_prometheus_reads(operator: APIClient) -> None:
    answer = operator.get("/api/v1/metrics")
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.content.decode().splitlines()
    assert all(line.startswith(("# HELP ", "# TYPE ")) or SAMPLE.fullmatch(line) for line in lines)
    typed = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(typed) == len(set(typed))
    assert {"signalbox_component_up", *(f"signalbox_bar_{name}_total" for name in COUNTERS)} <= set(typed)


def test_the_counters_are_those_of_the_process_that_broadcasts(operator: APIClient) -> None:
    audience = Audience(lambda topic: True, broadcasts_sent=7, broadcasts_skipped=5, errors=2)
    say_standing(audience=audience, states={})
    lines = operator.get("/metrics").content.decode().splitlines()
    assert {"signalbox_bar_broadcasts_sent_total 7.0", "signalbox_bar_broadcasts_skipped_total 5.0"} <= set(lines)
    assert "signalbox_bar_errors_total 2.0" in lines
    shown = operator.get("/api/v1/datafeed/health").json()["broadcaster"]
    assert [shown[name] for name in COUNTERS] == [7, 5, 2]


def test_the_same_is_json_where_that_is_asked_for(operator: APIClient) -> None:
    found = operator.get("/api/v1/metrics", headers={"Accept": "application/json"}).json()
    database = {"labels": {"component": "database"}, "value": 1.0}
    assert database in next(one["samples"] for one in found if one["name"] == "signalbox_component_up")


def test_what_a_label_says_cannot_break_its_line() -> None:
    text = as_text([Metric("m", "gauge", "h", [({"provider": 'a"} 9\nb\\'}, 1.0)])])
    assert text.splitlines()[2:] == [r'm{provider="a\"} 9\nb\\"} 1.0']


def test_nobody_else_sees_them(person: Callable[..., Any], client_of: Callable[..., APIClient]) -> None:
    assert client_of(None).get("/api/v1/metrics").status_code == 401
    assert client_of(person("tom")).get("/api/v1/metrics").status_code == 403
