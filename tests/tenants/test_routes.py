"""nginx and Caddy read the map of the tenants' hosts, and use it to find the host of a request."""

import http.client
import http.server
import shutil
import socket
import subprocess
import threading
import time
from contextlib import closing, contextmanager

import pytest

from schemasync.tenants.answers import location
from tests.support.processes import environment, run

WRITE = """
import sys
from pathlib import Path
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings
from schemasync.tenants.models import Tenant

call_command("schemasync", database="default", export=True, verbosity=0)
folder, given = Path(settings.BASE_DIR), settings.SCHEMASYNC
Tenant.objects.bulk_create(Tenant(key=f"t-{number}", host="north") for number in range(5000))
Tenant.objects.create(key="a" * 63, host="south")
hosts = {"north": {"URL": "https://{key}.north.example.com"}, "south": {"URL": "https://south.example.com:8443/base"}}
for kind, value in (("subdomain", "example.com"), ("path", "/t/"), ("header", "X-Tenant")):
    tenants = {**given["TENANTS"], "HOST": "north", "HOSTS": hosts, "REQUEST": {kind: value}}
    with override_settings(SCHEMASYNC={**given, "TENANTS": tenants}):
        for server in ("nginx", "caddy"):
            call_command("schemasync", "tenants", "routes", format=server, output=folder / f"{kind}.{server}")
"""
LONG = "a" * 63
ASKED = {
    "subdomain": [
        (f"{LONG}.example.com", "/", "", "south https://south.example.com:8443/base"),
        ("t-17.example.com", "/", "", "north https://t-17.north.example.com"),
        ("t-17.example.com.evil.example", "/", "", " "),
        ("unknown.example.com", "/", "", " "),
        ("example.com", "/", "", " "),
    ],
    "path": [
        ("example.com", f"/t/{LONG}/names/", "", "south https://south.example.com:8443/base"),
        ("example.com", "/t/t-17", "", "north https://t-17.north.example.com"),
        ("example.com", "/x/t-17/", "", " "),
    ],
    "header": [
        ("example.com", "/", LONG, "south https://south.example.com:8443/base"),
        ("example.com", "/", "../x", " "),
        ("example.com", "/", "", " "),
    ],
}
SERVERS = [
    pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"needs {name}"))
    for name in ("nginx", "caddy")
]


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routes")
    variables = environment(DJANGO_SETTINGS_MODULE="tests.tenants.settings", TENANTS_FOLDER=str(folder))
    ended = run(("-m", "django", "shell", "--verbosity=0", "-c", WRITE), folder, variables, fresh=True)
    assert ended.code == 0, ended.err
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("kind", ASKED)
def test_a_proxy_finds_the_host_of_a_request(maps, tmp_path, server, kind):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    begin = {"nginx": _nginx, "caddy": _caddy}[server]
    with begin(tmp_path, maps / f"{kind}.{server}", port):
        for host, path, header, answer in ASKED[kind]:
            assert _answer(port, host, path, header) == answer, (host, path, header)


class _Echo(http.server.BaseHTTPRequestHandler):
    """A server for the site of another host, which responds with the request itself."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(f"{self.command} {self.path} {body.decode()}".encode())

    def _send(self, body, **headers):
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given):
        pass


class _Here(_Echo):
    """A server that responds as TenantMiddleware with OTHER_HOST = "X-Accel-Redirect"."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(b"", **{"X-Accel-Redirect": location("north")})


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx")
def test_nginx_passes_method_path_and_body_on_to_the_location_that_the_middleware_names(tmp_path):
    with _serving(_Here) as here, _serving(_Echo) as north, closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        taken.close()
        site = (
            f"location / {{ proxy_pass http://127.0.0.1:{here}; }}"
            f"location {location('north')} {{ proxy_pass http://127.0.0.1:{north}; }}"
        )
        with _nginx_with(tmp_path, "", site, port):
            assert _answer(port, "x", "/names/?q=a%20b", "", "POST", "name=ann") == "POST /names/?q=a%20b name=ann"


@contextmanager
def _serving(handler):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def _answer(port, host, path, header, method="GET", body=None):
    deadline = time.monotonic() + 30
    while True:
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
                connection.request(
                    method, path, body, headers={"Host": host, **({"X-Tenant": header} if header else {})}
                )
                return connection.getresponse().read().decode()
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


@contextmanager
def _nginx(folder, routes, port):
    """Run nginx as in Debian, with the settings that the head of the map names."""
    said = [line.removeprefix("# ") for line in routes.read_text().splitlines() if line.startswith("# map_hash")]
    assert len(said) == 2
    with _nginx_with(folder, f"{''.join(said)} include {routes};", RETURN, port):
        yield


RETURN = 'location / { return 200 "$tenants_host $tenants_url"; }'


@contextmanager
def _nginx_with(folder, http_context, site, port):
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/log; worker_processes 1; user root;"
        f"events {{}} http {{ access_log off; default_type text/plain; {http_context}"
        f"server {{ listen 127.0.0.1:{port}; {site} }} }}"
    )
    words = ["nginx", "-e", f"{folder}/log", "-c", str(configuration)]
    tested = subprocess.run([*words, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    assert "warn" not in tested.stderr, tested.stderr
    with _running(words):
        yield


@contextmanager
def _caddy(folder, routes, port):
    configuration = folder / "Caddyfile"
    configuration.write_text(
        "{\n\tadmin off\n\tauto_https off\n}\n"
        f'http://:{port} {{\n\timport {routes}\n\trespond "{{tenants_host}} {{tenants_url}}"\n}}\n'
    )
    words = ["caddy", "run", "--config", str(configuration), "--adapter", "caddyfile"]
    valid = ["caddy", "validate", "--config", str(configuration), "--adapter", "caddyfile"]
    tested = subprocess.run(valid, capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    with _running(words):
        yield


@contextmanager
def _running(words):
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)
