"""What a signal can do at worst: kill or stop the process that decides it, or kill the session that stores it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import AppConfig

from tests.database import execute

SYMBOL = "POISON"
# Stops the first process that decides it: the file tells whether one has.
STOPPING_SYMBOL, STOPPED_FILE = "STOPPING", "STOPPED_FILE"
TRIGGER = """
CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT symbol FROM signals WHERE signal_id = NEW.signal_id) = 'POISON' THEN
        PERFORM pg_terminate_backend(pg_backend_pid()), pg_sleep(60);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER poison BEFORE INSERT ON market_contexts FOR EACH ROW EXECUTE FUNCTION poison();
"""


class PoisonConfig(AppConfig):
    """Lets deciding a poisonous signal end the process as a segmentation fault or the OOM killer would."""

    name = "tests.processes"
    label = "poison"

    def ready(self) -> None:
        """Put the poison in front of the decision."""
        from experiments.core import decision
        from experiments.worker import pipeline
        from experiments.worker import supervisor as cluster

        # A test need not wait as long.
        vars(cluster)["HANG_LIMIT"] = "3s"

        def decide(stored: Any, *others: Any) -> Any:
            if stored.symbol == SYMBOL:
                os.kill(os.getpid(), signal.SIGKILL)
            if stored.symbol == STOPPING_SYMBOL and not (file := Path(os.environ[STOPPED_FILE])).exists():
                file.touch()
                os.kill(os.getpid(), signal.SIGSTOP)
            return decision.decide(stored, *others)

        vars(pipeline)["decide"] = decide


@contextmanager
def poisoned_database() -> Iterator[None]:
    """Let storing a poisonous signal end the database session."""
    execute(TRIGGER)
    try:
        yield
    finally:
        execute("DROP TRIGGER poison ON market_contexts; DROP FUNCTION poison();")
