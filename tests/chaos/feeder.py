"""Alerts by real HTTP, from several connections; an alert that is not acknowledged is sent again."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple, Self
from uuid import UUID

SENDERS = 4
PAUSE_SECONDS = 0.1
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
# From the first byte of an alert to the last of its answer, whatever the database does.
ANSWER_SECONDS = 1.0


class Late(NamedTuple):
    """An alert whose answer came late or not at all: when it was sent, when that was over, and what came."""

    begun: float
    ended: float
    what: str


@dataclass
class Feeder:
    """Sends about 40 different alerts a second and remembers what was answered 200."""

    port: int
    token: str
    acknowledged: set[UUID] = field(default_factory=set)
    refused: int = 0
    # Of the latest alert that was acknowledged, when it was sent.
    taken_at: float = 0.0
    late: list[Late] = field(default_factory=list)
    wrong_answers: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.threads = [threading.Thread(target=self._send_all, args=(number,)) for number in range(SENDERS)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Return once the last answer is in."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _send_all(self, number: int) -> None:
        minute = number
        while not self.stopping.wait(PAUSE_SECONDS):
            signal_id = self._send(FIRST + timedelta(minutes=minute))
            if signal_id is None:
                self.refused += 1
                continue
            self.acknowledged.add(signal_id)
            minute += SENDERS

    def _send(self, moment: datetime) -> UUID | None:
        """Send one alert; return the id it was acknowledged with, None when it was not."""
        body = {"ticker": "SPY", "action": "buy", "interval": "5", "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}
        begun, what, answer = monotonic(), "no answer", None
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        # Nobody answers, or dies while answering: the alert is not acknowledged.
        with suppress(OSError, http.client.HTTPException):
            client.request("POST", f"/webhooks/tradingview/{self.token}/", json.dumps(body))
            answer = client.getresponse()
            text = answer.read()
            what = str(answer.status)
        client.close()
        ended = monotonic()
        if answer is None or what == "no answer" or ended - begun > ANSWER_SECONDS:
            self.late.append(Late(begun, ended, what))
        if answer is None or what in {"no answer", "503"}:
            return None
        if what != "200":
            self.wrong_answers.append(f"an alert was answered {what}: {text!r}")
            return None
        self.taken_at = max(self.taken_at, begun)
        return UUID(json.loads(text)["signal_id"])
