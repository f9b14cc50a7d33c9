"""The steps of the disk that each change of a tenant passes: `tests/tenants/claims/crashes.py` kills a process at each."""

from schemasync.files.disk import DiskStep

PLACE = (
    "TENANT:FOLDER TENANT:FOLDER RUN:FOLDER RESTORE:HISTORY BUILD:RENAME CUTOVER:UNMARK CUTOVER:SYMLINK CUTOVER:LINK CUTOVER:DISPLACED "
    "CUTOVER:FOLDER TENANT:PLACE"
)
PASSES = {
    "create": PLACE,
    "archive": "TENANT:FOLDER TENANT:ARCHIVE",
    "activate": "TENANT:RETURN",
    "delete": "TENANT:REMOVE",
}
LABELS = {DiskStep(word) for words in PASSES.values() for word in words.split()}
