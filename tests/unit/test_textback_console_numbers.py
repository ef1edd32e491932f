"""The pages and the API of watched numbers: what they show, change, preview, test and undo."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.fakes.store import call, fact
from tests.unit.console_rig import CONFIG, NOW
from tests.unit.edits_rig import FIRST, Client, Place, browser, place
from textback.model import Contact, Moment, OutboxState, TextKind
from textback.store import samples

ANNA = "+12125550123"
HOSTILE = "<script>alert(1)</script>\"'>&{{contact.name}} {{business.name}} Reply STOP"


async def page(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        assert answer.status == status
        return await answer.text()


def form_of(html: str) -> dict[str, str]:
    """The fields of the number's form as a browser without JavaScript would send them."""
    form = html[html.index('class="number-form"') :]
    form = form[: form.index("</form>")]
    fields: dict[str, str] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        value = {k: unescape(v) for k, v in re.findall(r'([\w-]+)="([^"]*)"', tag)}
        if value.get("type") == "checkbox" and not re.search(r"\bchecked\b", tag):
            continue
        fields[value["name"]] = value.get("value", "on")
    for name, body in re.findall(
        r'<textarea [^>]*name="(\w+)"[^>]*>\n?(.*?)</textarea>', form, re.S
    ):
        fields[name] = unescape(body)
    for name, body in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.S):
        fields[name] = re.findall(r'value="([^"]*)" selected', body)[0]
    return fields


async def sent(client: Client, path: str, **fields: str) -> tuple[int, str]:
    async with client.post(path, data=fields, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def api(client: Client, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1{path}", json=body) as answer:
        return answer.status, await answer.json()


async def anna_called(there: Place, name: str = "Anna Weber") -> None:
    store = there.backend.store
    contact = Contact(number=ANNA, name=name)
    await store.put_contact(contact, NOW)
    began = call(did=FIRST, caller=ANNA, started=Moment(NOW, 0.0), at=Moment(NOW, 0.0))
    await store.record_calls([fact(began, number=FIRST, caller=ANNA)], NOW)


# --- what is shown -----------------------------------------------------------------------------


async def test_every_number_is_a_card_with_its_text_as_the_last_caller_would_get_it(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await anna_called(there)
        html = await page(client, "/numbers")
        assert html.count('class="card number-card"') == 2
        assert "As Anna Weber would get it" in html
        assert "Hi Anna Weber, this is Acme Dental." in html
        assert "Hi there, this is Acme Dental." in html  # nobody called the second one


async def test_a_viewer_sees_everything_and_can_change_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there, role="viewer") as client:
        html = await page(client, "/numbers/1")
        assert "Save" not in html.replace('aria-hidden="true" disabled>Save', "")
        assert "formaction" not in html
        for path in ("/numbers/mode", "/numbers/history"):
            await page(client, path, 403)
        for path in ("/numbers/1", "/numbers/1/test", "/numbers/1/reset", "/numbers/mode"):
            assert (await sent(client, path, did=FIRST))[0] == 403
        for method, path in (("PATCH", "/numbers/1"), ("POST", "/mode"), ("GET", "/changes")):
            body = None if method == "GET" else {"mode": "live"}
            assert (await api(client, method, path, body))[0] == 403
        assert not there.path.exists()


async def test_a_number_that_is_not_there_is_no_page(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        for path in ("/numbers/0", "/numbers/3", f"/numbers/{10**17}"):
            await page(client, path, 404)
        assert (await api(client, "GET", "/numbers/3"))[0] == 404


async def test_a_hostile_name_and_a_hostile_text_stay_words(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await anna_called(there, "<img src=x>")
        status, _ = await api(client, "PATCH", "/numbers/1", {"message": HOSTILE, "label": "<b>x"})
        assert status == 200
        for path in ("/numbers", "/numbers/1", "/numbers/history", "/numbers/mode"):
            html = await page(client, path)
            assert "<script>alert" not in html
            assert "<img src=x>" not in html
            assert "<b>x" not in html
        assert there.on_disk().number[0].message == HOSTILE


# --- changing ----------------------------------------------------------------------------------


async def test_a_form_that_is_sent_back_as_it_came_changes_nothing(tmp_path: Path) -> None:
    text = CONFIG + (
        'quiet_hours = "21:00-08:00"\nfollow_up = "a\\nb"\n[number.hours]\ndays = "mon-fri"\n'
        'open = "22:00-06:00"\nsat = "24h"\nholidays = ["12-25"]\ntimezone = "Europe/Berlin"\n'
    )
    (tmp_path / "textback.toml").write_text(text)
    (tmp_path / "conf.d").mkdir()
    async with place(tmp_path) as there, browser(there) as client:
        for number in (1, 2):
            fields = form_of(await page(client, f"/numbers/{number}"))
            assert (await sent(client, f"/numbers/{number}", **fields))[0] == 303
        assert not there.path.exists()
        assert there.reloads == 0


async def test_only_what_was_changed_is_written(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        fields = form_of(await page(client, "/numbers/1"))
        fields |= {"message": "One\r\ntwo {{business.name}}", "ring_timeout": "20s"}
        del fields["enabled"]
        fields["hours.on"] = "on"
        fields["hours.mon"] = "09:00-12:00, 13:00-17:00"
        assert (await sent(client, "/numbers/1", **fields))[0] == 303
        number = there.config.number[0]
        assert (number.message, number.ring_timeout) == ("One\ntwo {{business.name}}", 20)
        assert number.enabled is False
        assert number.hours is not None
        assert [len(day) for day in number.hours.week.days] == [2, 0, 0, 0, 0, 0, 0]
        keys = {o.key for o in there.config.overrides}
        assert keys == {"message", "ring_timeout", "enabled", "hours"}


async def test_what_is_again_as_the_files_say_loses_its_override(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        fields = form_of(await page(client, "/numbers/1"))
        assert (await sent(client, "/numbers/1", **{**fields, "cooldown": "1h"}))[0] == 303
        assert there.path.exists()
        fields = form_of(await page(client, "/numbers/1"))
        assert (await sent(client, "/numbers/1", **{**fields, "cooldown": "24h"}))[0] == 303
        assert not there.path.exists()


async def test_a_mistake_stands_at_its_field_with_what_was_typed(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        fields = form_of(await page(client, "/numbers/1"))
        wrong = {"message": "Hi {{contact.nam}}", "ring_timeout": "soon", "hours.on": "on"}
        status, html = await sent(
            client, "/numbers/1", **{**fields, **wrong, "hours.tue": "9 to 5"}
        )
        assert status == 422
        assert "Hi {{contact.nam}}</textarea>" in html
        assert 'value="soon"' in html
        assert 'value="9 to 5"' in html
        assert html.count('aria-invalid="true"') == 3
        assert "is not a duration" in unescape(html)
        assert not there.path.exists()


async def test_a_file_that_changed_meanwhile_is_told_and_what_was_typed_is_kept(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        fields = form_of(await page(client, "/numbers/1"))
        there.path.write_text('[[override.number]]\ndid = "+12125550101"\nlabel = "hand"\n')
        status, html = await sent(client, "/numbers/1", **{**fields, "label": "typed"})
        assert (status, "Somebody else changed" in html) == (409, True)
        again = form_of(html)
        assert again["label"] == "typed"
        assert (await sent(client, "/numbers/1", **again))[0] == 303
        assert [n.label for n in there.config.number] == ["typed", "hand"]


async def test_a_form_of_another_number_at_this_place_changes_nothing(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        fields = form_of(await page(client, "/numbers/1"))
        status, html = await sent(client, "/numbers/2", **{**fields, "label": "x"})
        assert (status, "list of numbers has changed" in html) == (409, True)
        assert not there.path.exists()


async def test_put_back_takes_one_key_and_not_what_else_was_typed(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await api(client, "PATCH", "/numbers/1", {"label": "a", "owner": "101"})
        html = await page(client, "/numbers/1")
        assert html.count("Put back") == 2
        fields = form_of(html) | {"owner": "typed", "reset": "label"}
        assert (await sent(client, "/numbers/1/reset", **fields))[0] == 303
        number = there.config.number[0]
        assert (number.label, number.owner) == ("Main line", "101")


@pytest.mark.parametrize("key", ["sender", "smsc", "did", "desk", "replies", "messages_by_tag"])
async def test_what_the_administrator_keeps_cannot_be_changed_here(
    tmp_path: Path, key: str
) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        assert (await api(client, "PATCH", "/numbers/1", {key: "x"}))[0] == 422
        assert (await api(client, "PATCH", "/numbers/1", {"reset": [key]}))[0] == 422
        fields = form_of(await page(client, "/numbers/1"))
        assert key == "did" or (await sent(client, "/numbers/1", **{**fields, key: "x"}))[0] == 303
        assert not there.path.exists()


async def test_a_console_that_may_not_write_says_why_and_shows_no_button(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        there.path.write_text('[store]\npath = "x.db"\n')
        html = await page(client, "/numbers/1")
        assert "was written by hand: it has store" in html
        assert "save-bar" not in html
        status, told = await api(client, "PATCH", "/numbers/1", {"label": "x"})
        assert (status, told["code"]) == (409, "read_only")


# --- the mode ----------------------------------------------------------------------------------


async def test_the_mode_is_changed_after_a_page_that_says_what_happens(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        html = await page(client, "/numbers/mode")
        assert "no text leaves" in html
        seen = re.findall(r'name="seen" value="(\w+)"', html)[0]
        assert (await sent(client, "/numbers/mode", mode="shadow", seen=seen))[0] == 303
        assert there.on_disk().mode == "shadow"
        html = await page(client, "/numbers/mode")
        assert "Main line" in html
        assert "Go live?" in html
        status, told = await api(client, "POST", "/mode", {"mode": "live"})
        assert (status, told["change"]) == (200, 2)
        assert there.config.mode == "live"
        assert not there.path.exists()  # as the files say


async def test_no_mode_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        assert (await sent(client, "/numbers/mode", mode="off", seen=""))[0] == 422
        assert there.config.mode == "live"


# --- previews and tests ------------------------------------------------------------------------


async def test_a_preview_has_text_parts_alphabet_and_findings(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await anna_called(there)
        body = {"text": "Hi {{contact.name}} \U0001f9b7" + "!" * 70, "key": "message"}
        status, told = await api(client, "POST", "/numbers/1/preview", body)
        assert status == 200
        assert told["rendered"].startswith("Hi Anna Weber \U0001f9b7")
        assert (told["parts"], told["encoding"], told["odd"]) == (2, "ucs2", ["\U0001f9b7"])
        rules = {f["rule"] for f in told["findings"]}
        assert rules == {"name", "stop", "punctuation", "alphabet", "segments"}
        status, html = await sent(client, "/numbers/1/preview", text=body["text"], key="message")
        assert status == 200
        assert "Does not say who writes." in html
        assert "<html" not in html


async def test_a_preview_of_no_template_says_why(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        body = {"text": "{% for x in y %}", "key": "message"}
        status, told = await api(client, "POST", "/numbers/1/preview", body)
        assert (status, told["rendered"], bool(told["error"])) == (200, "", True)


async def test_a_test_goes_through_the_queue_and_is_followed(tmp_path: Path) -> None:
    kicks: list[int] = []
    async with place(tmp_path) as there, browser(there) as client:
        there.backend.kick = lambda: kicks.append(1)
        status, told = await api(client, "POST", "/numbers/1/test", {"to": "(212) 555-0190"})
        assert (status, told["state"], told["to"]) == (201, "queued", "+12125550190")
        assert told["text"].startswith("Hi there, this is Acme Dental.")
        assert (kicks, told["over"]) == ([1], False)
        row = await there.backend.store.text(told["row"])
        assert (row.kind, row.state, row.sender) == (TextKind.TEST, OutboxState.QUEUED, FIRST)
        status, again = await api(client, "GET", f"/test-texts/{told['row']}")
        assert (status, again["state"]) == (200, "queued")
        assert "Waiting" in await page(client, f"/numbers/tests/{told['row']}")


async def test_a_text_that_is_no_test_is_not_shown_as_one(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        assert (await api(client, "GET", "/test-texts/7"))[0] == 404
        store = there.backend.store
        row = await store.reply(ANNA, FIRST, "Private", by="anna", now=NOW, number=FIRST)
        assert (await api(client, "GET", f"/test-texts/{row.id}"))[0] == 404
        assert "Private" not in await page(client, f"/numbers/tests/{row.id}", 404)


@pytest.mark.parametrize("to", ["nobody", "12", "<script>", "+999999999999999"])
async def test_a_test_to_no_number_stands_at_its_field(tmp_path: Path, to: str) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        status, html = await sent(client, "/numbers/1/test", to=to, key="message")
        assert (status, "This is no telephone number." in html) == (409, True)
        assert (await there.backend.store.queue()) == []


# --- the history -------------------------------------------------------------------------------


async def test_the_history_tells_who_changed_what_and_undoes_it(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await api(client, "PATCH", "/numbers/1", {"label": "Desk", "outcomes": ["busy"]})
        html = await page(client, "/numbers/history")
        assert "Desk" in html
        assert "admin" in html
        status, told = await api(client, "GET", "/changes")
        assert status == 200
        (change,) = told["changes"]
        assert {(k["key"], k["now"]) for k in change["keys"]} == {
            ("label", "Desk"),
            ("outcomes", "busy"),
        }
        assert (await sent(client, "/numbers/history/1/undo"))[0] == 303
        assert there.config.number[0].label == "Main line"
        status, html = await sent(client, "/numbers/history/1/undo")
        assert (status, "as it was before" in html) == (409, True)
        assert (await api(client, "POST", "/changes/99/undo", None))[0] in (404, 415)


async def test_what_is_done_to_the_numbers_is_in_the_audit_log(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        await api(client, "PATCH", "/numbers/1", {"label": "Desk", "owner": "101"})
        await api(client, "PATCH", "/numbers/1", {"label": "Desk"})  # it is so already
        await api(client, "POST", "/mode", {"mode": "shadow"})
        assert (await sent(client, "/numbers/history/1/undo"))[0] == 303
        _, text = await api(client, "POST", "/numbers/1/test", {"to": "+12125550190"})
        lines = (await there.backend.store.audited())[::-1]
        assert [(one.action, one.subject, one.detail) for one in lines] == [
            ("number.change", "number 1", "change=1 keys=label owner"),
            ("mode.change", "shadow", "change=2"),
            ("change.undo", "change 1", "change=3"),
            ("number.test", f"text {text['row']}", "number=1 text=message"),
        ]
        assert {one.who for one in lines} == {"admin"}


async def test_the_history_goes_on_by_a_cursor(tmp_path: Path) -> None:
    async with place(tmp_path) as there, browser(there) as client:
        store = there.backend.store
        for _n in range(35):
            await store.begin_change("anna", [], None, "x", NOW)
        _, first = await api(client, "GET", "/changes")
        _, rest = await api(client, "GET", f"/changes?cursor={first['next']}")
        found = [c["change"] for c in (*first["changes"], *rest["changes"])]
        assert found == list(range(35, 0, -1))
        assert rest["next"] == ""
        assert (await api(client, "GET", "/changes?cursor=nonsense"))[0] == 400
        assert json.dumps(first)


# --- all other numbers, and many calls -----------------------------------------------------------


async def test_all_other_numbers_are_a_card_that_can_be_changed_and_not_tested(
    tmp_path: Path,
) -> None:
    more = '[[number]]\ndid = "*"\nmessage = "{{business.name}} {{number.phone}} STOP"\n'
    (tmp_path / "textback.toml").write_text(CONFIG + more)
    (tmp_path / "conf.d").mkdir()
    async with place(tmp_path) as there, browser(there) as client:
        html = await page(client, "/numbers")
        assert "All other numbers" in html
        assert "Acme Dental (212) 555-0100 STOP" in html
        fields = form_of(await page(client, "/numbers/3"))
        assert (await sent(client, "/numbers/3", **{**fields, "label": "Rest"}))[0] == 303
        assert there.on_disk().number[2].label == "Rest"
        status, told = await api(client, "POST", "/numbers/3/test", {"to": "+12125550190"})
        assert (status, told["code"]) == (409, "sender")


async def test_the_caller_to_show_a_text_by_is_found_by_an_index(tmp_path: Path) -> None:
    async with place(tmp_path) as there:

        def plan(db: Connection) -> str:
            query = str(samples._NEWEST.compile(db, compile_kwargs={"literal_binds": False}))
            rows = db.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", (samples.LOOKED_AT, 0))
            return " ".join(str(row) for row in rows)

        assert "USING INDEX ix_calls_started_at" in await there.backend.store.read(plan)
