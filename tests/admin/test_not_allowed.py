"""A user without a permission reads which one is missing, not a bare 403, and nothing about the database."""

import pytest

PAGES = {
    "": "view", "status.json": "view", "1/change/": "view", "1/sql/": "view", "1/rollback/": "rollback",
    "prune/": "prune", "run/": "run", "1/database/": "download",
}  # fmt: skip
NAMES = {
    "view": "Can view schema version",
    "rollback": "Can roll the database back to an earlier generation",
    "prune": "Can remove archives of the database",
    "run": "Can bring the database to schema.json",
    "download": "Can download a whole database file",
}


def test_each_page_names_the_permission_that_is_missing(visit):
    found = visit(
        f"""
        viewer, nobody = visitor("viewer"), visitor("nobody")
        print(json.dumps([[(a.status_code, body(a)) for a in (c.get(BASE + p) for p in {list(PAGES)!r})] for c in (viewer, nobody)]))
        """
    )
    for (path, act), (code, text) in zip(PAGES.items(), found[0], strict=True):
        if act != "view":
            assert code == 403, path
            assert f"schemasync.{act}_schemaversion" in text, path
            assert NAMES[act] in text, path
            assert "Your account, viewer, lacks this permission" in text
    for code, text in found[1]:
        assert code == 403
        assert "schemasync.view_schemaversion" in text
        assert NAMES["view"] in text
        assert "0002-" not in text, "nothing about the database"


@pytest.mark.parametrize("path", ["add/", "1/delete/"])
def test_pages_that_other_models_have_say_that_the_history_is_only_read(visit, path):
    root, nobody = visit(
        f"print(json.dumps([(a.status_code, body(a)) for a in (visitor(n).get(BASE + {path!r}) for n in ('root', 'nobody'))]))"
    )
    assert root[0] == nobody[0] == 403
    assert "Only schemasync itself writes the history" in root[1]
    assert "schemasync.view_schemaversion" in nobody[1]


def test_where_the_setting_does_not_allow_runs_the_page_says_so(visit):
    code, text = visit("a = visitor('root').get(BASE + 'run/'); print(json.dumps([a.status_code, body(a)]))")
    assert code == 403
    assert "RUN_FROM_ADMIN" in text
    assert "manage.py schemasync" in text


def test_the_names_are_those_in_the_list_of_permissions(operated):
    listed = {
        name for (name,) in operated.rows("SELECT name FROM auth_permission WHERE codename GLOB '*_schemaversion'")
    }
    assert listed == set(NAMES.values())


def test_an_action_is_refused_in_the_same_way(operated, visit):
    before = operated.link.readlink()
    code, text = visit(
        "a = visitor('viewer').post(BASE + '1/rollback/', {'live': live().generation, 'version': 'x'}); print(json.dumps([a.status_code, body(a)]))"
    )
    assert code == 403
    assert "schemasync.rollback_schemaversion" in text
    assert operated.link.readlink() == before
