"""manage.py schemasync inspect FOLDER: numbered .sql files of a home-made or common runner."""

import pytest


@pytest.fixture
def folder(project):
    """Return a function that writes the given files, and returns their folder."""

    def make(**files):
        path = project.folder / "migrations"
        path.mkdir(exist_ok=True)
        for name, text in files.items():
            data = text if isinstance(text, bytes) else text.encode()
            (path / f"{name.replace('__dot__', '.')}.sql").write_bytes(data)
        return path

    return make


def tables(ended):
    return {name: list(body) for name, body in ended.json["schema"].items()}


@pytest.mark.parametrize(
    "names",
    [
        ("1", "9", "10"),
        ("001_begin", "002_more", "010_last"),
        ("V1__begin", "V1__dot__9__more", "V1__dot__10__last"),
        ("m1", "m9", "m10"),
        ("20240101120000_begin", "20240101120001_more", "20250101000000_last"),
        ("9_zz", "10_b", "10_c"),
    ],
    ids=lambda names: names[-1],
)
def test_files_run_in_the_order_of_their_numbers(project, folder, names):
    first, second, third = names
    path = folder(
        **{
            third: "ALTER TABLE a RENAME TO c",
            first: "CREATE TABLE a (x)",
            second: "ALTER TABLE a ADD COLUMN y",
        }
    )
    assert tables(project.done("inspect", path, json=True)) == {"c": ["x", "y"]}


def test_files_without_a_number_come_last(project, folder):
    path = folder(**{"1": "CREATE TABLE a (x)", "after_all": "CREATE VIEW v AS SELECT x FROM a"})
    assert "_views" in project.done("inspect", path, json=True).json["schema"]


@pytest.mark.parametrize(
    ("first", "second", "undoes"),
    [
        ("20240101120000_begin/migration", "20240301000000_more/migration", None),
        ("2024-01-01-120000_begin/up", "2024-03-01-000000_more/up", "2024-03-01-000000_more/down"),
        ("9/up", "10/up", "10/down"),
    ],
    ids=["prisma", "diesel", "numbers"],
)
def test_folders_with_one_migration_each_are_read_in_their_order(project, first, second, undoes):
    path = project.folder / "migrations"
    texts = {second: "ALTER TABLE a ADD COLUMN y", first: "CREATE TABLE a (x)", undoes: "DROP TABLE a"}
    for name, text in texts.items():
        if name is not None:
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / f"{name}.sql").write_text(text)
    (path / "migration_lock.toml").write_text("provider = 'sqlite'")
    reported = project.done("inspect", path, json=True)
    assert tables(reported) == {"a": ["x", "y"]}
    assert reported.json["left_out"] == ([f"{undoes}.sql"] if undoes else [])


@pytest.mark.parametrize(
    "marks",
    [
        ("-- migrate:up", "-- migrate:down"),
        ("-- +goose Up\n-- +goose StatementBegin", "-- +goose Down"),
        ("-- +migrate Up", "  -- +migrate Down"),
    ],
    ids=["dbmate", "goose", "sql-migrate"],
)
def test_the_way_back_in_the_same_file_is_not_run(project, folder, marks):
    up, down = marks
    path = folder(**{"1": f"{up}\nCREATE TABLE a (x);\n\n{down}\nDROP TABLE a;\n"})
    assert tables(project.done("inspect", path, json=True)) == {"a": ["x"]}


def test_files_that_are_the_way_back_are_left_out_and_named(project, folder):
    path = folder(
        **{
            "1_a__dot__up": "CREATE TABLE a (x)",
            "1_a__dot__down": "DROP TABLE a",
            "2_b": "CREATE TABLE b (x)",
            "2_b_down": "DROP TABLE b",
            "U2__b": "DROP TABLE b",
            "3_slow_down_a_clerk": "CREATE TABLE c (x)",
        }
    )
    ended = project.done("inspect", path)
    for name in ("1_a.down.sql", "2_b_down.sql", "U2__b.sql"):
        assert f"left out, as it undoes another: {name}\n" in ended.err
    found = project.done("inspect", path, json=True)
    assert found.json["left_out"] == ["1_a.down.sql", "2_b_down.sql", "U2__b.sql"]
    assert sorted(found.json["schema"]) == ["a", "b", "c"]


def test_rows_that_they_insert_are_counted_and_named_not_dropped_in_silence(project, folder):
    path = folder(
        **{
            "1": "CREATE TABLE roles (name); CREATE TABLE empty (x); INSERT INTO roles VALUES ('a'), ('b')",
            "2": "CREATE VIRTUAL TABLE docs USING fts5(t); INSERT INTO docs VALUES ('x')",
        }
    )
    ended = project.done("inspect", path)
    assert ended.err.splitlines() == [
        "left out, as a schema holds no rows: 1 row of docs",
        "left out, as a schema holds no rows: 2 rows of roles",
    ]
    assert ended.out.startswith("{")
    assert project.done("inspect", path, json=True).json["rows"] == {"docs": 1, "roles": 2}


def test_a_file_that_sqlite_refuses_is_named_with_what_it_says(project, folder):
    path = folder(**{"1": "CREATE TABLE a (x)", "2_broken": "CREATE TABEL b (x)"})
    ended = project.call("inspect", path, json=True)
    assert ended.code == 3
    error = ended.json["errors"][0]
    assert error["code"] == "sqlite-refuses"
    assert "2_broken.sql" in error["message"]
    assert 'near "TABEL": syntax error' in error["message"]


@pytest.mark.parametrize(
    "script",
    [
        "ATTACH '{path}' AS other; CREATE TABLE other.t (x)",
        "CREATE TABLE t (x); VACUUM INTO '{path}'",
        "ATTACH 'file:{path}?mode=rwc' AS other",
    ],
)
def test_a_script_can_touch_no_file(project, folder, script):
    victim = project.folder / "victim"
    path = folder(**{"1": script.format(path=victim)})
    ended = project.call("inspect", path)
    assert ended.code == 3
    assert "1.sql" in ended.error
    assert not victim.exists()


def test_vacuum_and_transactions_and_a_byte_order_mark_are_no_trouble(project, folder):
    path = folder(
        **{
            "1": b"\xef\xbb\xbfBEGIN; CREATE TABLE a (x); COMMIT; VACUUM;",
            "2": "BEGIN; CREATE TABLE b (x);",
            "3": "PRAGMA foreign_keys=ON; CREATE TABLE c (x); ANALYZE;",
        }
    )
    assert sorted(project.done("inspect", path, json=True).json["schema"]) == ["a", "b", "c"]


def test_a_file_that_is_no_text_is_named(project, folder):
    path = folder(**{"1": b"\xff\xfe\x00"})
    assert "1.sql" in project.call("inspect", path).error


def test_a_folder_without_scripts_says_what_is_looked_for(project, folder):
    ended = project.call("inspect", folder())
    assert ended.code == 3
    assert "no .sql files" in ended.error


def test_a_project_comes_over_by_its_scripts(project, folder):
    """The schema.json from the scripts agrees with the database that the scripts created."""
    scripts = {"1": "CREATE TABLE a (id INTEGER PRIMARY KEY, x TEXT)", "2": "CREATE INDEX i ON a (x)"}
    project.schema.unlink()
    project.done("inspect", folder(**scripts), output=project.schema)
    for script in scripts.values():
        project.run_sql(script)
    project.done("adopt")
    project.done("check", strict=True)
    assert "current" in project.done().out
