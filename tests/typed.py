"""Type the commands of a page, block by block, in a folder and on a terminal, and compare the output.

An HTML comment before a block states what it is, unless it is a command to type: `file: PATH` and `append: PATH` are
text for a file, `edit: PATH` is a diff to apply to one; `not run` is left out.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .command.tty import on_terminal, plain
from .pages import Fence, Page, without_figures
from .support.processes import Forked, environment

COLUMNS = 120
_BAR = re.compile(r"\x1b\[\?25l.*?\x1b\[\?25h\r\x1b\[1A\x1b\[2K", re.DOTALL)  # a progress bar, and its removal
_QUOTED = re.compile(r'"[^"]*"')
_PROMPT = re.compile(r"^(.*\[y/[nN]\]) (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """A command line that a page shows after `$`, and the terminal's output that it shows for it, with answers."""

    line: str
    shown: str

    @property
    def answers(self) -> list[tuple[str, str]]:
        return [(prompt, f"{answer}\n") for prompt, answer in _PROMPT.findall(self.shown)]


def commands(fence: Fence) -> Iterator[Command]:
    for block in re.split(r"^\$ ", fence.text, flags=re.MULTILINE)[1:]:
        line, _, shown = block.partition("\n")
        yield Command(line, shown)


def type_page(page: Page, folder: Path) -> int:
    """Do everything that a page shows, in order; return the number of typed commands."""
    typed = 0
    for fence in page.fences:
        what, _, name = fence.comment.partition(": ")
        if what in ("file", "append", "edit"):
            _write(folder / name, what, fence.text)
        elif fence.language == "console" and what != "not run":
            for command in commands(fence):
                assert comparable(run(command, folder)) == comparable(command.shown), f"{page.name}: $ {command.line}"
                typed += 1
    return typed


def _write(path: Path, what: str, text: str) -> None:
    before = path.read_text() if path.exists() else ""
    if what == "edit":
        old, new = ("\n".join(line[1:] for line in text.splitlines() if line[0] != sign) for sign in "+-")
        assert before.count(old) == 1, f"{path} has not exactly one {old!r}"
        path.write_text(before.replace(old, new))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((before if what == "append" else "") + text + "\n")


def run(command: Command, folder: Path) -> str:
    """Return the final text of the terminal, without progress bars. Python is forked; a command joined to it by a pipe,
    and every other command, is run by bash. If something follows, or stdin is a file, there is no terminal."""
    parts = list(_parts(command.line))
    if len(parts) == 1 and parts[0].is_python_alone:
        return plain(_BAR.sub("", on_terminal(parts[0].words, folder, command.answers, COLUMNS).out))
    if not any(part.words[:1] == ["python"] for part in parts) or not all(part.words for part in parts):
        return _by_bash(command.line, folder)[1]
    shown = ""
    for part in parts:
        code, out = _forked(part, folder) if part.words[0] == "python" else _by_bash(part.line, folder)
        shown += out
        if code:
            break
    return shown


@dataclass(frozen=True)
class _Part:
    """The part of a line between two `&&`: the words of a command, its input file, and the command that reads its
    output. `words` is empty if it contains more that only a shell understands."""

    line: str
    words: list[str]
    given: str = ""
    reader: str = ""

    @property
    def is_python_alone(self) -> bool:
        return self.words[:1] == ["python"] and not self.given and not self.reader


def _parts(line: str) -> Iterator[_Part]:
    hidden = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    begin = 0
    for end in [found.start() for found in re.finditer(" && |$", hidden)]:
        part, shape = line[begin:end], hidden[begin:end]
        begin = end + len(" && ")
        if found := re.fullmatch(r"([^<>|;&*$`]+)(?:< ([^<>|;&*$` ]+)|\| (.+))?", shape):
            given, reader = (part[slice(*found.span(number))] if found[number] else "" for number in (2, 3))
            yield _Part(part, shlex.split(part[: found.end(1)]), given, reader)
        else:
            yield _Part(part, [])


def _forked(part: _Part, folder: Path) -> tuple[int, str]:
    given = folder / part.given if part.given else Path(os.devnull)
    with given.open("rb") as stdin, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        code = Forked(part.words[1:], folder, environment(), (stdin, out, errors if part.reader else out)).wait()
        shown, failed = (_all(file) for file in (out, errors))
    if not part.reader:
        return code, shown
    code, read = _by_bash(part.reader, folder, shown)
    return code, failed + read


def _all(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def _by_bash(line: str, folder: Path, given: str = "") -> tuple[int, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment(PATH=path),
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout


def comparable(shown: str) -> str:
    """Return the text without what differs between runs and machines: times, sizes, hashes, folders, user names."""
    shown = re.sub(r"(?<!\S)/\S+/", "…/", shown)
    shown = re.sub(r"\b[0-9a-f]{12}\b", "…", without_figures(shown))
    shown = re.sub(r"\b[\d.,]+( [kKMG]?B|s)\b", "…", shown)
    shown = re.sub(r"\b\w+@[\w.-]+", "…", shown)
    return "\n".join(" ".join(line.split()) for line in shown.strip().splitlines())
