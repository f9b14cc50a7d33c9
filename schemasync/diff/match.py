"""Which old name became which new one: by name, by hint, by a swap of names; for tables and columns alike."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ..schema.names import fold


@dataclass(frozen=True, slots=True)
class Match:
    """`sources`: new name -> old name, or None where it is new. `lost`: old names that nothing claims.

    `hinted`: the new names whose source a hint gave, with that old name.
    """

    sources: Mapping[str, str | None]
    lost: tuple[str, ...]
    hinted: Mapping[str, str]


def match(
    old: Sequence[str],
    new: Sequence[str],
    was: Mapping[str, Sequence[str]],
    recorded: Collection[tuple[str, str]],
    leaving: Collection[str] = (),
) -> Match:
    """Match names. `was` maps a new name to earlier ones, newest first; `recorded` holds (new, old) pairs, folded,
    whose hint has acted before and never acts again. `leaving` are folded old names that may be dropped.

    A hint acts where its new name is absent from the old side, or where the old bearer of that name may be dropped
    or is itself claimed by another hint that acts: so chains and swaps resolve, and nothing is claimed twice.
    """
    before = {fold(name): name for name in old}
    after = {fold(name): name for name in new}
    claims = _candidates(before, after, was, recorded)
    taken = before.keys() - set(leaving)
    while rejected := [name for name, source in claims.items() if not _holds(name, source, claims, taken, after)]:
        del claims[rejected[0]]
    sources = {}
    for folded, name in after.items():
        source = claims.get(folded)
        if source is None and folded in before and folded not in claims.values():
            source = folded
        sources[name] = before[source] if source is not None else None
    fed = {fold(source) for source in sources.values() if source is not None}
    lost = tuple(name for folded, name in before.items() if folded not in fed)
    return Match(sources, lost, {after[name]: before[source] for name, source in claims.items()})


def _candidates(
    before: Mapping[str, str],
    after: Mapping[str, str],
    was: Mapping[str, Sequence[str]],
    recorded: Collection[tuple[str, str]],
) -> dict[str, str]:
    """New name -> the newest of its earlier names that the old side still has; all folded."""
    claims: dict[str, str] = {}
    for name, earlier in was.items():
        folded = fold(name)
        for source in map(fold, earlier):
            free = source not in claims.values() and (folded, source) not in recorded
            if folded in after and source in before and source != folded and free:
                claims[folded] = source
                break
    return claims


def _holds(name: str, source: str, claims: Mapping[str, str], taken: Collection[str], after: Collection[str]) -> bool:
    name_is_free = name not in taken or name in claims.values()
    source_is_free = source not in after or source in claims
    return name_is_free and source_is_free
