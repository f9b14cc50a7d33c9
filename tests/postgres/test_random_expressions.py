"""Random expressions over the rows of test_expressions: each is refused, or has the same results in both engines."""

from __future__ import annotations

import random

import psycopg
import pytest

from schemasync.engines.postgres.expressions.translate import Untranslated

from .test_expressions import ROWS, Both, both, plain

__all__ = ["both"]

COLUMNS = "n m small f price on_ txt name raw day local clock uid".split()
LITERALS = [
    "0",
    "1",
    "-1",
    "2",
    "0.5",
    "'a'",
    "'A'",
    "''",
    "'é'",
    "NULL",
    "'7'",
    "1.5",
    "'2024-02-29'",
    "x'41'",
    "TRUE",
    "'x '",
]
OPERATORS = [*"+ - * / % || & | = <> < <= > >= IS AND OR LIKE".split(), "IS NOT", "+", "-", "*", "=", "<"]
FUNCTIONS = "lower upper length trim abs round typeof rtrim hex".split()
OF_TWO = "coalesce nullif ifnull max min instr".split()


def expression(chance: random.Random, depth: int) -> str:
    """Return an expression of SQLite whose parts are mostly of one kind of values."""
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(COLUMNS if chance.random() < 0.7 else LITERALS)
    a, b, c, d = (expression(chance, depth - 1) for _ in range(4))
    return chance.choice(
        [
            *[f"({a} {chance.choice(OPERATORS)} {b})"] * 12,
            f"(NOT {a})",
            f"(-{a})",
            f"({a} IN ({b}, {c}))",
            f"({a} BETWEEN {b} AND {c})",
            f"{chance.choice(FUNCTIONS)}({a})",
            f"{chance.choice(OF_TWO)}({a}, {b})",
            f"CASE WHEN {a} THEN {b} ELSE {c} END",
            f"CASE {a} WHEN {b} THEN {c} ELSE {d} END",
            f"CAST({a} AS {chance.choice(['TEXT', 'INTEGER', 'REAL', 'NUMERIC'])})",
            f"(({a} COLLATE {chance.choice(['NOCASE', 'BINARY', 'RTRIM'])}) = {b})",
            f"substr({a}, {chance.randint(1, 2)}, {chance.randint(0, 3)})",
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_an_expression_that_is_translated_has_the_same_results(both: Both, seed: int) -> None:
    chance, wrong, same = random.Random(seed), [], 0
    for _ in range(1500):
        sql = expression(chance, chance.randint(1, 3))
        try:
            translated = both.value(sql)
            lite, pg = both.results(sql, translated)
        except Untranslated:
            continue
        except psycopg.errors.NumericValueOutOfRange:  # of a float; SQLite continues with infinity
            both.pg.rollback()
            continue
        pairs = [(row["id"], plain(a), b) for row, a, b in zip(ROWS, lite, pg, strict=True) if a != b]
        same += not pairs
        wrong += [f"{sql} -> {translated}: {pairs[0]}"] if pairs else []
    assert not wrong, "\n".join(wrong)
    assert same > 200
