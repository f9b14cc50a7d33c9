"""The disk steps of each change of a tenant: `tests/tenants/claims/crashes.py` kills a process at each."""

from schemasync.files.disk import DiskStep

PLACE = "TENANT:FOLDER TENANT:COPY TENANT:LINK TENANT:PLACE"
PASSES = {
    "create": PLACE,
    "archive": "TENANT:FOLDER TENANT:ARCHIVE",
    "activate": "TENANT:RETURN",
    "delete": "TENANT:REMOVE",
}
# tests/tenants/claims/killed_moves.py kills either side of a move at each of these
SENDS = "HOST:COPY HOST:SYNC CUTOVER:FENCE HOST:ROW"
BEGINS = "HOST:FOLDER HOST:FOLDER HOST:FOLDER HOST:FOLDER HOST:FOLDER"
RECEIVES = f"{BEGINS} HOST:RECEIVE HOST:LOG HOST:LOG HOST:LAY HOST:LOG HOST:LAY HOST:LINK HOST:PLACE"
RECEIVES_AGAIN = RECEIVES.replace(f"{BEGINS} ", "").replace("HOST:PLACE", "HOST:FORGET HOST:ASIDE HOST:PLACE")
OPENS_AGAIN = "HOST:REOPEN"
REMEMBERS = "TENANT:CURRENT"  # tests/tenants/claims/unchanged.py tests it
LABELS = {
    DiskStep(word)
    for words in (*PASSES.values(), SENDS, RECEIVES, RECEIVES_AGAIN, OPENS_AGAIN, REMEMBERS)
    for word in words.split()
}
