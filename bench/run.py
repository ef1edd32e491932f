"""`make bench`: runs every bench, prints its table, and keeps the figures as JSON.

`python -m bench.run [ami] [outbox] [latency] [memory]`; without a name, all of them.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import ami, latency, memory, outbox

RESULTS = Path(__file__).parent / "results"
BENCHES = {
    "latency": (latency, "From the deciding AMI event to submit_sm on the wire (aim: p99 < 20 ms)"),
    "ami": (ami, "AMI events, 99,200 of them (aim: CPU at most 0.25 of panoramisk's)"),
    "outbox": (outbox, "Durable texts through outbox and gateway (aim: 2,000/s)"),
    "memory": (memory, "Memory of the service"),
}


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    out = Table(title=title, title_justify="left")
    for key in rows[0]:
        out.add_column(
            key.replace("_", " "), justify="left" if key == next(iter(rows[0])) else "right"
        )
    for row in rows:
        out.add_row(*(f"{v:,}" if isinstance(v, int) else str(v) for v in row.values()))
    return out


def main() -> int:
    names = sys.argv[1:] or list(BENCHES)
    console = Console()
    if unknown := [name for name in names if name not in BENCHES]:
        console.print(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
        return 2
    figures: dict[str, Any] = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        for name in names:
            module, title = BENCHES[name]
            task = progress.add_task(name, total=module.STEPS)
            figures[name] = module.run(lambda task=task: progress.advance(task))
            console.print(table(title, figures[name]))
    RESULTS.mkdir(exist_ok=True)
    kept = RESULTS / f"{figures['at'].replace(':', '')}.json"
    kept.write_text(json.dumps(figures, indent=2) + "\n")
    console.print(f"kept in {kept}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
