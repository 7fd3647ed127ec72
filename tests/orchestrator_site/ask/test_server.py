"""`manage.py mcp`, asked by the official client over both transports: what it answers, and whom it refuses."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from django.db import connection
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver.exceptions import ToolError
from structlog.testing import capture_logs

from kernel.actors import Actor
from orchestrator_site.ask import questions
from orchestrator_site.ask.server import TOOLS, reading
from policies.models import ApiKey
from policies.services import create_api_key, revoke_api_key
from tests.database import execute
from tests.outcomes.closed_trades import Closed, close_pair
from tests.processes.harness import MANAGE, database_url, free_port, manage, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
NAMES = [tool.__name__ for tool in TOOLS]


def asked(act: Callable[[Client], Coroutine[Any, Any, Any]], url: str = "", key: str = "") -> Any:
    """What `act` brings back from a session with the server at a URL, or with one of our own on standard streams."""
    # Before the loop, in which Django asks the database nothing.
    ours = standard_streams()

    async def session() -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx2.AsyncClient(headers=headers) as carrier:
            target: Any = streamable_http_client(url, http_client=carrier) if url else ours
            with anyio.fail_after(60):
                async with Client(target) as client:
                    return await act(client)

    return anyio.run(session)


def standard_streams() -> StdioServerParameters:
    environment = os.environ | {"DATABASE_URL": database_url()}
    return StdioServerParameters(command=sys.executable, args=[MANAGE, "mcp"], env=environment)


@contextmanager
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of `manage.py mcp --http`, which runs with the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with manage("mcp", "--http", str(port), log=tmp_path / "mcp.log"):
        wait_until(lambda: status(url) == 401, what="the server")
        yield url


def status(url: str, **headers: str) -> int:
    """What an empty POST is answered; 0 while nobody listens."""
    request = urllib.request.Request(url, b"{}", headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0


def a_pair() -> str:
    experiment = close_pair("A", Closed(a="-12.5", b="3"), symbol="SPY")
    execute("UPDATE signal_distributions SET answered_at = now()")
    return str(experiment.pk)


async def everything(client: Client, identity: str) -> dict[str, Any]:
    """What each tool answers, and what is wrong with calls that cannot be answered."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    calls: dict[str, dict[str, Any]] = {
        "why": {"signal": identity}, "state": {}, "evaluation": {}, "worst_trades": {"engine": "A"},
        "policy_changes": {},
    }  # fmt: skip
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("why", {"signal": "ffffffff"}), ("why", {}), ("why", {"signal": identity, "role": "A"}),
        ("worst_trades", {"engine": "C"}), ("worst_trades", {"engine": "A", "count": 0}),
        ("worst_trades", {"engine": "A", "since": "yesterday"}), ("policy_changes", {"before": 99}),
        ("halt", {}),
    ]  # fmt: skip
    return {
        "tools": listed,
        "answers": {name: await client.call_tool(name, arguments) for name, arguments in calls.items()},
        "errors": [await client.call_tool(name, arguments) for name, arguments in wrong],
    }


def hold(found: dict[str, Any], identity: str) -> None:
    """Hold what a server says against what the questions themselves say."""
    assert list(found["tools"]) == NAMES
    for tool in found["tools"].values():
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        assert tool.annotations.read_only_hint is True
    answers = found["answers"]
    assert answers["why"].structured_content == questions.why(identity).model_dump(mode="json")
    assert answers["worst_trades"].structured_content == questions.worst_trades("A", "real", 10).model_dump(mode="json")
    assert answers["policy_changes"].structured_content == questions.policy_changes().model_dump(mode="json")
    assert answers["state"].structured_content["worker_alive"] is False
    assert (answers["evaluation"].is_error, text(answers["evaluation"])) == (
        True,
        "Error executing tool evaluation: There is no evaluation yet.",
    )
    assert [one.is_error for one in found["errors"]] == [True] * len(found["errors"])
    said = "\n".join(map(text, found["errors"]))
    parts = (
        "No signal has that ID", "Field required", "Extra inputs are not permitted", "'A' or 'B'", "greater than",
        "RFC 3339", "Policy version 99 does not exist", "halt",
    )  # fmt: skip
    for part in parts:
        assert part in said
    assert "pydantic.dev" not in said


def log_lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def text(result: Any) -> str:
    return "".join(part.text for part in result.content)


def test_on_standard_streams_every_question_is_answered_and_every_mistake_said() -> None:
    identity = a_pair()

    found = asked(lambda client: everything(client, identity))

    hold(found, identity)


def test_over_http_the_same_and_only_for_an_analysts_key_while_it_is_valid(tmp_path: Path) -> None:
    identity = a_pair()
    made, key = create_api_key(Actor("tests"), owner="analyst", name="assistant")
    _, of_engine = create_api_key(Actor("tests"), owner="engine-a", name="engine-a")

    with served(tmp_path) as url:
        found = asked(lambda client: everything(client, identity), url, key)
        hold(found, identity)
        assert ApiKey.objects.get(pk=made.pk).last_used_at is not None
        assert status(url) == status(url, Authorization="Bearer nonsense") == status(url, Authorization=key) == 401
        assert status(url, Authorization="Bearer ä.b") == 401
        assert status(url, Authorization=f"Bearer {of_engine}") == 403
        assert status(url, Authorization=f"Bearer {key}", Host="evil.example") == 400
        assert status(url, Authorization=f"Bearer {key}", Origin="https://evil.example") == 400

        lines = [line for line in log_lines(tmp_path / "mcp.log") if line["event"] == "question.asked"]
        assert {(line["by"], line["prefix"]) for line in lines} == {("API key assistant", made.prefix)}
        assert {line["tool"] for line in lines} == set(NAMES)
        assert identity not in str(lines)
        revoke_api_key(Actor("tests"), prefix=made.prefix)

        wait_until(lambda: status(url, Authorization=f"Bearer {key}") == 401, seconds=5, what="the end of the key")
        _, late = create_api_key(Actor("tests"), owner="analyst", name="late")
        ApiKey.objects.filter(name="late").update(expiry_date=datetime.now(UTC) - timedelta(seconds=1))
        assert status(url, Authorization=f"Bearer {late}") == 401


def test_a_question_can_write_nothing() -> None:
    def question() -> None:
        execute("DELETE FROM attention_marks")

    with pytest.raises(Exception, match="read-only transaction"):
        reading(question)()
    assert connection.in_atomic_block is False


def test_what_is_wrong_is_said_as_the_pages_say_it_and_logged_by_its_code() -> None:
    with capture_logs() as lines, pytest.raises(ToolError, match="Give eight or more digits of an ID or hash"):
        reading(questions.why)("ffffffff")

    (line,) = lines
    assert (line["event"], line["tool"], line["code"]) == ("question.asked", "why", "not_found")
    assert line["by"].startswith("command line")
    assert "ffffffff" not in str(line)
