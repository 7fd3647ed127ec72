"""Sends the demo's alerts over HTTP, as TradingView would."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

ATTEMPTS = 5
# So that a day is traded, quoted and settled before the next one begins, as in a market; 480 days take half a minute.
DAY_SECONDS = 0.06


class AlertSender(threading.Thread):
    """One connection that posts one alert after the other; counts the answers by their status."""

    def __init__(self, url: str, path: str, days: Sequence[Sequence[str]], *, day_seconds: float = DAY_SECONDS) -> None:
        super().__init__(name="alert-sender", daemon=True)
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
        self._path, self._days, self._day_seconds = path, days, day_seconds
        self._started_at = 0.0
        self._seconds = 0.0
        self.answers: Counter[str] = Counter()
        self.rejections: list[str] = []

    @property
    def sent(self) -> int:
        """How many alerts have been answered."""
        return self.answers.total()

    @property
    def rate(self) -> float:
        """Answered alerts per second of sending."""
        seconds = self._seconds or time.monotonic() - self._started_at
        return self.sent / seconds if self._started_at and seconds else 0.0

    def run(self) -> None:
        """Send everything, in order, day by day."""
        self._started_at = time.monotonic()
        # One after the other: the bars of a day follow those of the day before, as they do in a market.
        for day in self._days:
            for message in day:
                status, answer = self._post(message)
                self.answers[status] += 1
                if status == "rejected":
                    self.rejections.append(answer)
            time.sleep(self._day_seconds)
        self._seconds = time.monotonic() - self._started_at
        self._connection.close()

    def _post(self, message: str) -> tuple[str, str]:
        """The answer's status word (`rejected` for an error) and its text; resend after 5xx like TradingView."""
        text = "no answer"
        for _ in range(ATTEMPTS):
            try:
                self._connection.request("POST", self._path, message, {"Content-Type": "application/json"})
                response = self._connection.getresponse()
                code, text = response.status, response.read().decode()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                # A connection with an answer half read refuses the next request; closed, it opens anew by itself.
                code, text = 0, str(error)
            if code == http.client.OK:
                return str(json.loads(text)["status"]), text
            # A refusal would be the same again.
            if 0 < code < http.client.INTERNAL_SERVER_ERROR:
                break
            time.sleep(0.5)
        return "rejected", text
