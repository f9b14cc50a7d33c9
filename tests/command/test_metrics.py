"""manage.py schemasync metrics: printed figures by period and by table."""

import sys
import time

import pytest
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from schemasync.engines.sqlite import metrics_file
from schemasync.files.layout import Layout
from schemasync.metrics.totals import MINUTE, Spent, Totals

DAY = 86_400


def measured(project, statements, **minutes):
    """Write figures into the file. `ago`: totals by their age in seconds."""
    now = int(time.time())
    bins = {(now - ago) // MINUTE * MINUTE: totals for ago, totals in minutes["ago"].items()}
    assert metrics_file.add(Layout(project.link).metrics, project.link, bins, statements)


def test_figures_are_printed_by_period_and_by_table(evolved):
    totals = Totals(commits=60, write_seconds=0.6, waits=2, wait_seconds=3.0, held_seconds=3.0, busy=20, file_bytes=9)
    earlier = Totals(commits=900, write_seconds=0.9)
    measured(
        evolved,
        {
            "INSERT INTO Log (what) VALUES (?)": Spent(3, 0.3, 0.2),
            'SELECT count(*) FROM "Log"': Spent(61, 6.1, 0.1),
            "SELECT * FROM gone": Spent(9, 99.0, 99.0),
            "": Spent(5, 5.0, 1.0),
        },
        ago={0: totals, 3 * 3600: earlier},
    )
    found = evolved.call("metrics", json=True).json
    assert found["result"] == "measured" and found["measures"]
    hour, day = found["hour"], found["day"]
    assert (hour["commits"], hour["write_ms"], hour["wait_ms"], hour["busy_rate"]) == (60, 10.0, 1500.0, 0.25)
    assert hour["most_commits_per_second"] == 1.0 and hour["most_writers"] == 0.1
    assert hour["seconds"] <= MINUTE <= day["seconds"] and day["commits"] == found["month"]["commits"] == 960
    assert day["most_commits_per_second"] == 1.0
    (table,) = found["tables"]
    assert (table["table"], table["reads"], table["writes"], table["slowest_ms"]) == ("Log", 61, 3, 200.0)
    printed = evolved.done("metrics").out
    assert "commits                                 60         960         960" in printed
    assert "Log " in printed and "gone" not in printed


def test_without_figures_it_says_why(evolved, settings):
    assert "nothing was measured: each process" in evolved.done("metrics").out
    settings.SCHEMASYNC |= {"METRICS": False}
    assert "METRICS" in evolved.done("metrics").out
    found = evolved.call("metrics", json=True).json
    assert (found["result"], found["measures"], found["month"]["commits"]) == ("nothing", False, 0)


@pytest.fixture
def scrape(evolved, settings):
    settings.ROOT_URLCONF = "schemasync.urls"
    settings.SCHEMASYNC |= {"STATUS_TOKEN": "a token of some length"}
    return lambda token="a token of some length": Client().get("/metrics", headers={"Authorization": f"Bearer {token}"})


def test_a_scrape_of_prometheus_has_counters_that_only_grow(evolved, scrape):
    old = 40 * DAY
    measured(evolved, {}, ago={0: Totals(commits=60, busy=2), old: Totals(commits=40)})
    answer = scrape()
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
        if sample.labels == {"database": "default"}
    }
    assert (found["schemasync_commits_total"], found["schemasync_busy_errors_total"]) == (100, 2)
    assert found["schemasync_file_bytes"] == evolved.link.stat().st_size
    measured(evolved, {}, ago={0: Totals(commits=1)})
    assert b'schemasync_commits_total{database="default"} 101.0' in scrape().content


def test_figures_need_the_token(scrape, settings):
    assert scrape("another").status_code == 403
    settings.SCHEMASYNC = {**settings.SCHEMASYNC, "STATUS_TOKEN": None}
    assert scrape().status_code == scrape("None").status_code == 403


def test_without_the_library_the_answer_says_what_to_install(scrape, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    answer = scrape()
    assert answer.status_code == 503 and b"django-schemasync[metrics]" in answer.content
