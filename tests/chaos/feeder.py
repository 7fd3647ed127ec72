"""Alerts by real HTTP, from several connections; an alert that is not acknowledged is sent again."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

SENDERS = 4
PAUSE_SECONDS = 0.1
FIRST = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Feeder:
    """Sends about 40 different alerts a second and remembers what was answered 200."""

    port: int
    token: str
    acknowledged: set[UUID] = field(default_factory=set)
    refused: int = 0
    unanswered: int = 0
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
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            client.request("POST", f"/webhooks/tradingview/{self.token}/", json.dumps(body))
            answer = client.getresponse()
            text = answer.read()
        except TimeoutError:
            self.unanswered += 1
            return None
        except (OSError, http.client.HTTPException):
            return None  # nobody answers, or died while answering: the alert is not acknowledged
        finally:
            client.close()
        if answer.status == 503:
            return None
        if answer.status != 200:
            self.wrong_answers.append(f"an alert was answered {answer.status}: {text!r}")
            return None
        return UUID(json.loads(text)["signal_id"])
