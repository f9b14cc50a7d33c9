"""Collects all errors of a schema.json, each with its location, and raises them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import Code, Problem, SchemaInvalid
from .expression import DefinitionError, DoubleQuotedString
from .jsonc import Path, Scan, excerpt, line_and_column
from .origins import Origin, origin_of

PROBLEM_LIMIT = 200
TEXT_LIMIT = 2000  # characters of a definition that a message quotes


class Diagnostics:
    """The errors found in one file so far, each with its location. `paths`: those of the errors that have one, in
    order.

    `origins`: those of the parts that a mixin made. An error of a mixin is recorded once, whatever the number of its
    tables.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.text = ""
        self.scan = Scan()
        self.problems: list[Problem] = []
        self.paths: list[Path] = []
        self.origins: Mapping[Path, Origin] = {}
        self._of_mixins: set[tuple[Code, Path]] = set()

    def note(self, code: Code, message: str, hint: str = "", *, at: Path | int | None = None) -> None:
        """Record an error; `at` is a path in the file or an offset of its text. Raises SchemaInvalid with all errors if
        there are too many: to suggest a similar name, each is compared with all keys."""
        if len(self.problems) >= PROBLEM_LIMIT:
            message = (
                f"{self.source}: these are the first {PROBLEM_LIMIT:,} errors; the rest of the file was not looked at"
            )
            self.problems.append(Problem(code, message, "Fix these first, or start with a smaller file."))
            self.stop()
        origin = origin_of(at, self.origins) if isinstance(at, tuple) and self.origins else None
        if origin is not None:
            if (code, origin.path) in self._of_mixins:
                return
            self._of_mixins.add((code, origin.path))
            message, at = f'{message} (from the mixin "{origin.mixin}")', origin.path
        offset = self.scan.keys.get(at) if isinstance(at, tuple) else at
        place, facts = self.source, {"file": self.source}
        if offset is not None:
            line, column = line_and_column(self.text, offset)
            place = f"{self.source}:{line}:{column}"
            facts = {"file": self.source, "line": str(line), "column": str(column)}
        if isinstance(at, tuple):
            facts["path"] = "/".join(map(str, at))
            self.paths.append(at)
        elif offset is not None:
            facts["excerpt"] = excerpt(self.text, offset)
        self.problems.append(Problem(code, f"{place}: {message}", hint, facts))

    def stop(self) -> None:
        """Raise SchemaInvalid with all recorded errors, in the order of the file, if there are any."""
        if self.problems:
            raise SchemaInvalid(sorted(self.problems, key=_position))

    def at(self, path: Path, what: str, text: str = "") -> _Noting:
        """A block in which a DefinitionError is recorded as an error at that path."""
        return _Noting(self.note, path, what, text)


def _position(problem: Problem) -> tuple[int, int]:
    return int(problem.facts.get("line", 0)), int(problem.facts.get("column", 0))


@dataclass(slots=True)
class _Noting:
    """Turns a DefinitionError inside the block into an error with its location."""

    fault: Callable[..., None]
    path: Path
    what: str
    text: str

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, DoubleQuotedString):
            self.fault(
                Code.DOUBLE_QUOTED_STRING,
                f"{self.what}: {error} '{error.word}'",
                f"Write '{error.word}' for the string, or correct the column's name.",
                at=self.path,
            )
            return True
        if isinstance(error, DefinitionError):
            text = self.text if len(self.text) <= TEXT_LIMIT else f"{self.text[:TEXT_LIMIT]} …"
            shown = f" in {text!r}" if text else ""
            self.fault(Code.BAD_DEFINITION, f"{self.what}: {error}{shown}", at=self.path)
            return True
        return False
