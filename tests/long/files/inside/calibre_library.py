import json

from commands import main, run

OURS = ("metadata.db.generations", "metadata.db-wal", "metadata.db-shm")
TITLES = ("The Waves", "A Room of One's Own", "Orlando", "Ünder Größe", "To the Lighthouse")


def make(path):
    for number, title in enumerate(TITLES):
        _add(path, title, f"Author {number % 3}")
    _db(path, "add_custom_column", "shelf", "Shelf", "text")
    _db(path, "set_custom", "shelf", "1", "upper left")
    _db(path, "set_metadata", "2", "--field", "series:Essays", "--field", "tags:one,Two", "--field", "rating:4")


def write(path):
    _add(path, f"Later {len(_listed(path))}", "Author 1")
    _db(path, "set_metadata", "3", "--field", "title:The Orlando", "--field", "tags:two,three")


def read(path):
    books = [(book["title"], book["authors"], book.get("tags"), book.get("*shelf")) for book in _listed(path)]
    found = _db(path, "search", "title:orlando and tags:TWO").strip() if len(books) > len(TITLES) else ""
    checked = _db(path, "check_library", "--csv", "--ignore_names", ",".join(OURS))
    return f"{books} search {found!r} check_library {checked!r} {_db(path, 'list_categories', '--csv')!r}"


def _listed(path):
    fields = "title,authors,tags,series,rating,*shelf"
    return json.loads(_db(path, "list", "--for-machine", "--fields", fields, "--sort-by", "title"))


def _add(path, title, author):
    _db(path, "add", "--empty", "--duplicates", "--title", title, "--authors", author)


def _db(path, command, *words):
    return run("calibredb", command, "--with-library", path.parent, *words)


main(lambda: run("calibredb", "--version").strip(), make, write, read)
