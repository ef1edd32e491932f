"""The catch-ups of all [[pbx]]: one task each, made and ended with their links."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from textback.catchup import CatchUp, Caught, LinkView, Reader
from textback.crew import Crew
from textback.model import Call
from textback.store.errors import StoreError
from textback.store.store import Store

log = structlog.get_logger(__name__)


class CatchUps:
    def __init__(
        self,
        store: Store,
        crew: Crew,
        *,
        links: Mapping[str, LinkView],
        reader: Callable[[str], Reader],
        hand_on: Callable[[Call], None],
    ) -> None:
        """`reader` makes the reader of a [[pbx]] by its name; `hand_on` takes a fact."""
        self._store = store
        self._crew = crew
        self._links = links
        self._reader = reader
        self._hand_on = hand_on
        self._all: dict[str, CatchUp] = {}

    def add(self, name: str) -> CatchUp:
        """For a link that is about to be made; `start` sets it to work."""
        self._all[name] = catch_up = CatchUp(
            name,
            self._store,
            link=lambda: self._links[name],
            reader=self._reader(name),
            hand_on=self._hand_on,
        )
        return catch_up

    def start(self, name: str) -> None:
        self._crew.start(f"catch-up {name}", self._all[name].run())

    async def end(self, name: str) -> None:
        """Before its link is ended: then the time until now is noted as heard."""
        catch_up = self._all.pop(name, None)
        if catch_up is not None:
            await self._crew.end(f"catch-up {name}", self._stop(name, catch_up))

    async def _stop(self, name: str, catch_up: CatchUp) -> None:
        try:
            await catch_up.stop()
        except StoreError as error:
            log.warning("catch_up_not_noted", pbx=name, error=str(error))

    def reload(self) -> None:
        """The configuration has changed, those links have not."""
        for name, catch_up in self._all.items():
            catch_up.use(self._reader(name))

    def standing(self) -> dict[str, Caught]:
        return {name: catch_up.standing for name, catch_up in self._all.items()}
