"""FreePBX's call matrix: the ways a call goes through a dialplan of that shape, in ONE table.

Written in two halves, `tests.lab.freepbx.numbers` and `.ways`, and put together here.
A row is an inbound route (its number, how the trunk spells it and the caller), where it leads in
FreePBX's words, the modules on the way, and what `textback why` must say in the end. Groups and
queues reach phones through Local channels; `@mobile@` is a staff member's number out the trunk.
Extensions ring for 15 s and then go to voicemail, as FreePBX has it out of the box; `RINGS_ON` has
no mailbox and rings until somebody ends it. `GERMAN` and `BRITISH` are tables for a business there.
"""

from __future__ import annotations

from tests.lab.freepbx.factory import table
from tests.lab.freepbx.numbers import BRITAIN, GERMANY, NUMBERS
from tests.lab.freepbx.ways import WAYS

ROWS = table((*NUMBERS, *WAYS))
GERMAN = table(GERMANY)
BRITISH = table(BRITAIN)
