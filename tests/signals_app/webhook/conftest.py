"""Every test of the webhook runs twice: through a WSGI server's thread, and through the alert process's event loop."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.signals_app.webhook import webhook
from tests.signals_app.webhook.door import NOWHERE, open_hasty_door, take_all_the_time

# What replaces a thread's connection, or asks nothing of the webhook.
THREADS_ONLY = ("test_sources", "test_store", "test_jsonb_roundtrip", "test_webhook_robustness", "test_writer")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "way" in metafunc.fixturenames:
        name = metafunc.module.__name__.rpartition(".")[2]
        is_for_threads = name in THREADS_ONLY or "in_a_thread" in metafunc.fixturenames
        metafunc.parametrize("way", ["thread"] if is_for_threads else ["thread", "loop"], indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The loop has a session of its own, which sees only what is committed."""
    for item in items:
        call = getattr(item, "callspec", None)
        if call is not None and call.params.get("way") == "loop":
            item.add_marker(pytest.mark.django_db(transaction=True), append=False)


@pytest.fixture
def in_a_thread() -> None:
    """The test looks at Django's connection, or gives the request in another way than as bytes on a wire."""


@pytest.fixture(scope="session")
def door(django_db_setup: None, django_db_blocker: object) -> Iterator[int]:
    """The port of the event loop. How long it waits says each test that sends something there.

    Until the end of the process it would say so for tests of the limits as well.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as returned, open_hasty_door(NOWHERE, returned) as port:
        yield port


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Which way `send` goes."""
    way: str = request.param
    if way == "loop":
        # Before the door is opened, which tells some of it to its first session.
        take_all_the_time(monkeypatch)
    webhook.door_port = request.getfixturevalue("door") if way == "loop" else 0
    yield way
    webhook.door_port = 0
