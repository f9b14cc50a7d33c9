import os
import tempfile
from pathlib import Path

from commands import main, run


def make(path):
    run("fossil", "new", "--admin-user", "someone", path)
    run("fossil", "fts-config", "index", "on", "-R", path)
    run("fossil", "fts-config", "enable", "cdtw", "-R", path)
    for number in range(6):
        _commit(path, number)
    run("fossil", "wiki", "create", "Page", "-R", path, stdin="The text of the page")
    run("fossil", "ticket", "add", "title", "A ticket", "status", "Open", "-R", path)
    _index(path)


def write(path):
    _commit(path, len(run("fossil", "timeline", "-n", "0", "-t", "ci", "-F", "%h", "-R", path).splitlines()))
    _index(path)


def _index(path):
    """Index the text. Fossil does that with functions of its own, and not at each write."""
    run("fossil", "fts-config", "reindex", "-R", path)


def read(path):
    trunk = run("fossil", "ls", "-r", "trunk", "-R", path).split()
    content = run("fossil", "cat", trunk[-1], "-r", "trunk", "-R", path)
    integrity = run("fossil", "test-integrity", "-R", path).splitlines()
    tickets = run("fossil", "ticket", "show", "1", "-R", path).splitlines()[1:]
    found = run("fossil", "sql", "-R", path, "SELECT count(*) FROM ftsidx('commit')").strip()
    wiki = run("fossil", "wiki", "export", "Page", "-R", path)
    return f"{len(trunk)} files, the last one of {len(content)} bytes; wiki {wiki!r}; {len(tickets)} ticket; {integrity[-1]}; {found} found"


def maintain(path):
    reported = run("fossil", "rebuild", "--stats", path)
    return "fossil rebuild: " + ", ".join(line for line in reported.splitlines() if ": " in line)


def _commit(path, number):
    with tempfile.TemporaryDirectory() as folder:
        run("fossil", "open", path, "--workdir", folder, cwd=folder)
        for name in (f"file{number}.txt", "changing.txt"):
            file = Path(folder) / name
            file.write_text((file.read_text() if file.exists() else "") + f"line {number}\n" * 50)
            run("fossil", "add", name, cwd=folder)
        run("fossil", "commit", "-m", f"commit {number}", "--no-warnings", cwd=folder)
        run("fossil", "close", "--force", cwd=folder)


os.environ["FOSSIL_USER"] = os.environ["USER"] = "someone"
os.environ["FOSSIL_HOME"] = tempfile.mkdtemp()
main(lambda: run("fossil", "version").strip(), make, write, read, maintain)
