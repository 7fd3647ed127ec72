"""Waiting for something that happens by itself, without guessing how long it takes."""

from __future__ import annotations

import time
from collections.abc import Callable

LIMIT_SECONDS = 30.0
LOOK_SECONDS = 0.02


def wait_until(holds: Callable[[], bool], wanted: Callable[[], str]) -> None:
    """Look again until the condition holds; fail after a limit that no working page comes near."""
    end = time.monotonic() + LIMIT_SECONDS
    while not holds():
        assert time.monotonic() < end, f"Waited {LIMIT_SECONDS:.0f} s in vain for {wanted()}"
        time.sleep(LOOK_SECONDS)
