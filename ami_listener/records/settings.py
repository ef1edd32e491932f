"""Which records of one Asterisk are read, and how (`RecordSettings`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from ami_listener.births import Inbound
from ami_listener.records import columns


@dataclass(frozen=True, kw_only=True)
class RecordSettings:
    """The records of one [[pbx]]. Raises ValueError for columns that cannot work."""

    pbx: str
    inbound: Inbound
    not_human: tuple[str, ...] = ()
    cel_csv: Path | None = None
    cel_sqlite: Path | None = None
    cdr_csv: Path | None = None
    cdr_sqlite: Path | None = None
    cel_table: str = "cel"
    cdr_table: str = "cdr"
    #: Fields of a CSV file in their order; empty: as Asterisk's sample has them.
    cel_columns: tuple[str, ...] = ()
    cdr_columns: tuple[str, ...] = ()
    utc: bool = False  #: cdr_csv writes UTC (usegmtime); the others write local time, or say more
    zone: tzinfo | None = field(default=None, repr=False)  #: of local times; None: this host's
    max_rows: int = 50_000  #: of one source; a call has about thirty in CEL

    def __post_init__(self) -> None:
        for name, given, needed in (
            ("cel_columns", columns.named(self.cel_columns, cel=True), columns.CEL_NEEDED),
            ("cdr_columns", columns.named(self.cdr_columns, cel=False), columns.CDR_NEEDED),
        ):
            missing = sorted(needed - set(given))
            if given and missing:
                raise ValueError(f"{name} lacks {', '.join(missing)}")
        if self.max_rows < 1:
            raise ValueError("max_rows must be above 0")

    @property
    def any(self) -> bool:
        return bool(self.cel_csv or self.cel_sqlite or self.cdr_csv or self.cdr_sqlite)
