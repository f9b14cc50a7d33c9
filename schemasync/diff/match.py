"""Matches the old names of tables or columns with the new ones: by name, by hint, or by a swap of names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ..schema.names import fold


@dataclass(frozen=True, slots=True)
class Match:
    """The result of matching. `sources`: new name -> old name, or None if it is new. `lost`: old names without a new
    one.

    `hinted`: new name -> the old name that a hint gave. `reused`: new name without a source -> the present name of the
    old object that had it. `contested`: old name -> the new names whose hints all claim it. `idle`: existing new name
    -> the old name in its hint, which does nothing.
    """

    sources: Mapping[str, str | None]
    lost: tuple[str, ...]
    hinted: Mapping[str, str]
    reused: Mapping[str, str] = field(default_factory=dict)
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    idle: Mapping[str, str] = field(default_factory=dict)


def match(
    old: Sequence[str],
    new: Sequence[str],
    was: Mapping[str, Sequence[str]],
    recorded: Collection[tuple[str, str]],
    leaving: Collection[str] = (),
) -> Match:
    """Match names. `was` maps a new name to earlier ones, newest first; `recorded` holds (new, old) pairs, folded,
    whose hint has acted before and never acts again. `leaving` are folded old names that may be dropped.

    A hint acts if the old side does not have its new name, or if the old object of that name may be dropped or is
    itself claimed by another hint that acts; this resolves chains and swaps. An object that a hint claims has only the
    new name afterwards: if the new side still uses the old name, that is a new object.
    """
    before = {fold(name): name for name in old}
    after = {fold(name): name for name in new}
    claims = wanted = _candidates(before, after, was, recorded)
    kept = before.keys() - set(leaving)
    while held := {n: s for n, s in claims.items() if n in kept and n not in claims.values()}:
        claims = {name: source for name, source in claims.items() if name not in held}
    idle = {name: source for name, source in wanted.items() if name not in claims}
    takers = {source: [name for name in claims if claims[name] == source] for source in claims.values()}
    claims = {names[0]: source for source, names in takers.items()}
    sources = {}
    for folded, name in after.items():
        source = claims.get(folded)
        if source is None and folded in before and folded not in takers:
            source = folded
        sources[name] = before[source] if source is not None else None
    fed = {fold(source) for source in sources.values() if source is not None}
    return Match(
        sources,
        lost=tuple(name for folded, name in before.items() if folded not in fed),
        hinted={after[name]: before[source] for name, source in claims.items()},
        reused={after[n]: after[takers[n][0]] for n in after if n in takers and n not in claims},
        contested={before[s]: tuple(after[name] for name in names) for s, names in takers.items() if len(names) > 1},
        idle={after[name]: before[source] for name, source in idle.items()},
    )


def _candidates(
    before: Mapping[str, str],
    after: Mapping[str, str],
    was: Mapping[str, Sequence[str]],
    recorded: Collection[tuple[str, str]],
) -> dict[str, str]:
    """Return new name -> the newest of its earlier names that the old side has; all folded."""
    claims: dict[str, str] = {}
    for name, earlier in was.items():
        folded = fold(name)
        for source in map(fold, earlier):
            if folded in after and source in before and source != folded and (folded, source) not in recorded:
                claims[folded] = source
                break
    return claims
