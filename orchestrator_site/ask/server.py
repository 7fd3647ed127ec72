"""The MCP server: five tools, each a question of `questions.py`, that can only read.

Imported by `manage.py mcp` alone: web server and worker need none of its packages.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from time import monotonic
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

import anyio.to_thread
from django.conf import settings
from django.db import close_old_connections, connections
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import Field

from kernel.actors import command_line_actor
from kernel.errors import DomainError
from kernel.events import QUESTION_ASKED
from orchestrator_site.api_errors import OPERATIONAL
from orchestrator_site.ask import questions
from orchestrator_site.ask.answers import EvaluationAnswer, PolicyChanges, State, Why, WorstTrades
from outcomes.performance.report import one_snapshot

# Who asks over HTTP, by name and prefix of the key; on standard streams it is whoever runs the program.
asker: ContextVar[tuple[str, str] | None] = ContextVar("asker", default=None)
P = ParamSpec("P")
R = TypeVar("R")
# Each thread holds a connection to the database.
THREADS = 4
# A question that takes longer than a page may is none that somebody waits for.
SESSION = "-c default_transaction_read_only=on -c statement_timeout=60s"
INSTRUCTIONS = (
    "Facts about a desk that runs two options-trading engines, A and B, on the same alerts: who traded a signal for "
    "real and why, what is in force now, what evaluations say, the worst trades, and what changed in the policy. "
    "Read only. Quote `text`; it is what the desk's own pages say. Who trades a signal for real stays hidden until "
    "both engines have answered. Never add up real and shadow trades; only an evaluation says which engine is better."
)

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="An ID or a hash of the signal, its experiment or a trade, whole or its first eight digits; or the "
        "ID of its order.",
    ),
]
Instant = Annotated[str | None, Field(description="RFC 3339 with zone, such as 2026-03-16T00:00:00Z.")]
Version = Annotated[int | None, Field(ge=1, le=2**31 - 1)]


def why(signal: Name) -> Why:
    """Why was this signal executed as it was: who traded it for real, by which rule, and what did each engine do?"""
    return questions.why(signal)


def state() -> State:
    """What is in force now: mode, kill switch, guardrails, policy, engines, and what waits to be decided?"""
    return questions.state()


def evaluation(name: Annotated[str | None, Field(max_length=100)] = None) -> EvaluationAnswer:
    """Which engine is better, and how sure is that? The verdict of the newest evaluation, or of the one named."""
    return questions.evaluation(name)


def worst_trades(
    engine: Literal["A", "B"],
    *,
    kind: Literal["real", "shadow", "own_exit"] = "real",
    count: Annotated[int, Field(ge=1, le=50)] = 10,
    symbol: Annotated[str | None, Field(max_length=64)] = None,
    since: Instant = None,
    until: Instant = None,
    currency: str | None = None,
) -> WorstTrades:
    """Which closed trades of an engine lost most? One kind at a time, in one currency, by the time of the exit."""
    return questions.worst_trades(engine, kind, count, symbol=symbol, since=since, until=until, currency=currency)


def policy_changes(before: Version = None, after: Version = None) -> PolicyChanges:
    """What changed between two versions of the policy? By default: the one in force, and the one before it."""
    return questions.policy_changes(before, after)


TOOLS: tuple[Callable[..., Any], ...] = (why, state, evaluation, worst_trades, policy_changes)


def build() -> MCPServer[Any]:
    """The server with its tools, for whatever transport."""
    version = settings.SPECTACULAR_SETTINGS["VERSION"]
    return MCPServer(
        "trading-orchestrator", instructions=INSTRUCTIONS, version=version, tools=[_tool(one) for one in TOOLS]
    )


def _tool(question: Callable[..., Any]) -> Tool:
    tool = Tool.from_function(
        reading(question), annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False)
    )
    # A misspelt argument is an error, and not silently another question.
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def reading(question: Callable[P, R]) -> Callable[P, R]:
    """Answer from one snapshot in a transaction that can write nothing; what is wrong is said as the API says it."""

    @wraps(question)
    def answer(*args: P.args, **kwargs: P.kwargs) -> R:
        # As Django does before each request: the server may have been restarted since the last one.
        close_old_connections()
        begun, code = monotonic(), "internal_error"
        try:
            with one_snapshot():
                found = question(*args, **kwargs)
            code = ""
        except DomainError as error:
            code = error.code
            raise ToolError(error.detail) from error
        except OPERATIONAL as error:
            code = "database_unavailable"
            raise ToolError("The database is unavailable, or the question took too long; try again.") from error
        finally:
            _log(question.__name__, round((monotonic() - begun) * 1000), code)
        return found

    return answer


def _log(tool: str, milliseconds: int, code: str) -> None:
    name, prefix = asker.get() or (command_line_actor().name, "")
    more = {"prefix": prefix} if prefix else {}
    QUESTION_ASKED.log(by=name, tool=tool, milliseconds=milliseconds, **more, **({"code": code} if code else {}))


def read_only_sessions() -> None:
    """Let every session of this process begin as one that only reads; one at once, to fail now and not when asked."""
    options = connections.settings["default"].setdefault("OPTIONS", {})
    options["options"] = f"{options.get('options', '')} {SESSION}".strip()
    connections["default"].close()
    connections["default"].ensure_connection()
    connections["default"].close()


def few_threads() -> None:
    """Let no more than a few questions be answered at once; in the event loop."""
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
