"""A mixed AMI event stream with the proportions of a busy PBX: about 61 events and 28 kB a call.

Proportions from a recorded mix: class call 52 %, dialplan 37 %, RTCP and other reporting 12 %.
The calls ring one phone; every third is answered.
"""

from __future__ import annotations

from collections.abc import Iterator

STATES = {0: "Down", 4: "Ring", 5: "Ringing", 6: "Up"}


def snapshot(prefix: str, channel: str, state: int, caller: str, uid: str, linked: str) -> str:
    return (
        f"{prefix}Channel: {channel}\r\n{prefix}ChannelState: {state}\r\n"
        f"{prefix}ChannelStateDesc: {STATES[state]}\r\n{prefix}CallerIDNum: {caller}\r\n"
        f"{prefix}CallerIDName: Zoë Example\r\n{prefix}ConnectedLineNum: <unknown>\r\n"
        f"{prefix}ConnectedLineName: <unknown>\r\n{prefix}Language: en\r\n"
        f"{prefix}AccountCode: \r\n{prefix}Context: from-trunk\r\n{prefix}Exten: +12125550100\r\n"
        f"{prefix}Priority: 1\r\n{prefix}Uniqueid: {uid}\r\n{prefix}Linkedid: {linked}\r\n"
    )


def call(number: int, at: float) -> Iterator[str]:
    """The events of one call, as the text AMI sends."""
    uid, leg = f"{1790000000 + number}.{2 * number}", f"{1790000000 + number}.{2 * number + 1}"
    trunk, phone = f"PJSIP/trunk-{number:08x}", f"PJSIP/101-{number:08x}"
    caller = f"+1212{5550000 + number % 10000:07d}"
    answered = number % 3 == 0

    def event(name: str, klass: str, body: str, dt: float = 0.0) -> str:
        return f"Event: {name}\r\nPrivilege: {klass},all\r\nTimestamp: {at + dt:.6f}\r\n{body}\r\n"

    def snap(state: int) -> str:
        return snapshot("", trunk, state, caller, uid, uid)

    def dest(state: int) -> str:
        return snapshot("", phone, state, "101", leg, uid)

    def variable(name: str, value: str) -> str:
        return event("VarSet", "dialplan", snap(4) + f"Variable: {name}\r\nValue: {value}\r\n")

    def step(application: str) -> str:
        extra = f"Extension: s\r\nApplication: {application}\r\nAppData: x=1,y=2\r\n"
        return event("Newexten", "dialplan", snap(4) + extra)

    yield event("Newchannel", "call", snap(4))
    for n in range(7):
        yield variable(f"__LOCAL_{n}", str(n))
        yield step("Set")
    yield event("Newchannel", "call", dest(0), 0.1)
    both = snap(4) + snapshot("Dest", phone, 0, "101", leg, uid)
    yield event("DialBegin", "call", both + "DialString: 101/sip:101@127.0.0.1\r\n", 0.1)
    yield event("Newstate", "call", dest(5), 0.2)
    ringing = snap(4) + snapshot("Dest", phone, 5, "101", leg, uid)
    yield event("DialState", "call", ringing + "DialStatus: RINGING\r\n", 0.2)
    for n in range(7):
        yield variable(f"RTPAUDIOQOS{n}", "ssrc=1;themssrc=2;lp=0;rxjitter=0.0")
    for _ in range(7):
        body = snap(4) + "SSRC: 0x1\r\nPT: 200(SR)\r\nReportCount: 1\r\n"
        yield event("RTCPSent", "reporting", body, 1.0)
    status = "ANSWER" if answered else "NOANSWER"
    yield event("DialEnd", "call", ringing + f"DialStatus: {status}\r\n", 9.0)
    bridge = (
        f"BridgeUniqueid: b-{number}\r\nBridgeType: basic\r\nBridgeTechnology: simple_bridge\r\n"
        "BridgeCreator: <unknown>\r\nBridgeName: <unknown>\r\nBridgeNumChannels: 2\r\n"
        "BridgeVideoSourceMode: none\r\n"
    )
    if answered:
        yield event("Newstate", "call", snap(6), 9.0)
        yield event("BridgeCreate", "call", bridge, 9.0)
        yield event("BridgeEnter", "call", bridge + snap(6), 9.0)
        yield event("BridgeEnter", "call", bridge + dest(6), 9.0)
        for _ in range(5):
            body = snap(6) + "SSRC: 0x1\r\nPT: 201(RR)\r\nReportCount: 1\r\n"
            yield event("RTCPReceived", "reporting", body, 20.0)
        yield event("BridgeLeave", "call", bridge + snap(6), 30.0)
        yield event("BridgeLeave", "call", bridge + dest(6), 30.0)
        yield event("BridgeDestroy", "call", bridge, 30.0)
    yield variable("DIALSTATUS", status)
    for n in range(6):
        yield variable(f"CDR{n}", "x" * 12)
        yield step("NoOp")
    for _ in range(4):
        yield event("DeviceStateChange", "call", "Device: PJSIP/101\r\nState: NOT_INUSE\r\n", 30.0)
    yield event("HangupRequest", "call", snap(6), 30.0)
    for n in range(4):
        yield event("NewConnectedLine", "call", snap(6) + f"Extra: {n}\r\n", 30.0)
    cause = "Cause: 16\r\nCause-txt: Normal Clearing\r\n"
    yield event("Hangup", "call", dest(6) + cause, 30.0)
    yield event("Hangup", "call", snap(6) + cause, 30.0)


def stream(calls: int) -> tuple[bytes, int]:
    """`calls` calls one after the other as bytes, and how many events that is."""
    out: list[str] = []
    for number in range(calls):
        out.extend(call(number, 1790000000.0 + number * 0.1))
    return "".join(out).encode(), len(out)
