"""`schemasync --verify full` of a database that is current: its output and exit codes."""

from tests.verification.damaged import stale_index


def test_the_command_says_what_it_found_and_ends_with_4(synced):
    assert "note: verified:" in synced.done(verify="full").out
    synced.run_sql(stale_index("Users", "fax"))
    ended = synced.call(verify="full")
    assert ended.code == 4
    assert "[verify-differs] integrity_check: row 1 missing from index stale" in ended.error
    assert synced.done().code == 0, "without --verify nothing is read"


def test_its_json_has_the_same_shape_either_way(synced):
    whole = synced.done(verify="full", json=True).json
    assert whole["result"] == "current"
    assert whole["errors"] == []
    assert whole["notes"][0].startswith("verified:")
    synced.run_sql(stale_index("Users", "fax"))
    ended = synced.call(verify="full", json=True)
    found = ended.json
    assert (ended.code, found["result"], set(found)) == (4, "failed", set(whole))
    (error,) = found["errors"]
    assert error["code"] == "verify-differs"
    assert error["facts"]["check"] == "integrity"
