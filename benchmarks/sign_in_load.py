"""`python -m benchmarks.sign_in_load`: what the kill switch, a page and alerts take while many sign in at once.

On a database of its own and with real hashing. The same is measured first without anybody signing in.
"""

from __future__ import annotations

import argparse
import http.client
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlencode

from benchmarks import database
from benchmarks.load import Answers, percentile
from benchmarks.report import say
from benchmarks.servers import Receiver, up

NAME, PASSWORD = "person", "a-long-password-1"
# As long as a form of Django's takes it for its own.
TOKEN = "x" * 32
ALERTS_PER_SECOND = 50
# How long a person, and whoever was sent away, waits before the next request.
PAUSE, AGAIN = 0.2, 2.0
BOUND = 0.5


@dataclass
class Browser:
    """One person's browser, with what it was given to keep."""

    port: int
    cookies: dict[str, str] = field(default_factory=lambda: {"csrftoken": TOKEN})

    def ask(self, path: str, **form: str) -> tuple[int, float]:
        """Get a page, or post a form; the status, and the seconds that it took."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        body = None
        if form:
            body = urlencode(form | {"csrfmiddlewaretoken": self.cookies["csrftoken"]})
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        begun = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        connection.request("POST" if form else "GET", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        taken = time.perf_counter() - begun
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        connection.close()
        return answer.status, taken

    def sign_in(self, name: str) -> int:
        """As a person does it; the status, 302 where it was right."""
        return self.ask("/admin/login/", username=name, password=PASSWORD)[0]


@dataclass
class Desk:
    """What was measured: seconds of the overview and of the kill switch, the alerts, and how sign-ins were answered."""

    overview: list[float]
    switch: list[float]
    alerts: Answers
    sign_ins: Counter[int]

    def lines(self) -> list[tuple[str, list[float]]]:
        """What is compared."""
        return [("overview", self.overview), ("kill switch", self.switch), ("alert", self.alerts.seconds)]


def work(product: Receiver, operator: Browser, seconds: float, people: int) -> Desk:
    """Let one person watch and stop, alerts come, and so many people sign in again and again."""
    over = threading.Event()
    overview: list[float] = []
    switch: list[float] = []
    sign_ins: Counter[int] = Counter()

    def keep_on(do: Callable[[], float]) -> None:
        while not over.is_set():
            over.wait(do())

    def watch_and_stop() -> float:
        for path, kept in (("/admin/", overview), ("/admin/kill-switch/", switch)):
            word = "HALT" if len(switch) % 2 == 0 else "RESUME"
            form = {"confirmation": word, "reason": "A benchmark."} if kept is switch else {}
            status, taken = operator.ask(path, **form)
            assert status == (302 if form else 200), (path, status)
            kept.append(taken)
        return PAUSE

    def come_in(number: int) -> float:
        status = Browser(product.port).sign_in(f"{NAME}-{number}")
        sign_ins[status] += 1
        return 0.0 if status == 302 else AGAIN

    with ThreadPoolExecutor(people + 2) as threads:
        count = round(ALERTS_PER_SECOND * seconds)
        alerts = threads.submit(product.send, count, connections=16, per_second=ALERTS_PER_SECOND)
        others = [threads.submit(keep_on, partial(come_in, number)) for number in range(people)]
        watching = threads.submit(keep_on, watch_and_stop)
        answers = alerts.result()
        over.set()
        for one in (watching, *others):
            one.result()
    if len(switch) % 2:
        operator.ask("/admin/kill-switch/", confirmation="RESUME", reason="A benchmark.")
    return Desk(overview, switch, answers, sign_ins)


def make_accounts(people: int) -> None:
    """Accounts with a password; all have the same hash, so that making them takes no minute."""
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User

    password: Any = make_password(PASSWORD)
    names = ["operator", *(f"{NAME}-{number}" for number in range(people))]
    User.objects.bulk_create(
        User(username=name, password=password, is_staff=True, is_superuser=name == "operator") for name in names
    )


def main() -> None:
    """Measure without sign-ins and with them; exit 1 where a page took longer than it may, or an alert was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=40, help="who sign in at once (default 40)")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each measurement takes (default 10)")
    options = parser.parse_args()
    os.environ["DATABASE_URL"] = database.prepare()
    from benchmarks.__main__ import install

    install()
    make_accounts(options.people)
    with up() as product:
        operator = Browser(product.port)
        assert operator.sign_in("operator") == 302
        work(product, operator, 2.0, 0)  # the start is over
        say(f"{options.seconds:.0f} s without sign-ins")
        quiet = work(product, operator, options.seconds, 0)
        say(f"{options.seconds:.0f} s with {options.people} people who sign in")
        crowd = work(product, operator, options.seconds, options.people)
    print("| | alone: median | worst | while people sign in: median | worst |")
    print("|---|--:|--:|--:|--:|")
    for (name, alone), (_, together) in zip(quiet.lines(), crowd.lines(), strict=True):
        figures = (percentile(alone, 50), max(alone), percentile(together, 50), max(together))
        print(f"| {name} | {' | '.join(f'{figure * 1000:.0f} ms' for figure in figures)} |")
    print(f"Signed in: {crowd.sign_ins[302]}; told to come again: {crowd.sign_ins[429]}; "
          f"anything else: {crowd.sign_ins.total() - crowd.sign_ins[302] - crowd.sign_ins[429]}.")  # fmt: skip
    is_lost = set(crowd.alerts.statuses) != {"200"}
    if is_lost or max(*crowd.overview, *crowd.switch) > BOUND:
        raise SystemExit(f"Missed: pages within {BOUND} s and every alert taken ({dict(crowd.alerts.statuses)}).")


if __name__ == "__main__":
    main()
