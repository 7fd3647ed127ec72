"""Start a supervisor for a data directory unless one is running: `python -m embedded_postgres <options>`.

A short-lived process of its own, so that the program that needs the database never holds the lock and never forks.
"""

from __future__ import annotations

import argparse
import fcntl
import logging
import os
import socket
import sys
import time
from pathlib import Path

from embedded_postgres.data_folder import POLL_SECONDS
from embedded_postgres.errors import EmbeddedPostgresError, from_os_error
from embedded_postgres.place import Place
from embedded_postgres.supervisor import supervise

# A supervisor that stops its server holds the lock until the last checkpoint is written.
LOCK_SECONDS = 90.0
# A lock just taken still names its last owner for a moment.
OWNER_SECONDS = 1.0
LARGEST_LOG_BYTES = 10_000_000


def main() -> int:
    """Leave a supervisor behind, ours or another's, and return 0; or print an error as JSON and return 1."""
    parser = argparse.ArgumentParser(prog="embedded_postgres", description=__doc__)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--max-connections", type=int, required=True)
    parser.add_argument("--may-create", action="store_true")
    options = parser.parse_args()
    try:
        launch(Place.of(options.data_dir), options.max_connections, may_create=options.may_create)
    except EmbeddedPostgresError as error:
        print(error.to_json())
        return 1
    except OSError as error:
        print(from_os_error(error, "prepare its folders").to_json())
        return 1
    return 0


def launch(place: Place, max_connections: int, *, may_create: bool) -> None:
    """Fork a supervisor when the lock is free; return as soon as some supervisor listens on the control socket."""
    if may_create:
        place.data_dir.parent.mkdir(parents=True, exist_ok=True)
    lock = take_lock(place)
    if lock is None:
        return
    place.create_runtime_dir()
    place.control_socket.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(os.fspath(place.control_socket))
    # From here on clients can connect: they wait in the queue of the socket until the supervisor takes them.
    place.control_socket.chmod(0o600)
    listener.listen(128)
    if os.fork() == 0:
        detach(place)
        supervise(place, listener, max_connections, may_create=may_create)
    listener.close()
    os.close(lock)


def take_lock(place: Place) -> int | None:
    """The locked file; None when another supervisor has it and listens. Raise when it has it and never does."""
    lock = os.open(place.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if is_listening(place):
                os.close(lock)
                return None
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(place.uid).encode(), 0)
            return lock
        owner = os.pread(lock, 20, 0).decode(errors="replace")
        waited = time.monotonic() - started
        # Another user's supervisor will never listen where we can reach it.
        if waited > LOCK_SECONDS or (waited > OWNER_SECONDS and owner not in ("", str(place.uid))):
            raise EmbeddedPostgresError(
                "locked",
                f"{place.lock_file} is locked by a process of user {owner or 'unknown'} that cannot be reached.",
                "Stop the programs of this checkout that run as another user or in another container, "
                "or set DATABASE_URL to a PostgreSQL server.",
            )
        time.sleep(POLL_SECONDS)


def is_listening(place: Place) -> bool:
    """Whether a supervisor takes clients."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as attempt:
        try:
            attempt.connect(os.fspath(place.control_socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
    return True


def detach(place: Place) -> None:
    """Leave the terminal, the current folder and the caller's files; write to the log of the place."""
    os.setsid()
    os.chdir("/")
    if place.log_file.exists() and place.log_file.stat().st_size > LARGEST_LOG_BYTES:
        place.log_file.replace(place.log_file.with_name(place.log_file.name + ".1"))
    output = os.open(place.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    empty = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((empty, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    logging.Formatter.converter = time.gmtime
    line = "%(asctime)s UTC [%(process)d] %(levelname)s:  %(message)s"
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format=line)


if __name__ == "__main__":
    sys.exit(main())
