"""A network line to the test database that can stand still, or lose every packet without a word."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from django.db import connection

CLONE_NEWNET = 0x40000000


class Line:
    """Forwards what comes to `listener` to the database.

    While `flows` is not set, everything is taken and nothing answered, as by a frozen server.
    """

    def __init__(self, listener: socket.socket) -> None:
        own = connection.get_connection_params()
        self._server = f"{own['host']}/.s.PGSQL.{own.get('port') or 5432}"
        self._listener = listener
        self.flows = threading.Event()
        self.flows.set()
        user, password = (quote(own.get(name) or "") for name in ("user", "password"))
        host, port = listener.getsockname()
        self.url = f"postgresql://{user}{f':{password}' if password else ''}@{host}:{port}/{own['dbname']}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(self._server)
            while True:
                ready, _, _ = select.select([client, server], [], [])
                self.flows.wait()
                for end in ready:
                    data = end.recv(65536)
                    if not data:
                        return
                    (server if end is client else client).sendall(data)


class Network:
    """A network of two, this process at its near end; only root can have one."""

    def __init__(self) -> None:
        self.name = f"orch{os.getpid()}"
        block = os.getpid() % 16384 * 4
        self._near, self._far = (f"10.213.{block // 256}.{block % 256 + number}" for number in (1, 2))

    def build(self) -> bool:
        """Whether this machine allows it."""
        return os.geteuid() == 0 and all(
            _ip(*words.split())
            for words in (
                f"netns add {self.name}",
                f"link add {self.name} type veth peer name far netns {self.name}",
                f"addr add {self._near}/30 dev {self.name}",
                f"link set {self.name} up",
                f"-n {self.name} addr add {self._far}/30 dev far",
                f"-n {self.name} link set far up",
            )
        )

    def listen(self) -> socket.socket:
        """Listen at the far end."""
        libc = ctypes.CDLL(None, use_errno=True)
        # A socket stays in the network in which its thread was when it was made.
        with Path("/proc/thread-self/ns/net").open() as here, Path(f"/run/netns/{self.name}").open() as there:
            try:
                assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
                return socket.create_server((self._far, 0))
            finally:
                assert libc.setns(here.fileno(), CLONE_NEWNET) == 0

    @contextmanager
    def swallowing(self) -> Iterator[None]:
        """Lose whatever the far end sends, acknowledgements and all."""
        assert _ip("-n", self.name, "route", "add", "blackhole", f"{self._near}/32")
        yield
        assert _ip("-n", self.name, "route", "del", "blackhole", f"{self._near}/32")

    def remove(self) -> None:
        """Remove what there is of it."""
        _ip("link", "del", self.name)
        _ip("netns", "del", self.name)


def _ip(*arguments: str) -> bool:
    try:
        return subprocess.run(["ip", *arguments], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
