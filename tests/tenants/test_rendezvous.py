"""The host that is proposed for a tenant."""

from collections import Counter

from schemasync.tenants.rendezvous import proposed
from schemasync.tenants.settings import Host

KEYS = [f"tenant-{number}" for number in range(2000)]
A, B, C = Host("a"), Host("b", weight=2), Host("c")


def _places(*hosts, labels=None):
    return {key: proposed(key, hosts, labels or {}).name for key in KEYS}


def test_each_host_gets_its_share():
    found = Counter(_places(A, B, C).values())
    assert all(abs(found[host.name] - 500 * host.weight) < 80 for host in (A, B, C)), found


def test_a_host_that_comes_or_goes_changes_no_other_proposal():
    before, after = _places(A, B), _places(A, B, C)
    moved = {key for key in KEYS if before[key] != after[key]}
    assert moved == {key for key in KEYS if after[key] == "c"}
    heavier = _places(A, Host("b", weight=3), C)
    assert {heavier[key] for key in KEYS if heavier[key] != after[key]} == {"b"}


def test_the_order_of_the_hosts_and_the_process_do_not_matter():
    assert _places(A, B, C) == _places(C, A, B)
    assert [proposed(key, [A, B, C], {}).name for key in ("acme", "beta", "gamma", "delta")] == ["c", "b", "b", "a"]


def test_only_a_host_with_all_labels_and_a_weight_is_proposed():
    eu, us = Host("eu", labels={"region": "eu", "class": "large"}), Host("us", labels={"region": "us"})
    closed = Host("closed", weight=0, labels={"region": "eu"})
    assert set(_places(eu, us, closed, labels={"region": "eu"}).values()) == {"eu"}
    assert set(_places(eu, us, closed).values()) == {"eu", "us"}
    assert proposed("acme", [eu, us, closed], {"region": "us", "class": "large"}) is None
    assert proposed("acme", [], {}) is None
