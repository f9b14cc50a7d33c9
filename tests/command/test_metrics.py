"""manage.py schemasync metrics: what it prints of what was measured, by period and by table."""

import time

from schemasync.engines.sqlite import metrics_file
from schemasync.files.layout import Layout
from schemasync.metrics.totals import MINUTE, Spent, Totals

DAY = 86_400


def measured(project, statements, **minutes):
    """Put figures into the file: by how many seconds ago."""
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
