"""Schema steps, one file each under `versions/`, run by Alembic when the store is opened.

A new step: write `versions/NNNN_what.py` with `revision = "NNNN"` and the step before it as
`down_revision`, and add "NNNN" to KNOWN. A test compares the result with `schema`.
"""

#: All schemas this code has ever had, oldest first.
KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008")
#: The schema this code works with.
HEAD = KNOWN[-1]
