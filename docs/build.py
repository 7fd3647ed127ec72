"""Write the documents that list what the code holds: `python -m docs.build` (`make docs`).

Each is made whole from one table, so it is never edited by hand; a test compares the files with a fresh build.
"""

from __future__ import annotations

from pathlib import Path

from kernel.events import EVENTS

DOCS = Path(__file__).parent

EVENTS_HEAD = """\
# Log events

Made from `kernel/events.py` by `make docs`; change it there.

Every process logs one JSON object a line. `event` names what happened, `at` is UTC, `level` and `logger` are always
there, `request_id` where a request caused it. An event is logged after the commit of what it reports. Fields in
parentheses may be missing.

| Event | Level | Fields | When |
|---|---|---|---|
"""


def events() -> str:
    """docs/events.md."""
    rows = []
    for event in EVENTS:
        fields = ", ".join([f"`{name}`" for name in event.fields] + [f"(`{name}`)" for name in event.optional])
        rows.append(f"| `{event.name}` | {event.level} | {fields} | {event.meaning} |")
    return EVENTS_HEAD + "\n".join(rows) + "\n"


DOCUMENTS = {"events.md": events}


def main() -> None:
    """Write every document."""
    for name, text in DOCUMENTS.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
