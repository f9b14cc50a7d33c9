"""manage.py schemasync advise: the recommendation for each set of figures and needs, and that each has a reason."""

import time
from datetime import timedelta

import pytest
from django.db import connections

from schemasync.engines.sqlite import metrics_file
from schemasync.files.layout import Layout
from schemasync.metrics.totals import QUARTER, Spent, Totals

DAY = 86_400


def measured(project, statements=None, hours=2, **totals):
    """Record the same figures for each quarter of an hour of the last `hours`."""
    now = int(time.time()) // QUARTER * QUARTER
    bins = {now - number * QUARTER: Totals(**totals) for number in range(hours * 4)}
    assert metrics_file.add(Layout(project.link).metrics, project.link, bins, statements or {})


def advise(project, **needs):
    return project.call("advise", json=True).json


def codes(found):
    return found["result"], [one["code"] for one in found["signals"]]


SLOW = {"commits": 100, "write_seconds": 2.0}
MANY = {"commits": 600 * QUARTER, "write_seconds": 1.0}


def test_without_figures_nothing_is_recommended(evolved):
    assert codes(advise(evolved)) == ("TOO_LITTLE_MEASURED", [])
    begun = int(time.time()) - 50 * 60
    metrics_file.add(Layout(evolved.link).metrics, evolved.link, {begun: Totals(commits=1)}, {})
    assert advise(evolved)["result"] == "TOO_LITTLE_MEASURED"
    metrics_file.add(Layout(evolved.link).metrics, evolved.link, {begun: Totals(busy=90, file_bytes=10**12)}, {})
    assert codes(advise(evolved)) == ("TOO_LITTLE_MEASURED", [])
    assert "figures of 50 minutes, and 60 are needed" in evolved.done("advise").out


@pytest.mark.parametrize(
    ("totals", "signals"),
    [
        (SLOW, ["write-latency"]),
        (MANY, ["commit-rate"]),
        ({"commits": 1, "held_seconds": 51.0 * QUARTER}, ["concurrent-writers"]),
        ({"commits": 980, "busy": 20}, ["busy-rate"]),
        ({"commits": 1, "file_bytes": 501_000_000_000}, ["size"]),
        ({"commits": 9, "write_seconds": 9.0}, []),
        ({"commits": 100, "write_seconds": 0.9, "busy": 1, "file_bytes": 499_000_000_000}, []),
    ],
    ids=["latency", "commits", "writers", "busy", "size", "too few to say", "below all limits"],
)
def test_one_signal_is_one_to_watch(evolved, totals, signals):
    measured(evolved, **totals)
    found = advise(evolved)
    assert codes(found) == ("OPTIMIZE_SQLITE", signals)
    assert ("Watch the signal" in evolved.done("advise").out) is bool(signals)
    assert found["next"] is None


def test_two_signals_recommend_a_move_with_the_next_command(evolved, settings, monkeypatch):
    measured(evolved, commits=100, write_seconds=2.0, busy=20)
    found = advise(evolved)
    assert codes(found) == ("MOVE_TO_POSTGRES", ["write-latency", "busy-rate"])
    assert [one["figure"] for one in found["signals"]] == [20.0, pytest.approx(16.667)]
    assert found["next"] in evolved.done("advise").out
    assert found["next"] == "manage.py schemasync move --to ALIAS --plan"
    monkeypatch.setitem(connections.settings, "pg", {"ENGINE": "django.db.backends.postgresql"})
    assert advise(evolved)["next"] == "manage.py schemasync move --to pg --plan"
    assert "move --to pg --plan" in evolved.done("advise").out
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "NEEDS": {"SIGNALS": 3}}
    assert advise(evolved)["result"] == "OPTIMIZE_SQLITE"


def test_a_peak_is_no_signal(evolved):
    now = int(time.time()) // QUARTER * QUARTER
    bins = {now - number * QUARTER: Totals(**(MANY if number in (2, 3, 4) else {"commits": 1})) for number in range(20)}
    metrics_file.add(Layout(evolved.link).metrics, evolved.link, bins, {})
    assert codes(advise(evolved)) == ("OPTIMIZE_SQLITE", [])


def test_needs_that_cannot_be_measured_are_signals(evolved, settings):
    needs = {"NODES": 2, "RECOVERY_POINT": timedelta(0), "RECOVERY_TIME": 5, "MANAGED_SERVICE": True}
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "NEEDS": needs}
    expected = ["several-nodes", "recovery-point", "recovery-time", "managed-service"]
    assert codes(advise(evolved)) == ("MOVE_TO_POSTGRES", expected)
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "NEEDS": {"NODES": 1, "RECOVERY_POINT": 60, "RECOVERY_TIME": 600}}
    assert codes(advise(evolved)) == ("TOO_LITTLE_MEASURED", [])


@pytest.mark.parametrize("needs", [{"NODE": 2}, {"NODES": "two"}, {"RECOVERY_TIME": -1}, {"MANAGED_SERVICE": 1}, 3])
def test_mistakes_in_needs_are_refused(evolved, settings, needs):
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "NEEDS": needs}
    ended = evolved.call("advise", json=True)
    assert ended.code == 2 and ended.json["errors"][0]["code"] == "unknown-setting"


def test_the_trend_of_the_month_says_when_a_limit_is_reached(evolved):
    now = int(time.time())
    sizes = {
        now - 20 * DAY: 100_000_000_000,
        now - 10 * DAY: 200_000_000_000,
        now: 300_000_000_000,
        now - 7200: 299_600_000_000,
    }
    bins = {at: Totals(commits=1, file_bytes=size) for at, size in sizes.items()}
    metrics_file.add(Layout(evolved.link).metrics, evolved.link, bins, {})
    (signal,) = advise(evolved)["signals"]
    assert signal["code"] == "size" and 19 <= signal["days"] <= 21


def test_what_would_help_is_named_with_its_evidence(evolved):
    measured(
        evolved,
        {"SELECT * FROM Log": Spent(1000, 700.0, 0.9)},
        commits=100,
        idle=300,
        held_seconds=8.0,
        waits=3,
        wait_seconds=1.5,
        longest_held=2.0,
        busy=0,
    )
    found = advise(evolved)["helps"]
    assert [one["code"] for one in found] == ["slow-reads", "idle-transactions", "long-transactions"]
    assert 'reads of "Log" took 700.0 s' in found[0]["evidence"]
    assert "2,400 of 3,200 transactions" in found[1]["evidence"]
    assert "for 2,000 ms, and 24 waited, 12.0 s together" in found[2]["evidence"]
