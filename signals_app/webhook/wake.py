"""Hints to the workers that a signal waits: one NOTIFY after the commit, from one thread per process.

Only a hint that saves the worker's next look at the table; losing it costs at most a second. Never
inside the alert's own transaction: PostgreSQL takes an instance-wide lock at the commit of a
transaction that notifies, which cuts commits per second to a quarter. And never one per alert: a
burst of alerts is one hint.
"""

from __future__ import annotations

import os
import threading
from time import sleep

from django.db import DatabaseError, InterfaceError, connection

from kernel.connections import on_live_connection
from kernel.events import WORKER_NOT_NOTIFIED

CHANNEL = "signals_waiting"
# At most twenty hints a second and process; a worker that has just decided something looks by itself meanwhile.
DEBOUNCE_SECONDS = 0.05


class Waker:
    """Sends hints from a thread of its own; `wake` only sets a flag and never blocks."""

    def __init__(self) -> None:
        self._waiting = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0

    def wake(self) -> None:
        """Ask for a hint soon; call it after the commit."""
        if self._pid != os.getpid():
            # Started at the first alert of a process: a thread does not survive the server's fork.
            with self._lock:
                if self._pid != os.getpid():
                    self._pid = os.getpid()
                    threading.Thread(target=self._run, name="signals-waker", daemon=True).start()
        self._waiting.set()

    def _run(self) -> None:
        while True:
            self._waiting.wait()
            # Cleared before the hint: a signal that commits meanwhile sets it again.
            self._waiting.clear()
            notify()
            sleep(DEBOUNCE_SECONDS)


def notify() -> None:
    """Send one hint; a database that cannot be reached only means that the worker finds the signal at its next poll."""

    def send() -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")

    try:
        on_live_connection(send)
    except (DatabaseError, InterfaceError) as error:
        WORKER_NOT_NOTIFIED.log(error=str(error))


waker = Waker()
