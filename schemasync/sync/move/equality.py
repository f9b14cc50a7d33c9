"""Raises the error for rows on PostgreSQL that differ from the file."""

from __future__ import annotations

from collections.abc import Iterable

from ...engines.postgres.verify.result import Proof
from ...errors import Code, Failed


def check_equal(proofs: Iterable[Proof]) -> None:
    """Raise Failed if any row differs."""
    differing = [proof for proof in proofs if not proof.is_equal]
    if differing:
        raise Failed.of(
            Code.VERIFY_DIFFERS,
            f"rows on PostgreSQL differ from the file: {'; '.join(map(described, differing))}",
            "Nothing was changed; the file is live. Please report it.",
            tables={proof.table: proof.differing for proof in differing},
        )


def described(proof: Proof) -> str:
    """Return the number of rows of a table that differ, and some of their keys, in a phrase."""
    some = ", ".join(f"{row.key} ({row.difference.value})" for row in proof.samples)
    return f"{proof.differing:,} of {proof.table}, such as {some}"
