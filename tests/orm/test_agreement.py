"""Whether schema.json agrees with the models: "they differ" and "that cannot be determined" are two answers."""

import pytest

from schemasync.errors import Code, Refused, SchemaInvalid
from schemasync.orm.comparison import agreement


def refused(code, kind=Refused):
    def export():
        raise kind.of(code, "what is true", "what to do")

    return export


@pytest.mark.parametrize("code", [Code.RENAME_OR_DROP, Code.DATA_MIGRATION])
def test_what_its_author_must_decide_first_is_a_difference(code):
    found = agreement(refused(code))
    assert found.differs
    assert [problem.code for problem in found.problems] == [code]


@pytest.mark.parametrize("kind", [Refused, SchemaInvalid])
def test_what_could_not_be_compared_is_no_difference(kind):
    with pytest.raises(kind):
        agreement(refused(Code.BAD_DEFINITION, kind))
