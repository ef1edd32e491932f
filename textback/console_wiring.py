"""What the console is given by the service: the one place that knows both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from textback import wiring
from textback.config import Config
from textback.config_load import load
from textback.console.backend import Backend
from textback.console.gate import Gate
from textback.metrics_console import ConsoleMetrics
from textback.parts import Parts


def backend(parts: Parts, path: Path, reload: Callable[[], Awaitable[list[str]]]) -> Backend:
    """All that pages may ask for; `path` is that of textback.toml, `reload` does SIGHUP's work and
    gives the mistakes for which it was refused."""
    gate = Gate()
    parts.metrics.registry.register(ConsoleMetrics(lambda: gate.counts))
    return Backend(
        gate=gate,
        store=parts.store,
        config=lambda: parts.config,
        path=path,
        health=parts.standing.health,
        exposition=parts.standing.exposition,
        kick=parts.kick,
        reload=reload,
        measure=wiring.measure,
        check=partial(checked, path),
        feed=parts.feed,
        dialler=parts.dialling,
        examiner=parts.examiner,
        advised=lambda: parts.figures.advised,
    )


def checked(path: Path, instead: Mapping[Path, str]) -> Config:
    """What a reload would take over, with these texts in place of files of conf.d. Raises
    ConfigError."""
    config = load(path, measure=wiring.measure, instead=instead)
    wiring.check(config)
    return config
