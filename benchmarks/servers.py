"""The receivers that are compared, as running processes, the product's and the peers'."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks.alerts import TOKEN, bodies
from benchmarks.load import Answers, request, send
from benchmarks.processes import free_port, python, running, wait_for
from kernel.processes import answers_ok

WEBHOOK, PEER_PATH = f"/webhooks/tradingview/{TOKEN}/", f"/webhook/{TOKEN}"
FLASK = "benchmarks.peers.flask_receiver:app"
FASTAPI = "benchmarks.peers.fastapi_receiver:app"


@dataclass(frozen=True)
class Receiver:
    """A running receiver of alerts."""

    port: int
    path: str
    pid: int

    def send(self, count: int, *, connections: int, per_second: float = 0.0, keep_alive: bool = True) -> Answers:
        """Send that many new alerts and return what came back."""
        requests = [request(self.path, body, keep_alive=keep_alive) for body in bodies(count)]
        return send(self.port, requests, connections=connections, per_second=per_second, keep_alive=keep_alive)

    def accepts(self, count: int) -> bool:
        """Whether that many new alerts are all accepted."""
        return self.send(count, connections=1).statuses["200"] == count


@contextmanager
def up(*, workers: int = 1) -> Iterator[Receiver]:
    """Run the whole product, as `make run` does."""
    port = free_port()
    command = python("manage.py", "up", "--port", str(port), "--workers", str(workers))
    with running("up", *command) as process:
        wait_for(partial(answers_ok, f"http://127.0.0.1:{port}/readyz"), "`manage.py up` ready")
        yield Receiver(port, WEBHOOK, process.pid)


@contextmanager
def web_and_peers(peers_url: str) -> Iterator[dict[str, Receiver]]:
    """Run the product's web server alone and the peers, all on a database of their own."""
    ports = [free_port() for _ in range(3)]
    web = python("-m", "orchestrator_site.web.server", "--port", str(ports[0]))
    flask = python(
        *("-m", "gunicorn", "-w", "2", "--threads", "4", "-k", "gthread", "--backlog", "4096"),
        *("--worker-connections", "4096", "-b", f"127.0.0.1:{ports[1]}", FLASK),
    )
    fastapi = python(
        *("-m", "uvicorn", "--workers", "2", "--loop", "uvloop", "--http", "httptools", "--no-access-log"),
        *("--backlog", "4096", "--port", str(ports[2]), FASTAPI),
    )
    with ExitStack() as stack:
        receivers = {
            name: Receiver(port, path, stack.enter_context(running(name, *command, DATABASE_URL=peers_url)).pid)
            for port, (name, command, path) in zip(
                ports,
                (("web", web, WEBHOOK), ("flask", flask, PEER_PATH), ("fastapi", fastapi, PEER_PATH)),
                strict=True,
            )
        }
        for name, receiver in receivers.items():
            wait_for(partial(receiver.accepts, 1), f"an answer of {name}")
        yield receivers
