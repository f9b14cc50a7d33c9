"""The decisions of the author of schema.json: on the command line, as an answer to a question, or by a hint in the
file."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ..diff.questions import Ask, Question
from ..errors import Code, Problem
from ..schema.document import Document
from ..schema.names import fold, from_key, to_key
from ..schema.shape_check import tables_of
from ..schema.write import Json


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions of the author on the command line.

    `drop`: each `table` or `table.column` that is dropped, not renamed. `claim`: models own their tables that have no
    `_model` yet.
    """

    drop: Collection[str] = ()
    claim: bool = False


NOTHING_DECIDED = Decisions()


@dataclass(slots=True)
class Answers:
    """Answers to the questions of an export, and a problem for each question without an answer. `read`, `tree`: the
    present file. `ask`: None if nobody can be asked."""

    read: Document
    tree: Json
    ask: Ask | None
    decisions: Decisions
    problems: list[Problem] = field(default_factory=list)

    def is_dropped(self, name: str) -> bool:
        """True if `--drop` names the table or column."""
        return fold(name) in map(fold, self.decisions.drop)

    def decide(self, lost: str, question: Question, message: str, hint: str) -> bool:
        """Return True if `lost` was renamed, and is not dropped. If nobody can be asked, record a problem with this
        message and hint."""
        if self.is_dropped(lost):
            return False
        if self.ask is not None:
            return self.ask(question)
        self.refuse(Problem(Code.RENAME_OR_DROP, message, hint), question.table, question.column)
        return True  # the export refuses in the end, whatever else it finds

    def refuse(self, problem: Problem, table: str, column: str = "") -> None:
        """Record a problem, with the location of the table or column in the file if the file has it."""
        key = next((key for key, _ in tables_of(self.tree) if fold(from_key(key)) == fold(table)), None)
        path = [] if key is None else [key, *([to_key(column)] if column else [])]
        self.problems.append(self.read.located(problem, *path))
