"""Encrypt and decrypt backups with age (https://age-encryption.org), piece by piece. Needs pyrage.

To make a backup for recipients needs no secret. To restore it needs an identity, which is not a setting.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import Code, Refused, UsageError

NAME = "age"
ENDING = ".age"
IDENTITY, IDENTITY_FILE = "SCHEMASYNC_IDENTITY", "SCHEMASYNC_IDENTITY_FILE"  # variables of the environment
HOW_TO_NAME = f"Name the file of the identity: --identity FILE, or in the environment: {IDENTITY_FILE}=FILE"


def library() -> Any:
    """Return the module pyrage. Raises Refused if it is not installed."""
    try:
        return importlib.import_module("pyrage")
    except ImportError as error:
        raise Refused.of(
            Code.MISSING_PACKAGE,
            "backups are encrypted by age, and the package for it is not installed",
            "pip install 'django-schemasync[encryption]'",
        ) from error


def recipients(given: Sequence[str]) -> list[Any]:
    """Return the recipients that the setting names, such as `age1…` and `ssh-ed25519 …`. Raises UsageError for an
    invalid one."""
    pyrage = library()
    found = []
    for one in given:
        kind = pyrage.ssh if one.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(one))
        except pyrage.RecipientError as error:
            raise UsageError.of(
                Code.UNKNOWN_SETTING,
                f'SCHEMASYNC["BACKUPS"]: the recipient {one!r} is invalid: {error}',
                "A recipient is the public key of an identity: age-keygen -o FILE prints it, age1…",
                key="BACKUPS",
            ) from error
    return found


def encrypt(reading: IO[bytes], writing: IO[bytes], recipients: Sequence[Any]) -> None:
    """Encrypt a stream for these recipients. Raises OSError if `writing` fails."""
    pyrage, target = library(), _Target(writing)
    try:
        pyrage.encrypt_io(reading, target, recipients)
    except pyrage.EncryptError:
        if target.error is not None:
            raise target.error from None  # pyrage keeps only its text
        raise


def decrypted(chunks: Iterable[bytes], writing: IO[bytes], name: str, identity: Path | None) -> None:
    """Decrypt the backup `name`, and write its content. Raises Refused if no identity fits, and ValueError if the
    backup is damaged."""
    pyrage, source = library(), _Source(iter(chunks))
    try:
        pyrage.decrypt_io(source, writing, identities(name, identity))
    except (pyrage.DecryptError, OSError) as error:
        if source.error is not None:
            raise source.error from error
        if isinstance(error, OSError):
            if error.errno is not None:
                raise  # an error of the disk
            raise ValueError(str(error)) from error
        raise _cannot(f"no identity fits the backup {name}: {error}", HOW_TO_NAME) from error


def identities(name: str, given: Path | None) -> list[Any]:
    """Return the identities in the file `given`, or those of the environment. Raises Refused if there are none or one
    is invalid."""
    pyrage, text = library(), _text(name, given)
    if text.lstrip().startswith("-----BEGIN"):
        return [_read(pyrage, pyrage.ssh.Identity.from_buffer, text.encode())]
    lines = (line.strip() for line in text.splitlines())
    found = [_read(pyrage, pyrage.x25519.Identity.from_str, line) for line in lines if line and line[0] != "#"]
    if not found:
        raise _cannot(f"there is no identity to decrypt {name} with: the given file is empty", HOW_TO_NAME)
    return found


def _text(name: str, given: Path | None) -> str:
    path = given or os.environ.get(IDENTITY_FILE)
    if path:
        try:
            return Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise _cannot(f"the identity cannot be read: {error}", HOW_TO_NAME) from error
    if text := os.environ.get(IDENTITY):
        return text
    raise _cannot(f"the backup {name} is encrypted, and no identity is given", HOW_TO_NAME)


def _read(pyrage: Any, kind: Any, text: str | bytes) -> Any:
    try:
        return kind(text)
    except pyrage.IdentityError as error:  # the text is a secret
        hint = "Identities are lines AGE-SECRET-KEY-…, or an OpenSSH key; both without a passphrase."
        raise _cannot(f"the given identity is none: {error}", hint) from error


def _cannot(message: str, hint: str) -> Refused:
    return Refused.of(Code.CANNOT_DECRYPT, message, hint)


class _Target:
    """A file for pyrage to write to. It keeps the error of a failed write."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            return self.file.write(data)
        except OSError as error:
            self.error = error
            raise

    def flush(self) -> None:
        self.file.flush()


class _Source:
    """Pieces as a file for pyrage to read from. It keeps the error of a failed read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces = pieces
        self.rest = b""
        self.error: BaseException | None = None

    def read(self, size: int) -> bytes:
        try:
            if not self.rest:
                self.rest = next(self.pieces, b"")
        except BaseException as error:
            self.error = error
            raise
        found, self.rest = self.rest[:size], self.rest[size:]
        return found
