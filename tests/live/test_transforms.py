"""Transforms while writers write: the tables that they fill include the rows written while their functions run."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest

from schemasync.errors import Busy, Failed
from schemasync.files.disk import Disk
from schemasync.sync.phases.decide import SyncOptions
from schemasync.sync.run.limits import Limits
from schemasync.sync.run.target import target
from schemasync.sync.runner import sync
from schemasync.transforms import ONE_TO_MANY, ONE_TO_ONE, SHARED, transform

from .oracle import QUICK, Case, beside, content, made, waited
from .test_derived import MOMENTS, at, write

USERS = {"id": "INTEGER PRIMARY KEY", "name": "TEXT", "tags": "TEXT", "home": "TEXT"}
ROWS = (
    "INSERT INTO Users VALUES (1, 'Ada Hill', 'a,b', 'h1'), (2, 'Ben Rye', 'q', 'h2'), (3, 'Cyd', 'b', 'h1'),"
    " (4, 'Dot Ely', NULL, NULL), (5, 'Eli Fox', 'q,r', 'h7'), (6, 'Flo Orr', 'r', 'h7');"
)
WRITES = [
    "INSERT INTO Users VALUES (9, 'Eve Lee', 'c,a', 'h3')",
    "INSERT INTO Users (name, tags, home) VALUES ('Fay Ash', 'd', 'h1') RETURNING id",
    "UPDATE Users SET name = 'Ada Kirk', tags = 'b', home = 'h2' WHERE id = 1",
    "DELETE FROM Users WHERE id = 2",
    "UPDATE Users SET id = 40 WHERE id = 4",
    "INSERT OR REPLACE INTO Users VALUES (3, 'Cyn Poe', 'e', 'h3')",
    "UPDATE Users SET home = 'h8', tags = NULL WHERE id = 6",  # user 5 stays, still makes q and r, and is alone in h7
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


@transform("pairs", into="parts", kind=ONE_TO_MANY, name="parts")
def parts(pair):
    for number, part in enumerate(pair["v"].split()):
        yield "parts", {"k": pair["k"], "m": pair["m"], "number": number, "part": part}


@transform("loose", into="fixed", kind=ONE_TO_MANY, name="fixed")
def fixed(row):
    yield "fixed", {"x": row["x"], "size": len(row["x"])}


@transform("Users", into="Search", kind=ONE_TO_ONE, name="search")
def search(user):
    yield "Search", {"id": user["id"], "text": f"{user['name']} {user['home']}".lower()}


@transform("Users", into="Places", kind=SHARED, group=lambda user: user["home"], name="places-of-users")
def places_of_users(users):
    yield "Places", {"place": users[0]["home"] or "", "people": "".join(sorted(str(u["id"]) for u in users))}


@transform("pairs", into="Places", kind=SHARED, group=lambda pair: pair["k"], name="places-of-pairs")
def places_of_pairs(pairs):
    yield "Places", {"place": f"p{pairs[0]['k']}", "people": "".join(pair["v"] for pair in pairs)}


@transform("Users", into="Slots", kind=ONE_TO_ONE, name="slots")
def slots(user):
    yield "Slots", {"id": user["id"], "name": user["name"].upper()}


@transform("Users", into="Users", kind=ONE_TO_MANY, name="named")
def named(user):
    if user["name"]:
        yield "Users", user


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
PAIRS = {"k": "TEXT", "m": "INTEGER", "v": "TEXT", "_primary_key": ["k", "m"], "_without_rowid": True}
PAIR_ROWS = "INSERT INTO pairs VALUES ('a', 1, 'x y'), ('a', 2, 'x'), ('b', 3, '');"
PAIR_WRITES = [
    "INSERT INTO pairs VALUES ('c', 1, 'z')",
    "DELETE FROM pairs WHERE k = 'a' AND m = 1",
    "UPDATE pairs SET v = 'u v w' WHERE k = 'b'",
    "UPDATE pairs SET m = m + 10 WHERE k = 'a'",
    "INSERT OR REPLACE INTO pairs VALUES ('b', 3, 'only')",
]
HOMES = {
    "Homes": {"home": "TEXT PRIMARY KEY", "people": "INTEGER", "first": "TEXT"},
    "Users": USERS,
}
CASES = {
    "one to one": Case({"Users": USERS}, SPLIT, WRITES, ROWS, transforms=(split_names,)),
    "one to many": Case({"Users": USERS}, TAGGED, WRITES, ROWS, numbered=False, transforms=(tags,)),
    "shared": Case({"Users": USERS}, HOMES, WRITES, ROWS, numbered=False, transforms=(homes,)),
    "the old table goes": Case(
        {"Users": USERS},
        {"Tags": TAGGED["Tags"], "UserTags": {**TAGGED["UserTags"], "user_id": "INTEGER"}, "_dropped": ["Users"]},
        WRITES,
        ROWS,
        numbered=False,
        transforms=(tags,),
    ),
    "a table without row ids": Case(
        {"pairs": PAIRS},
        {
            "pairs": PAIRS,
            "parts": {
                "k": "TEXT",
                "m": "INTEGER",
                "number": "INTEGER",
                "part": "TEXT",
                "_primary_key": ["k", "m", "number"],
            },
        },
        PAIR_WRITES,
        PAIR_ROWS,
        numbered=False,
        transforms=(parts,),
    ),
    "groups of two tables in one": Case(
        {"Users": USERS, "pairs": PAIRS},
        {"Users": USERS, "pairs": PAIRS, "Places": {"place": "TEXT PRIMARY KEY", "people": "TEXT"}},
        [*WRITES, *PAIR_WRITES],
        ROWS + PAIR_ROWS,
        numbered=False,
        transforms=(places_of_users, places_of_pairs),
    ),
    "rows that a TEMP trigger hides from the log": Case(
        {"Users": USERS, "seen": {"x": "TEXT"}},
        {**SPLIT, "seen": {"x": "TEXT"}},
        ["INSERT INTO Users (name, home) VALUES ('Gil Orr', 'h9')"],
        ROWS,
        first=["CREATE TEMP TRIGGER hides AFTER INSERT ON Users BEGIN SELECT RAISE(IGNORE); END"],
        transforms=(split_names,),
    ),
    "a table whose row ids VACUUM changes": Case(
        {"loose": {"x": "TEXT"}},
        {"fixed": {"x": "TEXT PRIMARY KEY", "size": "INTEGER"}, "_dropped": ["loose"]},
        ["DELETE FROM loose WHERE x = 'b'", "VACUUM", "INSERT INTO loose VALUES ('dd')"],
        "INSERT INTO loose VALUES ('a'), ('b'), ('c'), ('a');",
        numbered=False,
        transforms=(fixed,),
    ),
    "rows that exchange a unique value": Case(
        {"Users": USERS},
        {"Users": USERS, "Slots": {"id": "INTEGER PRIMARY KEY", "name": "TEXT UNIQUE"}},
        [
            "UPDATE Users SET name = 'x' WHERE id = 1",
            "UPDATE Users SET name = 'Ada Hill' WHERE id = 2",
            "UPDATE Users SET name = 'Ben Rye' WHERE id = 1",
        ],
        ROWS,
        transforms=(slots,),
    ),
    "text that an index of another table searches": Case(
        {"Users": USERS},
        {
            "Users": USERS,
            "Search": {"id": "INTEGER PRIMARY KEY", "text": "TEXT"},
            "found": {"_virtual": "fts5(text, content='Search', content_rowid='id')"},
        },
        WRITES,
        ROWS,
        transforms=(search,),
    ),
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


# --- rows that do not fit -----------------------------------------------------------------------------------------

UNIQUE = {"Users": USERS, "Slots": {"id": "INTEGER PRIMARY KEY", "name": "TEXT UNIQUE"}}
SLOTS = Case({"Users": USERS}, UNIQUE, [], ROWS, transforms=(slots,))
SPLITTING = Case({"Users": USERS}, SPLIT, [], ROWS, transforms=(split_names,))
QUICKER = replace(QUICK, limits=Limits(max_pause=1.0, cutover_timeout=0.5))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_row_at_which_a_transform_fails_ends_the_run_with_its_key_if_nobody_fixes_it(folder, moment):
    link = made(folder / "w", SPLITTING)
    observer = at(MOMENTS[moment], lambda: write(link, "INSERT INTO Users (id) VALUES (77)"))
    with pytest.raises(Failed) as caught:
        sync(target(link, disk=Disk(observer)), SPLITTING.wanted, QUICKER)
    (problem,) = caught.value.problems
    assert problem.code == "transform-failed"
    assert 'the transform "split-names" fails at the row 77 of "Users": AttributeError' in problem.message
    write(link, "DELETE FROM Users WHERE id = 77")
    assert sync(target(link), SPLITTING.wanted, QUICK).result == "synced"


def test_a_row_that_is_fixed_in_time_comes_along(folder):
    link = made(folder / "w", SLOTS)

    def mend():
        time.sleep(0.3)
        write(link, "UPDATE Users SET name = 'Ida' WHERE name = 'ADA hill'")

    def offend():
        write(link, "INSERT INTO Users (name) VALUES ('ADA hill')")
        threading.Thread(target=mend).start()

    assert sync(target(link, disk=Disk(at(MOMENTS["sealed"], offend))), SLOTS.wanted, QUICK).result == "synced"
    with closing(sqlite3.connect(link)) as connection:
        assert connection.execute("SELECT id FROM Slots WHERE name = 'IDA'").fetchone() == (7,)


def test_a_reference_to_a_row_that_no_transform_makes_ends_the_run(folder):
    orders = {"id": "INTEGER PRIMARY KEY", "user": "INTEGER REFERENCES Users (id)"}
    tree = {"Users": USERS, "Orders": orders}
    case = Case(tree, tree, [], ROWS + "INSERT INTO Orders VALUES (1, 1);", transforms=(named,))
    link = made(folder / "w", case)
    observer = at(MOMENTS["sealed"], lambda: write(link, "UPDATE Users SET name = '' WHERE id = 1"))
    with pytest.raises(Failed, match=r"refers? to rows that do not exist"):
        sync(target(link, disk=Disk(observer)), case.wanted, QUICKER)


def test_writers_that_never_pause_are_not_made_to_wait_for_longer_than_allowed(folder):
    """The function is too slow to transform the rows written meanwhile within the pause."""
    link, slow = made(folder / "w", SPLITTING), []

    def slowly(user):
        if slow:
            time.sleep(0.3)
            write(link, "UPDATE Users SET name = 'Ada Hill' WHERE id = 1")
        return split_names(user)

    case = replace(SPLITTING, transforms=(replace(split_names, function=slowly),))

    def begin():
        write(link, "UPDATE Users SET name = 'Ada Kay' WHERE id = 1")
        slow.append(True)

    limits = Limits(max_pause=0.3, cutover_timeout=3.0)
    observer = at(MOMENTS["sealed"], begin)
    with pytest.raises(Busy, match="the transform split-names reads were written each time"):
        sync(target(link, disk=Disk(observer)), case.wanted, SyncOptions(limits=limits))
