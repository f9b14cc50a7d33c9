"""Read a schema in each form in which a test names it: a value, a dict, a file, or a file of a git revision."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.read_file import read_file
from ..schema import document, write
from ..schema.document import Document
from ..schema.model import Schema


@dataclass(frozen=True, slots=True)
class GitRevision:
    """The schema.json of a commit, branch or tag. `path`: the file, relative to the current folder."""

    revision: str
    path: Path

    def __str__(self) -> str:
        return f"{self.path} of {self.revision}"

    def read(self) -> bytes:
        """Return the bytes of the file at that revision. Raises FileNotFoundError, with git's output, without one."""
        command = ["git", "show", f"{self.revision}:./{self.path.name}"]
        done = subprocess.run(command, cwd=self.path.absolute().parent, capture_output=True, check=False)
        if done.returncode:
            raise FileNotFoundError(f"there is no {self}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


SchemaSource = Document | Schema | GitRevision | Mapping[str, Any] | str | os.PathLike[str]
"""A schema: a dict as in schema.json, the path of a schema.json, `git_revision(…)`, or a value of this package."""


def git_revision(revision: str, path: str | os.PathLike[str] = "schema.json") -> GitRevision:
    """Name the schema.json of a commit, branch or tag. The functions of this package read it by `git show`."""
    return GitRevision(revision, Path(path))


def as_document(source: SchemaSource) -> Document:
    """Return the schema and its hints. Raises SchemaInvalid with every error found."""
    match source:
        case Document():
            return source
        case Schema():
            return document.read(write.write(source).encode(), "the schema")
        case GitRevision():
            return document.read(source.read(), str(source))
        case str() | os.PathLike():
            return document.read(read_file(Path(source)), os.fspath(source))
        case _:
            return document.read(json.dumps(source, ensure_ascii=False).encode(), "the schema")


def name_of(source: SchemaSource, otherwise: str) -> str:
    """Return the name of a schema for messages; `otherwise` for a value, which has none."""
    return str(source) if isinstance(source, GitRevision | str | os.PathLike) else otherwise
