"""The durable order of a real run, checked by its system calls, as these tests cannot cut the power.

SQLite syncs its own files. The tests check that schemasync lets it, and that a name is durable after its file.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.databases import NAME

LINK = f"{NAME}-schemasync-link"
ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, sys
from pathlib import Path
from schemasync.schema import document
from schemasync.sync.adopt import adopt
from schemasync.sync.rollback import rollback
from schemasync.sync.runner import sync
from schemasync.sync.run.target import target
from tests.crash.databases import V1, V2, read
what, link = sys.argv[1], Path(sys.argv[2])
match what:
    case "V1" | "V2": sync(target(link), read({"V1": V1, "V2": V2}[what]))
    case "adopt": adopt(target(link), None)
    case "rollback": rollback(target(link), None, lambda ahead: True)
"""

CALLS = "trace=fsync,fdatasync,rename,renameat,renameat2,symlink,symlinkat,mkdir"


def traced(what, link, tmp_path):
    """Return the calls of a run in their order, as (name, path or paths)."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "strace.log"
    command = [strace, "-f", "-y", "-s", "4096", "-o", log, "-e", CALLS, sys.executable, "-Bc", SCRIPT, what, link]
    ended = subprocess.run(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60)
    if "ptrace" in ended.stderr and not log.read_text().strip():
        pytest.skip(f"strace may not trace here: {ended.stderr.strip()}")
    assert ended.returncode == 0, ended.stderr
    calls = []
    for line in whole_lines(log.read_text()):
        found = re.search(r"(\w+)\((.*)\)\s+= 0$", line)
        if found is None:
            continue
        name, given = found[1], found[2]
        if name in ("fsync", "fdatasync"):
            calls.append(("sync", short(re.search(r"<(.*)>", given)[1])))
        elif name.startswith(("rename", "symlink")):
            calls.append((re.match("rename|symlink", name)[0], *map(short, re.findall(r'"([^"]*)"', given))))
        else:
            calls.append((name, short(re.findall(r'"([^"]*)"', given)[0])))
    return calls


def whole_lines(text):
    """Yield the lines of strace. A call that another thread or process interrupts is one line, at its end."""
    begun = {}
    for line in text.splitlines():
        caller = line.split(maxsplit=1)[0]
        if line.endswith(" <unfinished ...>"):
            begun[caller] = line.removesuffix(" <unfinished ...>")
        elif resumed := re.search(r"<\.\.\. \w+ resumed>(.*)", line):
            yield begun.pop(caller) + resumed[1]
        else:
            yield line


def test_an_interrupted_call_is_read_where_it_ends():
    interrupted = '7  fsync(5</a> <unfinished ...>\n8  mkdir("b", 0777) = 0\n7  <... fsync resumed>)            = 0\n'
    assert list(whole_lines(interrupted)) == ['8  mkdir("b", 0777) = 0', "7  fsync(5</a>)            = 0"]


def short(path):
    """Return the short name of a path: the number of a generation, and the name of any other file."""
    name = re.sub(r"-link-\d+$", "-link", Path(path).name)
    return re.sub(r"^(\d{4})-[0-9a-f]{12}\.sqlite3", r"\1", name)


def after(calls, *call):
    """Return the call right after the first one like this."""
    return calls[first(calls, *call) + 1]


def first(calls, *call):
    return min(number for number, seen in enumerate(calls) if seen == call)


@pytest.fixture
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("durable")


def before(database, folder):
    database.copy(folder / "w")
    return folder / "w" / NAME


def test_the_first_generation_is_on_the_disk_before_anything_names_it(folder, tmp_path):
    link = folder / "w" / NAME
    link.parent.mkdir()
    calls = traced("V1", link, tmp_path)
    moved = first(calls, "rename", LINK, NAME)
    assert first(calls, "sync", "w") > first(calls, "mkdir", f"{NAME}.generations")
    assert first(calls, "sync", "0001.building") < first(calls, "rename", "0001.building", "0001")
    assert after(calls, "rename", "0001.building", "0001") == ("sync", f"{NAME}.generations")
    assert first(calls, "rename", "0001.building", "0001") < moved
    assert after(calls, "rename", LINK, NAME) == ("sync", "w")


def test_the_new_file_then_the_fence_then_the_link(prepare, folder, tmp_path):
    calls = traced("V2", before(prepare("evolve").before, folder), tmp_path)
    moved = first(calls, "rename", LINK, NAME)
    named = first(calls, "rename", "0002.building", "0002")
    assert first(calls, "sync", "0002.building") < named
    assert calls[named + 1] == ("sync", f"{NAME}.generations")
    fence = max(n for n, call in enumerate(calls[:moved]) if call == ("sync", "0001-wal"))
    new = [n for n, call in enumerate(calls) if call == ("sync", "0002-wal")]
    assert any(named < n < fence for n in new), "the last round, before the fence"
    assert any(fence < n < moved for n in new), "the mark, before the link"
    assert calls[moved + 1] == ("sync", "w")


def test_the_fence_of_a_file_with_a_rollback_journal_is_on_the_disk_before_the_link_moves(prepare, folder, tmp_path):
    calls = traced("adopt", before(prepare("adopt_journal").before, folder), tmp_path)
    moved = first(calls, "rename", LINK, NAME)
    fence = [n for n, call in enumerate(calls) if call == ("sync", NAME)]
    assert fence
    assert max(fence) < first(calls, "sync", "0001-wal") < moved
    assert calls[moved + 1] == ("sync", "w")


def test_on_the_way_back_both_files_are_on_the_disk_before_the_link_moves(prepare, folder, tmp_path):
    calls = traced("rollback", before(prepare("rollback").before, folder), tmp_path)
    moved = first(calls, "rename", LINK, NAME)
    fence, opened = first(calls, "sync", "0002-wal"), first(calls, "sync", "0001-wal")
    assert fence < opened < moved
    assert calls[moved + 1] == ("sync", "w")
