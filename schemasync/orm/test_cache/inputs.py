"""The inputs of the build of a test database, and their comparison with the present ones."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from django.conf import settings
from django.utils.functional import Promise

MISSING = "missing"
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
ABOUT_THE_CACHE = ("TESTS", "TEST_CACHE")
"""Keys of SCHEMASYNC that change no database: a run that verifies has to find the entry that a run that copies would
use."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Digests of everything that a build has read: `files` and `folders` by path, `settings` by name, and `facts`, such
    as versions, by description."""

    files: Mapping[str, str]
    folders: Mapping[str, str]
    settings: Mapping[str, str]
    facts: Mapping[str, str]

    @classmethod
    def of(cls, files: Iterable[str], folders: Iterable[str], names: Iterable[str], facts: Mapping[str, str]) -> Inputs:
        """Return the inputs as they are now."""
        return cls(
            {path: digest_of_file(path) for path in sorted(set(files))},
            {path: digest_of_folder(path) for path in sorted(set(folders))},
            {name: digest_of_setting(name) for name in sorted(set(names))},
            dict(facts),
        )

    def difference(self, facts: Mapping[str, str]) -> str | None:
        """Return a description of the first input that has changed; None if none has. `facts`: the present ones."""
        for name in sorted(self.facts.keys() | facts.keys()):
            if self.facts.get(name) != facts.get(name):
                return name
        for name, digest in self.settings.items():
            if digest_of_setting(name) != digest:
                return f"the setting {name}"
        for path, digest in self.folders.items():
            if digest_of_folder(path) != digest:
                return f"the files in {path}"
        return next((path for path, digest in self.files.items() if digest_of_file(path) != digest), None)

    def as_json(self) -> str:
        """Return the text of the file of inputs."""
        return json.dumps(
            {"files": self.files, "folders": self.folders, "settings": self.settings, "facts": self.facts}, indent=1
        )

    @classmethod
    def from_json(cls, text: str) -> Inputs:
        """Return the inputs from the text of as_json(). Raises ValueError, KeyError, TypeError for another text."""
        read = json.loads(text)
        return cls(read["files"], read["folders"], read["settings"], read["facts"])


def digest(text: str | bytes) -> str:
    """Return a short digest."""
    return hashlib.blake2b(text.encode() if isinstance(text, str) else text, digest_size=16).hexdigest()


@cache  # nobody edits the sources of a running process; several databases have the same
def digest_of_file(path: str) -> str:
    """Return the digest of the content; `MISSING` if the file cannot be read."""
    try:
        return digest(Path(path).read_bytes())
    except OSError:
        return MISSING


@cache
def digest_of_folder(path: str) -> str:
    """Return the digest of the names in a folder, without compiled modules; `MISSING` if it cannot be read."""
    try:
        return digest("\n".join(sorted(one.name for one in Path(path).iterdir() if one.name != "__pycache__")))
    except OSError:
        return MISSING


def digest_of_setting(name: str) -> str:
    """Return the digest of a setting's value."""
    value = getattr(settings, name, MISSING)
    if name == "SCHEMASYNC" and isinstance(value, Mapping):
        value = {key: one for key, one in value.items() if key not in ABOUT_THE_CACHE}
    return digest(described(value))


def described(value: Any) -> str:
    """Return a text for a value that is the same in every process and differs for other values.

    Objects without a repr() of their own are described by their class, as the default has their address. Lazy values
    are not evaluated: it may be impossible to translate a text or look up a URL before the tests begin.
    """
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{described(key)}: {described(one)}' for key, one in value.items())}}}"
    if isinstance(value, set | frozenset):
        return f"set({', '.join(sorted(map(described, value)))})"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}({', '.join(map(described, value))})"
    if isinstance(value, Promise):
        return described(value.__reduce__()[1])  # the function and its arguments
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"  # repr() cuts a long one
    if isinstance(value, type | FunctionType):
        return f"{value.__module__}.{value.__qualname__}"
    if "__repr__" not in {name for one in type(value).__mro__[:-1] for name in vars(one)}:
        return f"{type(value).__module__}.{type(value).__qualname__}"
    return ADDRESS.sub("", repr(value))
