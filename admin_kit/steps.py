"""Answers that take a while: what is found is told line by line, and `admin_kit/steps.js` puts the result in place."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator

from django.db import connection
from django.http import StreamingHttpResponse

from kernel.errors import DomainError

Tell = Callable[[str], None]
# In one web process: each holds a thread of the pages, a connection and a processor for as long as it takes.
MOST_AT_ONCE = 1
_places = threading.BoundedSemaphore(MOST_AT_ONCE)


class _Left(Exception):  # noqa: N818 (nothing went wrong: nobody waits for the answer any more)
    """Whoever asked has gone."""


def answer_in_steps(work: Callable[[Tell], str], *, patience: float = 5.0) -> StreamingHttpResponse:
    """Stream how far `work` is, then the HTML that it returns, or the detail of the DomainError that it raises.

    It runs in a thread of its own, because it tells its progress by a call; it ends at the next call once nobody waits.
    While another runs in this process, it waits `patience` seconds for its end, as whoever asks again has left one that
    notices only at its next call; then the answer says so instead.
    """
    answer = StreamingHttpResponse(_lines(work, patience), content_type="application/x-ndjson")
    answer["X-Accel-Buffering"] = "no"  # a proxy that collects the answer would hide the progress
    answer["Cache-Control"] = "no-store"
    return answer


def _lines(work: Callable[[Tell], str], patience: float) -> Iterator[str]:
    if not _places.acquire(timeout=patience):
        yield json.dumps({"error": "Another computation is running. Try again when it has finished."}) + "\n"
        return
    steps: queue.SimpleQueue[dict[str, str] | BaseException | None] = queue.SimpleQueue()
    left = threading.Event()

    def tell(text: str) -> None:
        if left.is_set():
            raise _Left
        steps.put({"told": text})

    def run() -> None:
        try:
            steps.put({"html": work(tell)})
        except DomainError as error:
            steps.put({"error": error.detail})
        except _Left:
            pass
        except BaseException as error:  # noqa: BLE001 (raised again by whoever reads the steps)
            steps.put(error)
        finally:
            connection.close()
            _places.release()
            steps.put(None)

    threading.Thread(target=run, name="steps", daemon=True).start()
    try:
        while (step := steps.get()) is not None:
            if isinstance(step, BaseException):
                raise step
            yield json.dumps(step) + "\n"
    finally:
        left.set()
