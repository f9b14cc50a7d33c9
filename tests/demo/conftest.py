"""The demo's database, created and filled once in each process; a test that writes takes a copy."""

import pytest

from .demo import Demo


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The demo by schema.json, with people, hours and notices; tests only read it."""
    demo = Demo(tmp_path_factory.mktemp("demo"))
    demo.done("schemasync")
    demo.done("filldemo", "--scale", "small")
    return demo


@pytest.fixture(scope="session")
def evolved(built, tmp_path_factory):
    """The demo half a year later, synced to schema_v2.json; tests only read it."""
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
    """The demo by either schema file, with the same code; tests only read it."""
    return request.getfixturevalue(request.param)
