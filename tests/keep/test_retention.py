"""Which backups the retention rule keeps."""

from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemasync.keep import retention
from schemasync.keep.retention import RULE

NOW = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)
MOMENTS = st.lists(st.integers(0, 50_000), max_size=60).map(lambda ages: [NOW - timedelta(hours=age) for age in ages])

LARGE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def kept(moments, rule=RULE, now=NOW):
    return retention.kept(moments, now, rule)


def hourly(number: int) -> list[datetime]:
    return [NOW - timedelta(hours=hour) for hour in range(number)]


def test_of_a_backup_an_hour_for_two_years_each_period_keeps_its_number():
    found = kept(hourly(2 * 365 * 24))
    for period, number in RULE.items():
        assert sum(period in periods for periods in found.values()) == number
    assert len(found) < sum(RULE.values())  # one backup counts for several periods


def test_of_a_period_the_newest_stays():
    found = kept(hourly(48), {"daily": 2})
    assert list(found) == [datetime(2026, 11, 28, 23, 30, tzinfo=UTC), NOW]


def test_a_pause_in_the_backups_makes_no_old_one_go():
    old = [NOW - timedelta(days=400 + day) for day in range(5)]
    assert set(kept([NOW, *old])) == {NOW, *old}


@LARGE
@given(MOMENTS)
def test_the_newest_stays_and_what_stays_once_stays_again(moments):
    found = kept(moments)
    assert set(found) <= set(moments)
    assert (max(moments) in found) if moments else not found
    assert kept(found) == found


@LARGE
@given(MOMENTS)
def test_without_periods_the_newest_alone_stays(moments):
    assert list(kept(moments, {})) == ([max(moments)] if moments else [])
