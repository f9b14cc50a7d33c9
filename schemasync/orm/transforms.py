"""Finds the transforms of the project: the setting TRANSFORMS.

A run with nothing to do imports this module, so it must import no module that takes long.
"""

from __future__ import annotations

from importlib import import_module

from .. import conf
from ..errors import APPLICATION_ERRORS, Code, UsageError
from ..schema import transform_function
from ..schema.transform_function import TransformFunction


def transforms(alias: str) -> tuple[TransformFunction, ...]:
    """Return the transforms of a database, in the order of the module. Raises UsageError if it cannot be imported, or
    two have the same name."""
    path = conf.transforms(alias)
    if path is None:
        return ()
    try:
        module = import_module(path)
    except APPLICATION_ERRORS as error:
        message = f'SCHEMASYNC["TRANSFORMS"] names {path}, which cannot be imported: {type(error).__name__}: {error}'
        raise UsageError.of(Code.UNKNOWN_SETTING, message, 'Use a dotted path, as in "shop.transforms".') from error
    found = [one for one in vars(module).values() if isinstance(one, TransformFunction)]
    different: list[TransformFunction] = []
    for one in found:
        if not any(one is other for other in different):
            different.append(one)
    _check_names(path, different)
    return tuple(different)


def _check_names(path: str, found: list[TransformFunction]) -> None:
    names = [one.name for one in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"{path} has several transforms with the name {', '.join(twice)}"
        raise UsageError.of(Code.UNKNOWN_SETTING, message, "The history records them by name: give each its own.")


def stamp(alias: str) -> bytes:
    """Return the names and versions of the transforms as bytes, for the fast path. Raises UsageError."""
    return transform_function.stamp(transforms(alias))
