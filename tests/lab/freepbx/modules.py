"""What an administrator sets up in FreePBX beside extensions; each module writes its contexts.

Destinations are in FreePBX's spelling, `context,extension,1`; `@a@ @b@ @c@` are the row's
extensions, `@mobile@` a number outside, `@group@ @queue@ @condition@ @menu@ @misc@ @cid@` the
numbers of the row's modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

HANG_UP = "app-blackhole,hangup,1"


class Module(Protocol):
    @property
    def context(self) -> str:
        """The context its lines stand in; several modules may share one."""

    @property
    def lines(self) -> tuple[str, ...]:
        """`exten => ...` without the word; those after the first begin with a priority."""

    @property
    def astdb(self) -> Mapping[str, str]: ...


@dataclass(frozen=True, kw_only=True)
class Group:
    """A ring group. `members` as FreePBX keeps them: `@a@-@b@-@mobile@#`."""

    members: str
    strategy: str = "ringall"
    seconds: int = 21
    confirm: bool = False
    prefix: str = ""
    then: str = HANG_UP
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "ext-group"

    @property
    def lines(self) -> tuple[str, ...]:
        dial = f"{self.seconds},${{DIAL_OPTIONS}},{self.members}"
        how = (
            f"macro-dial-confirm,s,1({dial},@group@)" if self.confirm else f"macro-dial,s,1({dial})"
        )
        return (
            "@group@,1,Gosub(macro-user-callerid,s,1)",
            "n,Gosub(macro-blkvm-setifempty,s,1)",
            'n,GotoIf($["${GOSUB_RETVAL}" = "TRUE"]?skipov)',
            "n,Gosub(macro-blkvm-set,s,1(reset))",
            "n,Set(__NODEST=)",
            "n(skipov),Set(RRNODEST=${NODEST})",
            "n,Set(__NODEST=${EXTEN})",
            *((f"n,Gosub(macro-prepend-cid,s,1({self.prefix}))",) if self.prefix else ()),
            "n,Gosub(sub-record-check,s,1(rg,${EXTEN},dontcare))",
            f"n,Set(RingGroupMethod={self.strategy})",
            f"n(DIALGRP),Gosub({how})",
            "n,Set(RingGroupMethod=)",
            'n,GotoIf($["${RRNODEST}" != ""]?nodest)',
            "n,Set(__NODEST=)",
            "n,Gosub(macro-blkvm-clr,s,1)",
            f"n,Goto({self.then})",
            "n(nodest),NoOp(SKIPPING DEST, CALL CAME FROM Q/RG: ${RRNODEST})",
            "n,Gosub(macro-hangupcall,s,1)",
        )


@dataclass(frozen=True, kw_only=True)
class FollowMe:
    """Follow-me of extension a: the desk first, then the list too. All of it is in the database."""

    number: str = "@mobile@"
    desk: int = 6  #: seconds before the list rings as well
    seconds: int = 16
    confirm: bool = True
    then: str = HANG_UP
    context: str = ""
    lines: tuple[str, ...] = ()

    @property
    def astdb(self) -> Mapping[str, str]:
        keys = {
            "ddial": "DIRECT",
            "prering": str(self.desk),
            "grptime": str(self.seconds),
            "grplist": self.number,
            "grpconf": "ENABLED" if self.confirm else "DISABLED",
            "postdest": self.then,
        }
        return {f"AMPUSER/@a@/followme/{key}": value for key, value in keys.items()}


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A queue; its members are in the row's `queue`."""

    seconds: int = 60
    prefix: str = ""
    then: str = HANG_UP
    agents_only: bool = False  #: members' extensions without their follow-me ("Agent restrictions")
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "ext-queues"

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            "@queue@,1,Gosub(macro-user-callerid,s,1)",
            "n,Answer()",
            "n,Set(__FROMEXTEN=${CALLERID(number)})",
            *(() if self.agents_only else ("n,Gosub(macro-blkvm-set,s,1(reset))",)),
            "n,Set(__NODEST=${EXTEN})",
            f"n,Set(__QCONTEXT={2 if self.agents_only else 0})",
            *((f"n,Gosub(macro-prepend-cid,s,1({self.prefix}))",) if self.prefix else ()),
            "n,Gosub(sub-record-check,s,1(q,${EXTEN},dontcare))",
            "n,QueueLog(${EXTEN},${UNIQUEID},NONE,DID,${FROM_DID})",
            f"n(qcall),Queue(@queue@,t,,,{self.seconds},,,,,)",
            "n,Gosub(macro-blkvm-clr,s,1)",
            "n,Set(__NODEST=)",
            f"n(gotodest),Goto({self.then})",
        )


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A time condition; `closed` is decided by a day that never comes."""

    closed: bool
    then: str
    otherwise: str
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "timeconditions"

    @property
    def lines(self) -> tuple[str, ...]:
        times = "*,*,30,feb" if self.closed else "*,*,*,*"
        return (
            f"@condition@,1,GotoIfTime({times}?truestate)",
            f"n(falsegoto),Goto({self.otherwise})",
            "n(truestate),Set(DB(TC/@condition@/INUSESTATE)=INUSE)",
            f"n(truegoto),Goto({self.then})",
        )


@dataclass(frozen=True, kw_only=True)
class Announcement:
    then: str = HANG_UP
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "app-announcement-@menu@"

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            's,1,GotoIf($["${CHANNEL(state)}" = "Up"]?begin)',
            "n,Answer()",
            "n,Wait(1)",
            "n(begin),NoOp(Playing announcement)",
            "n(play),Playback(ss-noservice,noanswer)",
            "n,Wait(1)",
            f"n,Goto({self.then})",
        )


@dataclass(frozen=True, kw_only=True)
class Menu:
    """An IVR: a destination for key 1, and one when nobody presses anything."""

    one: str
    timeout: str = HANG_UP
    wait: int = 5
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "ivr-@menu@"

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            "s,1,Set(TIMEOUT_LOOPCOUNT=0)",
            "n,Set(INVALID_LOOPCOUNT=0)",
            "n,Set(__IVR_RETVM=)",
            'n,ExecIf($["${CHANNEL(state)}" != "Up"]?Answer())',
            "n,Wait(1)",
            "n(start),Set(TIMEOUT(digit)=3)",
            "n,Background(beep)",
            f"n,WaitExten({self.wait},)",
            "exten => 1,1,NoOp(Deleting: BLKVM)",
            "n(ivrsel-1),Goto(" + self.one + ")",
            "exten => t,1,Set(TIMEOUT_LOOPCOUNT=$[${TIMEOUT_LOOPCOUNT} + 1])",
            "n,GotoIf($[${TIMEOUT_LOOPCOUNT} > 1]?final)",
            "n,Goto(s,start)",
            f"n(final),Goto({self.timeout})",
            "exten => i,1,Goto(s,start)",
            "exten => return,1,Goto(s,start)",
            "exten => h,1,Hangup()",
        )


@dataclass(frozen=True, kw_only=True)
class Misc:
    """A misc destination: whatever the inside can dial."""

    dial: str = "@mobile@"
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "ext-miscdests"

    @property
    def lines(self) -> tuple[str, ...]:
        return ("@misc@,1,NoOp(MiscDest)", f"n,Goto(from-internal,{self.dial},1)")


@dataclass(frozen=True, kw_only=True)
class SetCallerId:
    """The Set CallerID module."""

    number: str
    name: str
    then: str
    astdb: Mapping[str, str] = field(default_factory=dict)
    context: str = "app-setcid"

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            f"@cid@,1,Set(CALLERID(name)={self.name})",
            f"n,Set(CALLERID(num)={self.number})",
            f"n,Goto({self.then})",
        )
