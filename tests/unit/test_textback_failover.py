"""When a route is given up and taken back: by the table, and under any weather."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from textback.failover import MANY, MOST, Board, Patience, Standing
from textback.model import Accepted, Later, Moment, PartId, Refused, Submission, Unsure

NOW = Moment(datetime(2026, 11, 23, 12, tzinfo=UTC), 1000.0)
TAKEN = Accepted(parts=(PartId(1, 1, "x"),), at=NOW.utc)
THROTTLED = Later(after=1.0, detail="too fast", status=0x58, name="ESME_RTHROTTLED", counts=False)
LINK = Later(after=1.0, detail="not bound", counts=False)
NO = Refused(status=0x0B, name="ESME_RINVDSTADR", detail="")


class Sky:
    """A board and its clock."""

    def __init__(self, **patience: float) -> None:
        self.board = Board()
        self.now = NOW
        self.board.configure({"a": Patience(**patience), "b": Patience(**patience)}, self.now)
        self.bind("a", True)
        self.bind("b", True)
        self.forward(1000)

    def forward(self, seconds: float) -> Standing:
        self.now = self.now.plus(seconds)
        self.board.tick(self.now)
        return self.state

    def bind(self, name: str, bound: bool, *, refused: bool = False) -> None:
        self.board.heard(name, bound, "cut", self.now, refused=refused)

    def says(self, submission: Submission, times: int = 1) -> None:
        for _ in range(times):
            self.board.answered("a", submission, self.now)

    @property
    def state(self) -> Standing:
        return self.board.routes["a"].state


def test_a_short_cut_changes_nothing_but_is_remembered() -> None:
    sky = Sky()
    assert sky.state is Standing.CARRYING
    sky.bind("a", False)
    assert sky.forward(59) is Standing.TROUBLED
    sky.bind("a", True)
    assert sky.forward(59) is Standing.TROUBLED
    assert sky.forward(1) is Standing.CARRYING


def test_a_minute_without_a_bind_is_down_and_a_minute_with_one_is_back() -> None:
    sky = Sky()
    sky.bind("a", False)
    assert sky.forward(60) is Standing.DOWN
    assert sky.board.standing() == {"b"}
    assert sky.board.down() == {"a": "cut"}
    sky.forward(600)
    sky.bind("a", True)
    assert sky.state is Standing.RETURNING
    assert sky.board.standing() == {"b"}
    assert sky.forward(59.9) is Standing.RETURNING
    assert sky.forward(0.2) is Standing.CARRYING
    assert sky.board.standing() == {"a", "b"}


def test_a_route_that_flaps_every_second_is_given_up_once_and_not_taken_back() -> None:
    sky = Sky()
    changes = []
    for second in range(600):
        sky.bind("a", second % 2 == 0)
        before = sky.state
        if sky.forward(1) is not before:
            changes.append(sky.state)
    assert sky.board.standing() == {"b"}
    assert Standing.CARRYING not in changes
    sky.bind("a", True)
    assert sky.forward(60) is Standing.CARRYING


def test_a_refused_login_is_down_at_once() -> None:
    sky = Sky()
    sky.bind("a", False, refused=True)
    assert sky.state is Standing.DOWN


def test_errors_that_blame_the_route_are_trouble_and_one_accepted_text_ends_it() -> None:
    sky = Sky()
    sky.says(THROTTLED, MANY - 1)
    assert sky.state is Standing.CARRYING
    sky.says(TAKEN)
    sky.says(THROTTLED, MANY)
    assert sky.state is Standing.TROUBLED
    sky.forward(30)
    sky.says(TAKEN)
    assert sky.forward(59) is Standing.TROUBLED
    assert sky.forward(1) is Standing.CARRYING


def test_errors_that_last_are_down_and_time_alone_brings_it_back() -> None:
    sky = Sky()
    sky.says(Unsure(detail="no answer"), MANY)
    assert sky.forward(60) is Standing.RETURNING  # bound all the while
    assert sky.board.down() == {"a": "it does not answer"}
    assert sky.forward(60) is Standing.CARRYING


def test_refused_texts_and_a_cut_line_are_no_errors_of_the_route() -> None:
    sky = Sky()
    sky.says(NO, 50)
    sky.says(LINK, 50)
    assert sky.state is Standing.CARRYING


def test_one_that_falls_again_soon_waits_twice_as_long() -> None:
    sky = Sky()
    waits = []
    for _ in range(8):
        sky.bind("a", False)
        assert sky.forward(60) is Standing.DOWN
        sky.bind("a", True)
        end = sky.board.next_end()
        assert end is not None
        waits.append(round(end - sky.now.steady))
        assert sky.forward(end - sky.now.steady - 1) is Standing.RETURNING
        assert sky.forward(1) is Standing.CARRYING
    assert waits == [60, 120, 240, 480, 960, 1920, 60 * MOST, 60 * MOST]
    sky.forward(3600)
    sky.bind("a", False)
    sky.forward(60)
    sky.bind("a", True)
    assert sky.forward(60) is Standing.CARRYING


def test_another_configuration_keeps_how_routes_stand() -> None:
    sky = Sky()
    sky.bind("a", False)
    sky.forward(60)
    sky.board.configure({"c": Patience(), "a": Patience(return_after=5)}, sky.now)
    assert [(s.name, s.standing) for s in sky.board.table()] == [
        ("c", Standing.TROUBLED),
        ("a", Standing.DOWN),
    ]
    sky.bind("a", True)
    assert sky.forward(5) is Standing.CARRYING


weather = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 200)),
        st.tuples(st.just("bind"), st.booleans()),
        st.tuples(st.just("says"), st.sampled_from([TAKEN, THROTTLED, LINK, NO])),
    ),
    max_size=60,
)


@given(weather)
@settings(max_examples=200, deadline=None)
def test_under_any_weather_it_is_given_up_and_taken_back_for_reasons(
    days: list[tuple[str, object]],
) -> None:
    sky = Sky()
    bound_since: float | None = sky.now.steady
    for what, how in days:
        before = sky.state
        if what == "wait":
            assert isinstance(how, float)
            sky.forward(how)
        elif what == "bind":
            assert isinstance(how, bool)
            bound_since = (bound_since or sky.now.steady) if how else None
            sky.bind("a", how)
        else:
            assert isinstance(how, Accepted | Later | Refused)
            sky.says(how)
        if not before.stands and sky.state.stands:
            assert bound_since is not None
            assert sky.now.steady - bound_since >= 60
    sky.bind("a", True)
    assert sky.forward(60 * MOST) is not Standing.DOWN
    assert sky.forward(60 * MOST).stands
