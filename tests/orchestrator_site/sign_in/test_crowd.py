"""However many sign in at once: few hash passwords or wait for a provider, and everybody else gets pages."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password, make_password
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from orchestrator_site.sign_in import hashing
from orchestrator_site.sign_in.crowd import AT_THE_PROVIDER, OIDC, CrowdMiddleware
from orchestrator_site.sign_in.hashing import NICER, PASSWORDS_AT_ONCE, PatientHasher
from tests.orchestrator_site.console.rows import logged_in
from tests.orchestrator_site.sign_in.people import PASSWORD, browser, confirm, person, sign_in
from tests.threads import wait_until

NEW = "quite-another-2"


@contextmanager
def crowd() -> Iterator[None]:
    """As many passwords as a process bears, none of which is done before the block ends."""
    may_go_on = threading.Event()
    hashing._hasher.submit(may_go_on.wait, 30)
    with ThreadPoolExecutor(PASSWORDS_AT_ONCE) as threads:
        made = [threads.submit(make_password, PASSWORD) for _ in range(PASSWORDS_AT_ONCE)]
        wait_until(lambda: hashing._places._value == 0, "all places to be taken")
        try:
            yield
        finally:
            may_go_on.set()
        assert all(check_password(PASSWORD, one.result(30)) for one in made)


@pytest.mark.django_db
def test_one_more_who_signs_in_is_told_to_come_again_and_then_comes_in() -> None:
    person()
    with crowd():
        answer = sign_in(browser())
        stranger = sign_in(browser(), "nobody")

    assert (answer.status_code, answer.headers["Retry-After"], stranger.status_code) == (429, "2", 429)
    assert "Too many people are signing in at once" in answer.content.decode()
    assert sign_in(browser()).status_code == 302


@pytest.mark.django_db
def test_every_page_that_hashes_a_password_waits_its_turn_and_changes_nothing() -> None:
    root, ada = logged_in(superuser=True), person()
    own = Client()
    own.force_login(ada)
    account = {"username": "bob", "password1": NEW, "password2": NEW, "usable_password": "true"}
    with crowd():
        answers = [
            confirm(own),
            own.post(reverse("admin:password_change"), {"old_password": PASSWORD, "new_password1": NEW,
                                                        "new_password2": NEW}),
            root.post(reverse("admin:auth_user_password_change", args=(ada.pk,)), account),
            root.post(reverse("admin:auth_user_add"), account),
        ]  # fmt: skip
    ada.refresh_from_db()

    assert [answer.status_code for answer in answers] == [429] * 4
    assert ada.check_password(PASSWORD)
    assert not User.objects.filter(username="bob").exists()


@pytest.mark.django_db
def test_trading_is_halted_meanwhile() -> None:
    operator = logged_in("operator")

    with crowd():
        assert operator.get(reverse("admin:index")).status_code == 200
        answer = operator.post(reverse("admin:kill_switch"), {"confirmation": "HALT", "reason": "A crowd."})

    assert answer.status_code == 302


def test_few_wait_for_the_identity_provider_at_once() -> None:
    begun, may_end = threading.Barrier(AT_THE_PROVIDER + 1), threading.Event()

    def answer(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(OIDC):
            begun.wait(10)
            may_end.wait(10)
        return HttpResponse("ok")

    middleware = CrowdMiddleware(answer)

    def ask(path: str) -> int:
        return middleware(RequestFactory().post(path)).status_code

    with ThreadPoolExecutor(AT_THE_PROVIDER) as threads:
        waiting = [threads.submit(ask, f"{OIDC}oidc/login/") for _ in range(AT_THE_PROVIDER)]
        begun.wait(10)
        assert (ask(f"{OIDC}oidc/login/"), ask("/admin/")) == (429, 200)
        may_end.set()
        assert [one.result(10) for one in waiting] == [200] * AT_THE_PROVIDER


def test_a_hash_is_djangos_own() -> None:
    arguments: tuple[Any, ...] = ("a-password", "salt", 3)

    assert PatientHasher().encode(*arguments) == PBKDF2PasswordHasher().encode(*arguments)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives a thread a priority of its own")
def test_the_thread_that_hashes_stands_back_and_no_other_does() -> None:
    def priority() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert hashing._hasher.submit(priority).result(10) == min(priority() + NICER, 19)
