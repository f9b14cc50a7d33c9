"""Options of the actions that read or write schema.json, DDL and models.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .shared import ABSENT, seen


def inspect(parser: Any) -> None:
    parser.add_argument(
        "source",
        type=Path,
        metavar="FILE",
        help="a SQLite file, a folder of numbered .sql files, or a generation",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=ABSENT, metavar="OUT", help="write it to this file (--noinput: replace it)"
    )


def ddl(parser: Any) -> None:
    parser.add_argument(
        "--engine",
        choices=("postgres", "sqlite"),
        default=ABSENT,
        help="the database system whose DDL it is (default: postgres)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=ABSENT, metavar="OUT", help="write it to this file (--noinput: replace it)"
    )


def hash(parser: Any) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        default=None,
        metavar="FILE",
        help="a schema.json (default: the one of the database)",
    )


def export(parser: Any) -> None:
    parser.add_argument(
        "--check",
        action="store_true",
        default=ABSENT,
        help="write nothing; exit 1 if models and schema.json differ",
    )
    parser.add_argument(
        "--claim",
        action="store_true",
        default=ABSENT,
        help="let models own their tables that have no _model yet; what these have beyond the models is kept",
    )
    parser.add_argument(
        "--drop",
        action="append",
        default=ABSENT,
        metavar="TABLE[.COLUMN]",
        help="this table or column is dropped, not renamed; may be repeated",
    )
    seen(parser, "accept this migration, which runs Python or SQL of its own; may be repeated")


def models(parser: Any) -> None:
    parser.add_argument(
        "--app",
        default=ABSENT,
        metavar="LABEL",
        help="the app of the models: write into its models.py, and leave out tables that have a model elsewhere",
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=ABSENT,
        metavar="FILE",
        help="write into this file, and keep other code in it",
    )
    parser.add_argument(
        "--check", action="store_true", default=ABSENT, help="write nothing; exit 1 if the file would change"
    )
