"""One row of FreePBX's call matrix: an inbound route, where it leads, and how numbers are spelt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab.row import Row

if TYPE_CHECKING:
    from tests.lab.freepbx.modules import Module

#: Digits of the calling code, and what people of that country dial before a national number.
CODES = {"US": ("1", ""), "GB": ("44", "0"), "DE": ("49", "0")}
# Ranges kept for fiction by NANPA, Ofcom and the Bundesnetzagentur; two digits of our own follow.
OURS = {"US": "+121255501", "GB": "+4420794601", "DE": "+4930231251"}  #: New York, London, Berlin
THEIRS = {"US": "+164655501", "GB": "+4477009001", "DE": "+4917139200"}  #: mobiles


def spell(e164: str, style: str, country: str) -> str:
    """A number of `country` in one of the ways a trunk writes it."""
    code, prefix = CODES[country]
    national = e164[1 + len(code) :]
    return {
        "plus": e164,
        "bare": e164[1:],  # 12125550112: the carrier left the plus out
        "national": prefix + national,  # 2125550112, 02079460112
        "011": f"011{e164[1:]}",
        "00": f"00{e164[1:]}",
    }[style]


@dataclass(frozen=True, kw_only=True, repr=False)
class FreepbxRow(Row):
    """`dialplan` has one step, the route's destination, as FreePBX spells it: context,exten,1."""

    modules: tuple[Module, ...] = ()
    astdb: Mapping[str, str] = field(default_factory=dict)  #: "DND/@a@": "YES"
    trunk: str = ""  #: an endpoint of pjsip.conf; "" is the one out of the box
    home: str = "US"  #: country of the number that is called
    country: str = "US"  #: of the caller
    delivered: str = "national"  #: how the trunk spells the number that is called
    style: str = "national"  #: how it spells the caller's
    route: str = ""  #: the extension of the inbound route, where it is not what the trunk dials
    by_caller: bool = False  #: the inbound route is for this caller alone
    prefix: str = ""  #: what the inbound route puts before the caller's name
    shown: str = ""  #: the number that is called, where it is not what the trunk dials

    @property
    def did(self) -> str:
        return OURS[self.home] + f"{self.index:02d}"

    @property
    def number_outside(self) -> str:
        return THEIRS[self.country] + f"{self.index:02d}"

    @property
    def mobile(self) -> str:
        """The staff member's mobile as a group's list has it: ten digits."""
        return spell(self.out, "national", "US")

    @property
    def received(self) -> str:
        """The number that was called, as the trunk or the inbound route names it."""
        if self.shown:
            return self.fill(self.shown)
        return self.line if self.direction == "inbound" else super().dialled

    @property
    def dialled(self) -> str:
        """The same as `textback` tells it: in full, when it is one of ours."""
        is_ours = self.direction == "inbound" and self.watched and "did" not in self.number
        return self.did if is_ours else self.received

    def fill(self, text: str) -> str:
        for digit, token in enumerate(("queue", "condition", "group", "menu", "misc", "cid"), 4):
            text = text.replace(f"@{token}@", f"{digit}{self.index:02d}0")
        return super().fill(text.replace("@mobile@", self.mobile))
