"""Compress a file with zstd, and read it back with its digest.

The library is the module of Python 3.14, or its backport for older versions: both raise EOFError for a stream that ends
early.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from ..errors import Code, Refused

CHUNK = 1 << 20  # bytes in memory at a time
Advance = Callable[[int, int], None]
"""A function that is called with (done, total) bytes."""

LEVEL = 3  # the default of zstd: a database of text becomes a quarter, at the speed of a disk
NAME = "zstd"


@dataclass(slots=True)
class Digest:
    """The size and SHA-256 of the bytes that were added."""

    size: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return str(self._hash.hexdigest())

    def is_same(self, size: int, sha256: str) -> bool:
        """True if the content has this size and this SHA-256."""
        return (self.size, self.sha256) == (size, sha256)

    def add(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        self._hash.update(chunk)
        return chunk


def library() -> Any:
    """Return the module with ZstdFile. Raises Refused if it is not installed."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise Refused.of(
        Code.MISSING_PACKAGE,
        "backups are compressed with zstd, and no package for it is installed",
        "pip install 'django-schemasync[backups]'",
    )


def compress(source: Path, target: Path, advance: Advance) -> Digest:
    """Write the compressed content of one file to another; return the digest of the content."""
    content, total = Digest(), source.stat().st_size
    with source.open("rb") as reading, library().ZstdFile(target, "wb", level=LEVEL) as writing:
        for chunk in chunks(reading):
            writing.write(content.add(chunk))
            advance(content.size, total)
    return content


def digest_of_file(path: Path) -> Digest:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return digest_of(chunks(file))


def digest_of(pieces: Iterable[bytes]) -> Digest:
    """Return the digest of these pieces together."""
    found = Digest()
    for piece in pieces:
        found.add(piece)
    return found


def decompressed(source: Path, digest: Digest, most: int, advance: Advance) -> Iterator[bytes]:
    """Yield the content of a compressed file piece by piece, and add each piece to `digest`. Raises ValueError if the
    file is damaged or ends early, or holds more than `most` bytes."""
    module = library()
    try:
        with module.ZstdFile(source, "rb") as reading:
            for chunk in chunks(reading):
                if digest.size + len(chunk) > most:
                    raise ValueError("it holds more than its manifest says")
                yield digest.add(chunk)
                advance(digest.size, most)
    except (module.ZstdError, EOFError) as error:
        raise ValueError(str(error)) from error


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the content of a file piece by piece."""
    while chunk := file.read(CHUNK):
        yield chunk
