"""Lookups in a schema."""

from .support import schema

ERP = schema(
    {
        "Users": {"id": "INTEGER PRIMARY KEY", "_indexes": ["id"], "_triggers": {"Tr": "AFTER INSERT ON Users BEGIN SELECT 1; END"}},
        "_views": {"Staff": "SELECT id FROM Users"},
    }
)  # fmt: skip


def test_tables_and_views_are_found_without_case():
    assert (ERP.table("USERS"), ERP.view("staff")) == (ERP.tables[0], ERP.views[0])
    assert (ERP.table("staff"), ERP.view("users")) == (None, None)


def test_a_schema_names_all_that_is_ours():
    (index,) = ERP.tables[0].indexes
    assert list(ERP.object_names()) == [
        ("table", "users"),
        ("trigger", "tr"),
        ("view", "staff"),
        ("index", index.name.lower()),
    ]


def test_a_row_id_is_reached_by_the_first_name_that_no_column_has():
    def free(*columns, **options):
        return schema({"t": {**dict.fromkeys(columns, "INTEGER"), **options}}).tables[0].free_rowid_name

    assert [free("a"), free("RowId"), free("rowid", "OID"), free("rowid", "oid", "__rowid_")] == [
        "rowid",
        "oid",
        "_rowid_",
        None,
    ]
    assert free("a", _primary_key=["a"], _without_rowid=True) is None
