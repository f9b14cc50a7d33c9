"""Mistakes in HOST and HOSTS are found before any code uses them."""

import pytest

from schemasync import conf

GOOD = {"a": {"URL": "https://a.example.com", "WEIGHT": 2, "LABELS": {"region": "eu"}}, "b.eu": {}}


def _faults(**given):
    return [
        one.message.partition(": ")[2] for one in conf.problems({"TENANTS": {"FOLDER": "x", "APPS": ["shop"], **given}})
    ]


def test_one_host_needs_no_name_and_each_of_several_is_named():
    assert _faults() == _faults(HOSTS={}) == _faults(HOST="b.eu", HOSTS=GOOD) == []


def test_mistakes_in_what_requests_get_are_named():
    assert _faults(OTHER_HOST=307, BEHIND="refuse") == []
    assert _faults(OTHER_HOST=302) == ["OTHER_HOST is 302, none of 421, 307, X-Accel-Redirect"]
    assert _faults(OTHER_HOST=307, HOST="a", HOSTS=GOOD) == ["HOSTS['b.eu'] has no URL, which OTHER_HOST 307 needs"]
    assert _faults(BEHIND="read") == ["BEHIND is 'read', none of serve, read-only, refuse"]


@pytest.mark.parametrize(
    ("host", "hosts", "fault"),
    [
        ("", GOOD, "HOST is '', and HOSTS has a, b.eu"),
        ("c", GOOD, "HOST is 'c', and HOSTS has a, b.eu"),
        ("a", {}, "HOST is 'a', and HOSTS has none"),
        (["a"], GOOD, "HOST is ['a'], and HOSTS has a, b.eu"),
        ("a", {"a": {"WEIGHT": -1}}, "WEIGHT of HOSTS['a'] is -1"),
        ("a", {"a": {"URL": "example.com"}}, "URL of HOSTS['a'] is 'example.com'"),
        ("a", {"a": {"LABELS": {"region": 1}}}, "LABELS of HOSTS['a'] are {'region': 1}"),
        ("a", {"a": {"weight": 1}}, "HOSTS['a'] has no key 'weight'"),
        ("a", {"a": "https://a.example.com"}, "HOSTS['a'] is 'https://a.example.com'"),
        ("a;", {"a;": {}}, "HOSTS has 'a;', which is no name of a host"),
        ("a", ["a"], "HOSTS is no dict"),
    ],
)
def test_a_mistake_is_named(host, hosts, fault):
    assert _faults(HOST=host, HOSTS=hosts) == [fault]
