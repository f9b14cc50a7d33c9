"""The moves that `balance` proposes: by size and load, within labels."""

import random

from schemasync.tenants.moving.balance import Placed, proposals, shares
from schemasync.tenants.settings import Host


def _moved(tenants, moves):
    to = {one.tenant.key: one.to for one in moves}
    return [Placed(one.key, to.get(one.key, one.host), one.bytes, one.load) for one in tenants]


def _hosts(**weights):
    return [Host(name, weight=weight) for name, weight in weights.items()]


def test_a_full_host_gives_to_an_empty_one_until_both_have_their_share():
    chosen, hosts = random.Random(1), _hosts(north=1, south=2)
    tenants = [Placed(f"t{n}", "north", chosen.randrange(1, 9), chosen.random()) for n in range(100)]
    moves = proposals(tenants, hosts, 1000)
    assert 30 < len(moves) < 90
    assert all(part <= 1.1 for both in shares(_moved(tenants, moves), hosts).values() for part in both)
    assert proposals(_moved(tenants, moves), hosts, 1000) == []


def test_the_first_moves_are_those_that_help_most():
    tenants = [
        Placed("large", "north", 90),
        *(Placed(f"t{n}", "north", 1) for n in range(110)),
        Placed("x", "south", 10),
    ]
    (move,) = proposals(tenants, _hosts(north=1, south=1), 1)
    assert (move.tenant.key, move.to) == ("large", "south")


def test_size_alone_does_not_hide_a_host_that_is_asked_all_the_time():
    tenants = [Placed(f"n{n}", "north", 5, 10) for n in range(4)] + [Placed(f"s{n}", "south", 5, 0) for n in range(4)]
    moves = proposals(tenants, _hosts(north=1, south=1), 10)
    assert moves
    assert max(load for _, load in shares(_moved(tenants, moves), _hosts(north=1, south=1)).values()) <= 1.5


def test_pinned_tenants_labels_and_hosts_without_a_weight_are_left_alone():
    hosts = [Host("north", labels={"region": "eu"}), Host("south", labels={"region": "us"}), Host("old", weight=0)]
    tenants = [
        Placed("pinned", "north", 10, is_pinned=True),
        Placed("eu", "north", 10, labels={"region": "eu"}),
        Placed("free", "north", 10),
        Placed("there", "old", 100),
    ]
    assert [(one.tenant.key, one.to) for one in proposals(tenants, hosts, 10)] == [("free", "south")]


def test_what_is_nearly_level_stays():
    tenants = [Placed("a", "north", 100), Placed("b", "south", 95), Placed("c", "north", 1)]
    assert proposals(tenants, _hosts(north=1, south=1), 10) == []
