"""Slow pages and long polls cannot take the webhook's threads."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from orchestrator_site.bulkhead import Bulkhead, Environ, StartResponse


class SlowSite:
    """A site whose every page waits until the test lets it go."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.entered = threading.Semaphore(0)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        self.entered.release()
        if not environ["PATH_INFO"].startswith("/webhooks/"):
            assert self.go_on.wait(30)
        start_response("200 OK", [])
        return [b"done"]


def call(application: Bulkhead, path: str) -> str:
    statuses: list[str] = []
    body = application({"PATH_INFO": path}, lambda status, _: statuses.append(status))
    assert b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return statuses[0]


def occupy(application: Bulkhead, site: SlowSite, number: int) -> list[threading.Thread]:
    threads = [threading.Thread(target=call, args=(application, "/admin/")) for _ in range(number)]
    for thread in threads:
        thread.start()
        assert site.entered.acquire(timeout=30)
    return threads


def test_an_alert_passes_while_all_other_threads_are_taken() -> None:
    site = SlowSite()
    application = Bulkhead(site, slots=2)
    threads = occupy(application, site, 2)

    assert call(application, "/webhooks/tradingview/t/") == "200 OK"

    site.go_on.set()
    for thread in threads:
        thread.join()


def test_one_request_too_many_is_told_to_come_back() -> None:
    site = SlowSite()
    application = Bulkhead(site, slots=2)
    threads = occupy(application, site, 2)

    assert call(application, "/api/v1/assignments/claim") == "503 Service Unavailable"

    site.go_on.set()
    for thread in threads:
        thread.join()


def test_a_slot_comes_back_when_the_answer_is_done() -> None:
    site = SlowSite()
    site.go_on.set()
    application = Bulkhead(site, slots=1)

    assert [call(application, "/admin/") for _ in range(3)] == ["200 OK"] * 3


def test_a_slot_comes_back_when_the_site_raises() -> None:
    def broken(environ: Environ, start_response: StartResponse) -> Any:
        raise RuntimeError("broken")

    application = Bulkhead(broken, slots=1)

    for _ in range(3):
        with pytest.raises(RuntimeError, match="broken"):
            application({"PATH_INFO": "/admin/"}, lambda *_: None)


def test_closing_an_answer_twice_gives_back_one_slot() -> None:
    site = SlowSite()
    site.go_on.set()
    application = Bulkhead(site, slots=1)
    body = application({"PATH_INFO": "/admin/"}, lambda *_: None)

    body.close()  # type: ignore[attr-defined]
    body.close()  # type: ignore[attr-defined]

    assert call(application, "/admin/") == "200 OK"
