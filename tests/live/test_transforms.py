"""Transforms beside writers: what is written while their functions run is in the tables that they fill."""

from __future__ import annotations

import pytest

from schemasync.files.disk import DiskStep
from schemasync.transforms import ONE_TO_MANY, ONE_TO_ONE, SHARED, transform

from .beside import Case, beside, content, made, waited

MOMENTS = {
    "logged": ("after", DiskStep.CAPTURE_INSTALL),
    "filled": ("after", DiskStep.BUILD_REFILL),
    "sealed": ("after", DiskStep.BUILD_RENAME),
}

USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "tags": "TEXT", "home": "TEXT"}
ROWS = (
    "INSERT INTO Users VALUES (1, 'Ada Hill', 'a,b', 'h1'), (2, 'Ben Rye', '', 'h2'), (3, 'Cyd', 'b', 'h1'),"
    " (4, 'Dot Ely', NULL, NULL);"
)
WRITES = [
    "INSERT INTO Users VALUES (9, 'Eve Lee', 'c,a', 'h3')",
    "INSERT INTO Users (name, tags, home) VALUES ('Fay Ash', 'd', 'h1') RETURNING id",
    "UPDATE Users SET name = 'Ada Kirk', tags = 'b', home = 'h2' WHERE id = 1",
    "DELETE FROM Users WHERE id = 2",
    "UPDATE Users SET id = 40 WHERE id = 4",
    "INSERT OR REPLACE INTO Users VALUES (3, 'Cyn Poe', 'e', 'h3')",
]


@transform("Users", into=["Users", "Names"], kind=ONE_TO_ONE, name="split-names")
def split_names(user):
    first, _, last = user["name"].partition(" ")
    yield "Users", {"id": user["id"], "home": user["home"]}
    yield "Names", {"user_id": user["id"], "first": first, "last": last or None}


@transform("Users", into=["Tags", "UserTags"], kind=ONE_TO_MANY, name="tags")
def tags(user):
    for tag in filter(None, (user["tags"] or "").split(",")):
        yield "Tags", {"tag": tag, "size": len(tag)}
        yield "UserTags", {"user_id": user["id"], "tag": tag}


@transform("Users", into="Homes", kind=SHARED, group=lambda user: user["home"], name="homes")
def homes(users):
    if users[0]["home"] is not None:
        yield "Homes", {"home": users[0]["home"], "people": len(users), "first": min(u["name"] for u in users)}


NAMES = {
    "user_id": "INTEGER PRIMARY KEY REFERENCES Users (id) ON DELETE CASCADE",
    "first": "TEXT NOT NULL",
    "last": "TEXT",
    "_indexes": ["last"],
}
SPLIT = {"Users": {"id": "INTEGER PRIMARY KEY", "home": "TEXT", "_dropped": ["name", "tags"]}, "Names": NAMES}
TAGGED = {
    "Users": USERS,
    "Tags": {"tag": "TEXT PRIMARY KEY", "size": "INTEGER", "_without_rowid": True},
    "UserTags": {
        "user_id": "INTEGER REFERENCES Users (id)",
        "tag": "TEXT REFERENCES Tags (tag)",
        "_primary_key": ["user_id", "tag"],
    },
}
HOMES = {
    "Homes": {"home": "TEXT PRIMARY KEY", "people": "INTEGER", "first": "TEXT"},
    "Users": USERS,
}
CASES = {
    "one to one": Case({"Users": USERS}, SPLIT, WRITES, ROWS, transforms=(split_names,)),
    "one to many": Case({"Users": USERS}, TAGGED, WRITES, ROWS, numbered=False, transforms=(tags,)),
    "shared": Case({"Users": USERS}, HOMES, WRITES, ROWS, numbered=False, transforms=(homes,)),
}


@pytest.mark.parametrize(
    "moment", [pytest.param("logged", marks=pytest.mark.slow), pytest.param("filled", marks=pytest.mark.slow), "sealed"]
)
@pytest.mark.parametrize("name", CASES)
def test_a_transform_makes_what_it_makes_of_the_final_rows(tmp_path, name, moment):
    case = CASES[name]
    _, answered = beside(made(tmp_path / "beside", case), case, MOMENTS[moment])
    _, expected = waited(made(tmp_path / "waited", case), case)
    assert answered == expected
    assert content(tmp_path / "beside" / "db.sqlite3", numbered=case.numbered) == content(
        tmp_path / "waited" / "db.sqlite3", numbered=case.numbered
    )
