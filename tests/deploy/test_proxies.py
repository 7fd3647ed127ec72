"""The example files of `deploy/nginx` and `deploy/caddy`, by real servers in front of the real site."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from django.db import connection

from signals_app.models import Signal, WebhookDelivery
from tests.deploy.tools import needs, running
from tests.factories import make_source
from tests.processes.harness import free_port
from tests.signals_app.webhook.door import open_door, open_pages
from tests.signals_app.webhook.webhook import TOKEN, alert

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
DEPLOY = Path(django_settings.BASE_DIR) / "deploy"
WEBHOOK = f"/webhooks/tradingview/{TOKEN}/"
# Stands in for one of TradingView's addresses; all of 127/8 is this machine.
TRADINGVIEW, STRANGER = "127.0.0.2", "127.0.0.1"
CLIENT = "CN=webhook-server@tradingview.com"
OPENSSL = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for the site, and one that TradingView might present, each its own authority."""
    folder = tmp_path_factory.mktemp("tls")
    for name, subject, more in (
        ("site", "/CN=desk.example", "subjectAltName=DNS:desk.example"),
        ("client", f"/{CLIENT}", "extendedKeyUsage=clientAuth"),
    ):
        files = ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        command = [*OPENSSL.split(), *files, "-subj", subject, "-addext", more]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def changed(example: str, changes: dict[str, str]) -> str:
    """The example with what a desk has to change; each change must meet something."""
    text = (DEPLOY / example).read_text()
    for old, new in changes.items():
        text, count = re.subn(old, new, text)
        assert count, old
    return text


def nginx(folder: Path, tls: Path, site: int, ports: tuple[int, int]) -> list[str]:
    text = changed(
        "nginx/orchestrator.conf",
        {
            r"127\.0\.0\.1:8000": f"127.0.0.1:{site}",
            r"52\.89\.214\.238": TRADINGVIEW,
            r"listen 80;": f"listen 127.0.0.1:{ports[0]};",
            r"listen 443 ": f"listen 127.0.0.1:{ports[1]} ",
            r"/etc/nginx/tls/desk\.example": f"{tls}/site",
            r"/etc/nginx/tls/clients": f"{tls}/client",
            r"/var/log/nginx": str(folder),
        },
    )
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{place}_temp_path {folder}/{place};" for place in places)
    main = f"daemon off; user root; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;"
    (folder / "nginx.conf").write_text(f"{main} events {{}} http {{ {paths}\n{text} }}")
    return ["nginx", "-p", str(folder), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, tls: Path, site: int, ports: tuple[int, int]) -> list[str]:
    text = changed(
        "caddy/Caddyfile",
        {
            r"127\.0\.0\.1:8000": f"127.0.0.1:{site}",
            r"52\.89\.214\.238": TRADINGVIEW,
            r"(?m)^\{": f"{{\n\tadmin off\n\thttp_port {ports[0]}\n\thttps_port {ports[1]}\n\tdefault_bind 127.0.0.1",
            r"\ttls \{": f"\ttls {tls}/site.pem {tls}/site.key {{",
            r"/etc/caddy/clients": f"{tls}/client",
        },
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


class Proxy:
    """What lies in front of the site, as a sender sees it."""

    def __init__(self, ports: tuple[int, int], tls: Path, folder: Path, refusals: set[int]) -> None:
        self._ports, self._tls, self._folder = ports, tls, folder
        # What a form that the site refuses is answered with, sent a dozen times.
        self.refusals = refusals

    def send(
        self, path: str, body: bytes | None = None, *, of: str = STRANGER, tls: bool = True, certificate: bool = False,
        **headers: str,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:  # fmt: skip
        """Send a request from one of this machine's addresses; header names are written with underscores."""
        context = ssl.create_default_context(cafile=f"{self._tls}/site.pem")
        if certificate:
            context.load_cert_chain(f"{self._tls}/client.pem", f"{self._tls}/client.key")
        sender = http.client.HTTPConnection("127.0.0.1", self._ports[tls], timeout=30, source_address=(of, 0))
        sender.connect()
        if tls:
            sender.sock = context.wrap_socket(sender.sock, server_hostname="desk.example")
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sender.request("GET" if body is None else "POST", path, body, {"Host": "desk.example"} | named)
        answer = sender.getresponse()
        found = answer.status, answer.headers, answer.read()
        sender.close()
        return found

    def logs(self) -> str:
        """Whatever it has written."""
        return "".join(path.read_text() for path in self._folder.glob("*log"))


@pytest.fixture(params=[pytest.param(nginx, marks=needs("nginx")), pytest.param(caddy, marks=needs("caddy"))])
def proxy(request: Any, tmp_path: Path, certificates: Path, settings: Any) -> Iterator[Proxy]:
    """The site as in production, and one of the proxies."""
    settings.ALLOWED_HOSTS = ["desk.example"]
    settings.TRUSTED_PROXIES = 1
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    application = get_wsgi_application()

    def pages(environ: dict[str, Any], start_response: Any) -> Any:
        try:
            return application(environ, start_response)
        finally:
            # The thread outlives the test, and its session would keep the database.
            connection.close()

    ports = free_port(), free_port()
    with open_door(open_pages(tmp_path, pages)) as site:
        command = request.param(tmp_path, certificates, site, ports)
        with running(command, ports[1], tmp_path / "output.log"):
            # Caddy of Debian has no limits of requests.
            yield Proxy(ports, certificates, tmp_path, {403, 429} if request.param is nginx else {403})


def test_alerts_of_tradingview_come_in_and_nothing_else_does(proxy: Proxy) -> None:
    make_source(client_certificate_subject=CLIENT)
    body = json.dumps(alert()).encode()
    forged: dict[str, Any] = {"X_Forwarded_For": TRADINGVIEW, "X_Forwarded_Proto": "https", "X_SSL_Client_S_DN": CLIENT}

    assert proxy.send(WEBHOOK, body, of=STRANGER, **forged)[0] == 403
    assert proxy.send(WEBHOOK, body, of=TRADINGVIEW, tls=False, **forged)[0] == 403
    assert proxy.send(WEBHOOK, body, of=TRADINGVIEW, **forged)[0] == 401
    assert not Signal.objects.exists()
    assert proxy.send(WEBHOOK, body, of=TRADINGVIEW, certificate=True)[0] == 200
    assert proxy.send(WEBHOOK, b" " * 900_000, of=TRADINGVIEW, certificate=True)[0] == 413
    assert proxy.send(WEBHOOK, b" " * 2_000_000, of=TRADINGVIEW, certificate=True)[0] == 413

    # What never came to the site is in no inbox; the rest is, with where it came from.
    kept = list(WebhookDelivery.objects.order_by("id").values_list("code", "remote_address"))
    assert kept[:4] == [
        ("https_required", TRADINGVIEW), ("unauthorized", TRADINGVIEW), ("", TRADINGVIEW),
        ("too_large", TRADINGVIEW),
    ]  # fmt: skip
    assert TOKEN not in proxy.logs()


def test_pages_go_to_https_and_probes_stay_inside(proxy: Proxy) -> None:
    status, headers, _ = proxy.send("/admin/", tls=False)
    assert (status, headers["Location"]) == (301, "https://desk.example/admin/")

    status, headers, page = proxy.send("/admin/login/")
    assert (status, b"csrfmiddlewaretoken" in page) == (200, True)
    assert {proxy.send("/admin/login/")[0] for _ in range(12)} == {200}
    assert {proxy.send("/admin/login/", b"")[0] for _ in range(12)} == proxy.refusals
    assert [proxy.send(path)[0] for path in ("/healthz", "/readyz", "/metrics")] == [404] * 3
    assert proxy.send("/api/v1/heartbeat", b"{}")[0] == 401
