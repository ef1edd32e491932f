"""What can go wrong with the store, split by what the caller must do.

StoreError                      the message is a sentence for the operator
├── StoreUnavailableError       try again later: full disk, read-only file system, locked, I/O error
├── StoreTooNewError            written by a newer textback: upgrade, or restore the backup
├── StoreForeignError           the file is not a textback database
├── IllegalTransitionError      OUTBOX_TRANSITIONS does not allow this step; nothing was changed
├── NoSuchRowError              no such text or call
└── CaseError                   a case cannot be changed like that; nothing was changed
    ├── NoSuchCaseError         no such case
    ├── CaseClosedError         it is closed: `reopen` it first
    └── CaseTakenError          it is somebody else's by now
"""

from __future__ import annotations

from textback.model import OutboxState


class StoreError(Exception):
    """Something the store cannot do, in words for the operator."""


class StoreUnavailableError(StoreError):
    """The database cannot be written or read just now; nothing was changed, try again later."""


class StoreTooNewError(StoreError):
    """The database was written by a newer textback."""


class StoreForeignError(StoreError):
    """The file is not a textback database."""


class IllegalTransitionError(StoreError):
    """A text cannot go from one state to the other."""

    def __init__(self, row_id: int, state: OutboxState, wanted: str, why: str = "") -> None:
        super().__init__(
            f"text {row_id} is {state.value} and cannot be {wanted}" + (f": {why}" if why else "")
        )
        self.row_id = row_id
        self.state = state
        self.wanted = wanted


class NoSuchRowError(StoreError):
    """No text has this number."""


class CaseError(StoreError):
    """A case of a missed caller cannot be changed like that."""


class NoSuchCaseError(CaseError):
    """No case has this number."""


class CaseClosedError(CaseError):
    """The case is closed."""


class CaseTakenError(CaseError):
    """Somebody else made it his since it was looked at."""

    def __init__(self, case_id: int, owner: str) -> None:
        super().__init__(f"case {case_id} is {owner or 'nobody'}'s by now")
        self.owner = owner


class ReplyRefusedError(StoreError):
    """What a person wrote cannot be sent; nothing was changed."""


class OptedOutError(ReplyRefusedError):
    """The handset does not want to be texted."""


class NoThreadError(ReplyRefusedError):
    """There is no conversation it could be part of."""


class WhichNumberError(ReplyRefusedError):
    """The handset has conversations with several numbers of ours."""

    def __init__(self, handset: str, ours: tuple[str, ...]) -> None:
        super().__init__(f"{handset} has conversations with {', '.join(ours)}: say which")
        self.ours = ours
