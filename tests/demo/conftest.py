"""The demo's database, made and filled once in each process; who writes takes a copy."""

import pytest

from .demo import Demo


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """By schema.json, with people, hours and notices. It is only read."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.done("schemasync")
    demo.done("filldemo", "--scale", "small")
    return demo


@pytest.fixture(scope="session")
def evolved(built, tmp_path_factory):
    """The same, half a year later: by schema_v2.json. It is only read."""
    demo = built.copy(tmp_path_factory.mktemp("evolved") / "demo")
    demo.schema = "schema_v2.json"
    demo.done("schemasync")
    return demo


@pytest.fixture
def demo(built, tmp_path):
    """A copy that a test may change."""
    return built.copy(tmp_path / "demo")


@pytest.fixture(params=["built", "evolved"])
def either(request):
    """The database by each of both files; the code is the same. It is only read."""
    return request.getfixturevalue(request.param)
