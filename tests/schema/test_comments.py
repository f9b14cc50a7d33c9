"""The comments of a schema.json, which end up in models."""

from schemasync.schema.comments import Comments, comments

from .support import read


def test_comments_of_tables_columns_and_views_are_found_by_folded_name():
    found = comments(
        read({
            "Users": {"_comment": "Who is here.", "Id": "INTEGER", "Name": {"type": "TEXT", "comment": "as on the badge"}},
            "__Log": {"__At": {"type": "TEXT", "comment": "UTC"}, "what": {"type": "TEXT"}},
            "_views": {"Staff": {"select": "SELECT 1", "comment": "for the bell"}, "b": "SELECT 1", "c": {"select": "SELECT 1"}},
        })
    )  # fmt: skip
    assert found == Comments(
        {"users": "Who is here.", "staff": "for the bell"},
        {("users", "name"): "as on the badge", ("_log", "_at"): "UTC"},
    )


def test_a_file_without_views_and_comments_has_none():
    assert comments(read({"t": {"a": "TEXT"}})) == Comments()
