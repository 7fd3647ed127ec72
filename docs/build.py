"""Write the documents that list what the code holds: `python -m docs.build` (`make docs`).

Each is made whole from one table, so it is never edited by hand; a test compares the files with a fresh build.
"""

from __future__ import annotations

import os
from pathlib import Path

import django

from kernel.event_fields import COMMON, FIELDS
from kernel.events import EVENTS
from kernel.problems import CALLS, SECTIONS
from orchestrator_site.settings import env
from outcomes.analyst_api.columns import TABLES, Kind
from outcomes.core.quoting import QuoteFlag
from outcomes.core.reports import QUOTE_ERRORS
from outcomes.core.trades import PairRule, TradeFlag

DOCS = Path(__file__).parent

EVENTS_HEAD = """\
# Log events

Made from `kernel/events.py` and `kernel/event_fields.py` by `make docs`; change it there.

Every process logs one JSON object a line. `event` names what happened, `at` is UTC, `level` and `logger` are always
there, `request_id` where a request caused it. An event is logged after the commit of what it reports. Fields in
parentheses may be missing; the second table says what each holds. Lines of Django and other packages have the same four
fields; `event` is then a sentence, and `exception` holds the traceback.

| Event | Level | Fields | When |
|---|---|---|---|
"""


def events() -> str:
    """docs/events.md."""
    rows = []
    for event in EVENTS:
        fields = ", ".join([f"`{name}`" for name in event.fields] + [f"(`{name}`)" for name in event.optional])
        rows.append(f"| `{event.name}` | {event.level} | {fields} | {event.meaning} |")
    rows += ["", "| Field | JSON type | Holds |", "|---|---|---|"]
    rows += [f"| `{name}` | {field.type} | {field.meaning} |" for name, field in sorted((COMMON | FIELDS).items())]
    return EVENTS_HEAD + "\n".join(rows) + "\n"


ERRORS_HEAD = """\
# Error codes

Made from `kernel/problems.py` by `make docs`; change it there.

The API and the webhook answer an error as `application/problem+json` (RFC 9457) with `type`, `title`, `status`,
`detail`, `code`, `errors` and `request_id`. Act on `code`; show `detail` to people. `errors` names single fields by
JSON pointer, each with a code of its own. Commands and admin pages show the same errors as text. "Calls" names the
operations of [the API](openapi.yaml) that answer a code.
"""


def errors() -> str:
    """docs/errors.md."""
    parts = [ERRORS_HEAD]
    for title, problems in SECTIONS:
        parts.append(f"\n## {title}\n\n| Code | Status | What happened | What to do | Calls |\n|---|---|---|---|---|\n")
        parts += [
            f"| `{one.code}` | {one.status} | {one.meaning} | {one.remedy} | {_calls(one.code)} |\n" for one in problems
        ]
    return "".join(parts)


def _calls(code: str) -> str:
    return ", ".join(f"`{call}`" for call, codes in CALLS.items() if code in codes)


FLAGS_HEAD = """\
# Flags and violations

Made from `outcomes/core/trades.py` and `outcomes/core/quoting.py` by `make docs`; change it there.

What `GET trades/{id}` and the console say about a trade. [engines.md](engines.md#two-principles) has the rules that
shadows and real trades are held to.
"""
FLAGS_OF_TRADES = """
## Flags of a trade

In `flags`: worth knowing, and no rule is broken.

| Flag | It says |
|---|---|
"""
VIOLATIONS = """
## Violations

In `violations`, told to the engine that broke the rule. Its pair is left out of the comparison; the engine's own
figures keep the trade.

| Violation | It says |
|---|---|
"""
FLAGS_OF_QUOTES = """
## Flags of a quote

Why a quote cannot price a moment. A real trade is booked all the same, and `quote_flags` names each such quote of its
exit's conditions. A shadow's own report is refused where it quotes one of its contracts so, with the error beside it.

| Flag | Why | Error of a shadow's report |
|---|---|---|
"""


def flags() -> str:
    """docs/flags.md."""
    parts = [FLAGS_HEAD, FLAGS_OF_TRADES, *(f"| `{one}` | {one.words} |\n" for one in TradeFlag)]
    parts += [VIOLATIONS, *(f"| `{one}` | {one.words} |\n" for one in PairRule)]
    parts += [FLAGS_OF_QUOTES, *(f"| `{one}` | {one.words} | `{QUOTE_ERRORS[one][0]}` |\n" for one in QuoteFlag)]
    return "".join(parts)


CONFIGURATION_HEAD = """\
# Configuration

Made from `orchestrator_site/settings.py` by `make docs`; change it there.

Every setting comes from the environment or from a `.env` file beside `manage.py`. A policy setting that is not allowed
stops the process at start with its name, its value and what is allowed (`policies.E001` to `policies.E015`); so does
any other misspelt value, and what `PRODUCTION=true` requires but is missing (`orchestrator.E001` to `E014`).

| Variable | Default | Allowed | Meaning |
|---|---|---|---|
"""


def configuration() -> str:
    """docs/configuration.md."""
    rows = [f"| `{one.name}` | {one.default} | {one.allowed} | {one.meaning} |\n" for one in env.variables]
    return CONFIGURATION_HEAD + "".join(rows)


def openapi() -> str:
    """docs/openapi.yaml: the document that GET /api/v1/schema answers."""
    from drf_spectacular.generators import SchemaGenerator
    from drf_spectacular.renderers import OpenApiYamlRenderer

    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    text: bytes = OpenApiYamlRenderer().render(document, renderer_context={})  # type: ignore[no-untyped-call]
    return text.decode()


DATA_HEAD = """\
# Tables for analysts

Made from `outcomes/analyst_api/columns.py` and `orchestrator_site/analyst/views.py` by `make docs`; change it there.
[analysts.md](analysts.md#take-the-data-away) says how to get them.

Times are UTC, RFC 3339 with six decimals, in JSON and CSV, and timestamps in Parquet. Amounts are exact: text in JSON,
every digit in CSV, decimals of twelve places in Parquet, null from 10^25 on. Null is an empty cell in CSV; an empty
text is `""`.

## What has been archived

Where a retention is set, old rows leave the database for Parquet files ([deployment.md](deployment.md#retention)).
`outcomes` and `pairs` have them all the same, but for `replayed`, which is then null. `experiments`, `deliveries` and
`audit` have only what is in the database; their pages say so in `archived_until`, their files in the header
`Archived-Until`: what came at or before that time may be in archive files instead. Without it nothing is missing.
`GET /api/v1/experiments/{id}` answers 404 for an archived one.

The files lie in `ARCHIVE_DIR`, a folder for each table of the database, and are read together:

```
duckdb -c "SELECT e.created_at, s.symbol, e.variant, p.executed_engine
             FROM 'archive/experiments/*.parquet' e JOIN 'archive/signals/*.parquet' s USING (signal_id)
             JOIN 'archive/execution_policy/*.parquet' p USING (experiment_id) ORDER BY e.created_at"
```

`analyst.archives` lists every file with what it holds, its rows and its SHA-256. A file whose archive was given up
(`given_up_at`) may hold rows that are in the database, too.
"""
# What each kind of column is in JSON and in Parquet.
KINDS = {
    Kind.TEXT: ("text", "string"), Kind.ID: ("UUID", "string"), Kind.INSTANT: ("time", "timestamp"),
    Kind.AMOUNT: ("number as text", "decimal"), Kind.RATIO: ("number as text", "double"),
    Kind.WHOLE: ("integer", "int64"), Kind.FLAG: ("boolean", "bool"), Kind.DOCUMENT: ("object", "string of JSON"),
}  # fmt: skip


VIEWS_HEAD = """
## Views of the database

In the schema `analyst`, for the roles of `manage.py analyst_role`; each column has its meaning as a comment in the
database, too (`\\d+ analyst.pairs`). Nothing that tells who trades a signal for real is shown before both engines have
answered, or can only shadow any more because their time to answer has passed.
"""


def data() -> str:
    """docs/data.md."""
    # Models need the settings, which documents of other tables do without.
    from orchestrator_site.analyst.views import VIEWS

    parts = [DATA_HEAD]
    for name, columns in TABLES.items():
        parts.append(
            f"\n## {name}\n\n`GET /api/v1/{name}`\n\n| Column | JSON | Parquet | Meaning |\n|---|---|---|---|\n"
        )
        for one in columns:
            in_json, in_parquet = KINDS[one.kind]
            parts.append(f"| `{one.name}` | {in_json} | {in_parquet} | {one.meaning} |\n")
    parts.append(VIEWS_HEAD)
    for view in VIEWS:
        parts.append(f"\n### analyst.{view.name}\n\n{view.meaning}\n\n| Column | Meaning |\n|---|---|\n")
        parts += [f"| `{name}` | {meaning} |\n" for name, _, meaning in view.columns]
    return "".join(parts)


DOCUMENTS = {
    "configuration.md": configuration, "data.md": data, "errors.md": errors, "events.md": events, "flags.md": flags,
    "openapi.yaml": openapi,
}  # fmt: skip


def main() -> None:
    """Write every document."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orchestrator_site.settings")
    django.setup()
    for name, text in DOCUMENTS.items():
        (DOCS / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
