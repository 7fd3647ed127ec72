"""Which threads of a page process are at work: a few, the same ones again and again.

Sixteen calls at once come to no earlier end than two after two. They only take as many threads and database
connections, each with caches that the others have emptied, and pass the interpreter's lock round: a tenth of the
processor time of an engine's trip.
"""

from __future__ import annotations

import threading
from time import monotonic, sleep

# One computes while the other waits for the database.
AT_ONCE = 2
# Three times what a call of an engine takes. Whatever takes longer waits: for a lock, for work, for a report's rows.
TURN_SECONDS = 0.05


class Turns:
    """Who may take the next request: the thread that has just ended one, else the last one that went to sleep.

    A request that takes longer than its turn goes on without one, and another thread may take the next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free = AT_ONCE
        # What each thread waits for that has none; the last one is the first to be woken.
        self._sleepers: list[threading.Lock] = []
        # Since when the threads at work have had theirs. Whoever removes an entry has the turn.
        self._begun: dict[int, float] = {}
        self._is_busy = threading.Event()

    def wait(self, thread: int) -> None:
        """Return once this thread may take a request."""
        if self._begun.pop(thread, None) is not None:
            return
        with self._lock:
            if self._free:
                self._free -= 1
                return
            sleeper = threading.Lock()
            sleeper.acquire()
            self._sleepers.append(sleeper)
        sleeper.acquire()

    def begin(self, thread: int) -> None:
        """Say that the thread has a request now."""
        self._begun[thread] = monotonic()
        if not self._is_busy.is_set():
            self._is_busy.set()

    def watch(self) -> None:
        """Pass on the turns that are over; sleeps while nobody is at work."""
        while True:
            self._is_busy.wait()
            sleep(TURN_SECONDS / 2)
            self._is_busy.clear()
            for thread, begun in list(self._begun.items()):
                # It may have come to its end meanwhile, and goes on with the next.
                if begun + TURN_SECONDS < monotonic() and self._begun.pop(thread, None) is not None:
                    self._give_back()
            if self._begun:
                self._is_busy.set()

    def _give_back(self) -> None:
        with self._lock:
            if self._sleepers:
                self._sleepers.pop().release()
            else:
                self._free += 1
