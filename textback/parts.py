"""The working parts of the service: what is built, from which settings, and who tells whom.

build       delivery, inbox, intake, hooks, catch-up, AMI links, routes, and who watches over them
take_over   a new configuration: only those links and routes that changed are made anew

Their tasks are begun and ended in `parts_life`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from ami_listener.actions import AmiError
from ami_listener.link import LinkState, PbxLink
from sms_gateway.link import Route, RouteState
from textback import log as logging
from textback import parts_exchange, wiring
from textback.alarms import Alarm, Alarms
from textback.catchups import CatchUps
from textback.config import Config, PbxConfig, SmscConfig
from textback.console.feed import EVERYTHING, Feed
from textback.console_feed import FeedObserver
from textback.contacts_desk import ContactsDesk
from textback.crew import Crew
from textback.delivery import Delivery
from textback.desk import DeskPhones
from textback.desk_answers import DeskAnswers
from textback.dialling import Dialling
from textback.dialplan import Dialplan
from textback.examiner import Examiner
from textback.figures_keeper import FiguresKeeper
from textback.fleet import Fleet
from textback.hint_desk import HintDesk
from textback.inbox import Inbox
from textback.intake import Intake
from textback.keeping_run import Keeper
from textback.metrics import Metrics
from textback.metrics_routes import RouteMetrics
from textback.model import Call, Direction, Hint, Moment, OutboxRow, Phase, Receipt
from textback.notify import Notifier
from textback.observer import Both
from textback.overdue import Overdue
from textback.standing import Standing
from textback.store.rows import CaseChange
from textback.store.store import Store
from textback.switch import Switch
from textback.tell import Teller

log = structlog.get_logger(__name__)


class Parts:
    """All that works between the store and the three edges; `config` is the one in force."""

    def __init__(
        self,
        config: Config,
        store: Store,
        store_path: Path,
        crew: Crew,
        notifier: Notifier,
        path: Path = Path("textback.toml"),
    ) -> None:
        """`path` is that of the configuration, for who speaks of it."""
        self.config = config
        self.store = store
        store.codes = lambda route: wiring.opt_out_codes(self.config, route)
        self.crew = crew
        self.notifier = notifier
        self._store_path = store_path
        self._path = path
        self.metrics = Metrics(mode=config.mode)
        self.feed = Feed()
        self.teller = Teller(
            store,
            lambda: self.config,
            on_failing=lambda why: self.alarms.happened(Alarm.TELLING_FAILED, why),
        )
        self.alarms = Alarms(on_change=self._say_status, tell=self.teller.happened)
        store.watch(
            on_events=self._happened,
            on_trouble=lambda why: self.alarms.happened(Alarm.STORE_FAILED, why),
        )
        self.observer = Both(Both(self.metrics, self.alarms), FeedObserver(self.feed))
        self.pbxs: dict[str, PbxLink] = {}
        self.routes: dict[str, Route] = {}
        self.switches: dict[str, Switch] = {}
        self._build()

    # --- building -----------------------------------------------------------------------------

    def _build(self) -> None:
        self._reply_rules = wiring.reply_rules(self.config)
        self.inbox = Inbox(
            self.store,
            lambda: self.config.business.country,
            rules=lambda: self._reply_rules,
            observer=self.observer,
            on_kept=lambda _: self.desk_phones.kick(),
            on_answer=self._answered,
        )
        self.overdue = Overdue(self.store)
        self.intake = Intake(
            self.store,
            lambda: self.config,
            on_queued=self._queued,
            kick=self.kick,
            on_cases=self._cases_changed,
            observer=self.observer,
        )
        self.fleet = Fleet(
            self.store,
            self.config.router,
            wiring.patience(self.config),
            on_change=self._routes_changed,
            on_down=lambda said: self.alarms.happened(Alarm.ROUTE_DOWN, said),
        )
        self.metrics.registry.register(RouteMetrics(self.fleet.figures))
        for smsc in self.config.smsc:
            self.routes[smsc.name] = self.route(smsc)
        self.build_delivery()
        self._build_dialplan()
        self.catch_ups = CatchUps(
            self.store,
            self.crew,
            links=self.pbxs,
            reader=lambda name: wiring.record_reader(self.config, name, self._watch),
            hand_on=self._call,
        )
        for pbx in self.config.pbx:
            self.pbxs[pbx.name] = self.link(pbx)
        self.contacts = ContactsDesk(self.store, lambda: self.config, self.pbxs, errors=AmiError)
        self.dialling = Dialling(
            lambda: self.config, lambda: self.pbxs, on_dialled=self.metrics.dialled
        )
        self.standing = Standing(
            config=lambda: self.config,
            pbxs=self.pbxs,
            routes=self.routes,
            dead=self.crew.dead,
            facts=lambda: (self.intake.waiting, self.intake.dropped),
            store=self.store,
            store_path=self._store_path,
            metrics=self.metrics,
            alarms=self.alarms,
            dialplan=self.dialplan,
            caught=self.catch_ups.standing,
            fleet=self.fleet,
            teller=self.teller,
        )

        self.examiner = Examiner(
            lambda: self.config,
            self._path,
            self.standing.health,
            on_change=lambda: self.feed.say("health"),
        )
        self.keeper = Keeper(self.store, lambda: self.config, on_purged=self.metrics.keeping.purged)
        self.figures = FiguresKeeper(
            self.store, lambda: self.config, on_changed=lambda: self.feed.say("figures")
        )

    def build_delivery(self) -> None:
        """Delivery over the routes there are, with nothing in flight."""
        self.switches = {name: Switch(route) for name, route in self.routes.items()}
        self.delivery = Delivery(
            self.store,
            list(self.switches.values()),
            segments=lambda route, text: wiring.segments(self.config, route, text),
            rules=lambda route: wiring.retry_rules(self.config, route),
            observer=self.observer,
            fleet=self.fleet,
        )

    def _build_dialplan(self) -> None:
        self.desk_phones = DeskPhones(
            self.store,
            lambda: self.config,
            lambda: wiring.phone_lines(self.config, self.pbxs),
            on_told=self.metrics.desk_phone,
        )
        self.desk_answers = DeskAnswers(
            self.store, lambda: self.config, on_queued=self._desk_answered
        )
        desk = HintDesk(
            self.store,
            lambda: self.config,
            self.pbxs,
            on_call=self._call,
            on_queued=self._offered,
            answers=self.desk_answers,
            observer=self.observer,
        )
        make = partial(wiring.agi_server, desk=desk, on_answer=self.metrics.hook)
        self.dialplan = Dialplan(desk, lambda: self.config, make)

    def route(self, smsc: SmscConfig) -> Route:
        """The way to a carrier; it runs when it is started."""
        return Route(
            wiring.route_settings(smsc, self.config.business.country),
            on_receipt=wiring.or_not_now(self._receipt),
            on_reply=wiring.or_not_now(self.inbox.reply),
            on_answered=self.inbox.answered,
            on_late=lambda row, submission: self.delivery.late(row, submission, smsc.name),
            on_state=partial(self._route_is, smsc.name),
        )

    def _route_is(self, name: str, state: RouteState, detail: str) -> None:
        bound, refused = state is RouteState.BOUND, state is RouteState.REFUSED
        step = state not in {RouteState.BOUND, RouteState.WAITING, RouteState.REFUSED}
        self.fleet.heard(name, bound, detail, refused=refused, step=step)
        self._say_status()

    async def _receipt(self, receipt: Receipt) -> None:
        shared = wiring.receipt_routes(self.config, receipt.route)
        await self.inbox.receipt(replace(receipt, shared=shared - {receipt.route}))

    def _routes_changed(self) -> None:
        self.delivery.kick()
        self._say_status()

    def link(self, pbx: PbxConfig) -> PbxLink:
        """The way to a PBX, with its catch-up; it runs when it is started."""
        catch_up = self.catch_ups.add(pbx.name)

        def told(call: Call) -> None:
            catch_up.told(call)
            self._call(call)

        def state(state: LinkState, _detail: str) -> None:
            catch_up.link_is(state)
            if state is LinkState.UP:
                self.desk_phones.link_up(pbx.name)
            self._say_status()

        link = PbxLink(
            wiring.pbx_settings(pbx),
            watch=self._watch,
            on_call=told,
            on_state=state,
            on_hint=self.dialplan.desk.heard,
        )
        link.clicks.watch(lambda _: self.feed.say("cases"))
        return link

    def kick(self) -> None:
        """There may be texts to send, by a carrier or to a phone, and events to tell of."""
        log.debug("kicked")
        self.delivery.kick()
        self.desk_phones.kick()
        self.overdue.look()
        self.teller.look_again()

    def woken(self) -> None:
        """The command line wrote something, and says only that."""
        self.kick()
        self.feed.say(EVERYTHING)

    def size(self) -> dict[str, Any]:
        return {
            "mode": self.config.mode,
            "pbx": list(self.pbxs),
            "smsc": list(self.routes),
            "numbers": len(self.config.number),
        }

    # --- what the parts report ----------------------------------------------------------------

    def _watch(self, did: str) -> float | None:
        """The ring timeout of the number that was dialled; None: it is not watched."""
        number = self.config.number_for(did)
        return number.ring_timeout if number is not None else None

    def _call(self, call: Call) -> None:
        """On the AMI read path: count, say, hand on."""
        if call.direction is Direction.INBOUND and call.phase in (Phase.STARTED, Phase.ANSWERED):
            event = "call_started" if call.phase is Phase.STARTED else "call_answered"
            log.info(event, call=str(call.key), caller=call.caller, did=call.did)
        self.dialplan.desk.check(call)
        self.intake.put(call)

    def _desk_answered(self, row: OutboxRow, at: Moment) -> None:
        self._send(row, "desk", at.steady)

    def _offered(self, row: OutboxRow, hint: Hint) -> None:
        self._send(row, f"{hint.pbx}:{hint.uniqueid}", hint.at.steady)

    def _answered(self, row: OutboxRow) -> None:
        """A rule wrote back to a handset."""
        log.info("answer_queued", row=row.id, to=row.to, kind=row.kind.value)
        self.delivery.kick(row.id)

    def _queued(self, row: OutboxRow, call: Call) -> None:
        # What waits on purpose, or was learnt late, says nothing about how fast we are.
        prompt = row.due <= row.created and not call.late
        self._send(row, str(call.key), call.at.steady if prompt else None)

    def _send(self, row: OutboxRow, call: str, since: float | None) -> None:
        """Tell of a new text and wake its lane; `since`: steady seconds of what decided it."""
        logging.remember(row.id, call)
        self.feed.say("inbox", "calls")
        log.info("text_queued", row=row.id, to=row.to, sender=row.sender, state=row.state.value)
        self.delivery.kick(row.id, since=since)

    def _cases_changed(self, changes: Sequence[CaseChange]) -> None:
        self.metrics.cases.changed(changes)
        self.feed.say("cases")
        if any(change.due is not None for change in changes):
            self.overdue.look()

    def _happened(self) -> None:
        """Events are on the disk: others are to be told, and pages to look again."""
        self.teller.kick()
        self.feed.say("inbox", "cases", "calls")

    def _say_status(self, *_: object) -> None:
        self.feed.say("health")
        if self.pbxs or self.routes:
            self.notifier.status(self.standing.status_line())

    async def take_over(self, new: Config) -> list[str]:
        """Have `new` in force. Names of the links and routes that were ended or made anew."""
        old, self.config = self.config, new
        self._reply_rules = wiring.reply_rules(new)
        self.metrics.mode(new.mode)
        self.dialplan.reload()
        self.contacts.reload()
        self.examiner.reload()
        changed = await parts_exchange.pbxs(self, old)
        if self.fleet.configure(new.router, wiring.patience(new)):
            await parts_exchange.rules_of_routes(self)
        changed += await parts_exchange.smscs(self, old)
        await self.teller.reload()
        self.delivery.kick()
        self.desk_phones.kick()
        self.feed.say(EVERYTHING)
        return changed
