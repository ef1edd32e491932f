"""What holds for every test, whichever ran before it in the same process."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog


@pytest.fixture(scope="session", autouse=True)
def no_logger_is_kept() -> Iterator[None]:
    """A logger that is cached under one test's configuration is deaf to another's `capture_logs`:
    what a test sees must not depend on which one configured logging before it."""
    configure = structlog.configure

    def without_cache(**given: Any) -> None:
        configure(**{**given, "cache_logger_on_first_use": False})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structlog, "configure", without_cache)
        yield


@pytest.fixture(scope="session", autouse=True)
def events_are_as_documented() -> Iterator[None]:
    """Whichever test makes an event: its payload has the fields that webhooks are promised."""
    from tests.fakes.shapes import require
    from textback.store import events

    values = events.values

    def checked(event: Any, **given: Any) -> dict[str, Any]:
        require(event)
        return values(event, **given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "values", checked)
        yield


@pytest.fixture
def logging_as_before() -> Iterator[None]:
    """For tests that run commands: each configures logging for its process."""
    root = logging.getLogger()
    handlers, level, raised = list(root.handlers), root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raised
    logging.captureWarnings(False)
    structlog.reset_defaults()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browsers come last: Chromium takes a core for itself, and the callers and phones of the
    acceptance tests, who act by the second, would act late."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
