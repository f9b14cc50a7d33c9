"""`manage.py demo` and `filldemo`, as a newcomer runs them."""

from .demo import Demo

NOTICES = "SELECT count(*) FROM notices_notice JOIN notices_notice_tags ON notice_id = notices_notice.id"


def test_the_demo_tells_its_story_to_the_end(tmp_path):
    told = Demo(tmp_path).done("demo", fresh=True)
    assert told.err == ""
    assert "18 new tables; project_hours: new view" in told.out
    assert "nothing was written since: no row differs" in told.out
    assert told.out.rstrip().endswith("manage.py runserver")


def test_filldemo_writes_over_rows_only_when_told_to(demo):
    before = demo.rows(NOTICES)
    assert "holds rows already, and nothing was written" in demo.manage("filldemo").err
    assert "notices_notice: 4 rows" in demo.done("filldemo", "--clear").out
    assert demo.rows(NOTICES) == before != [(0,)]
