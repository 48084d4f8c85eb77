"""Serves rerun's viewer to browsers of this computer alone, and keeps it from telling anyone about it.

rerun's own server listens on all interfaces unless it is told not to, and its page loads fonts and sends statistics
of use to hosts of others. So its program runs as a child, bound to the loopback interface and with its statistics
turned off, and the page reaches the browser through a server of ours that adds a content security policy: the browser
itself then refuses every other host.
"""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

from ssc_ros.core import SscError

HOST = "127.0.0.1"

MEMORY = "1GB"
"""What the server keeps for browsers that come later; the oldest data goes first."""

START_TIMEOUT = 60.0
"""What rerun's program gets to start [s]."""


@dataclass(frozen=True)
class Viewer:
    """A viewer that is served.

    Attributes:
        page: address to open in a browser.
        data: address to which a recording connects.
    """

    page: str
    data: str


@contextmanager
def serve_viewer(port: int) -> Iterator[Viewer]:
    """Serve the viewer for a block of code.

    Args:
        port: of the page; 0 takes a free one.

    Raises:
        SscError: the port is taken, or rerun's program does not start.
        ModuleNotFoundError: rerun is not installed.
    """
    data_port, asset_port = _free_ports(2)
    with tempfile.TemporaryDirectory(prefix="ssc_view_") as home, _rerun(Path(home), data_port, asset_port):
        data = f"rerun+http://{HOST}:{data_port}/proxy"
        start = f"/?url={quote(data, safe='')}&hide_welcome_screen&persist=false"
        try:
            server = _PageServer((HOST, port), _Page)
        except (OSError, OverflowError) as error:
            raise SscError(
                f"the viewer cannot be served on port {port}: {error}; choose another one with --port"
            ) from error
        server.assets, server.start = (HOST, asset_port), start
        server.policy = _policy(data_port)
        thread = threading.Thread(target=server.serve_forever, name="page", daemon=True)
        thread.start()
        try:
            yield Viewer(f"http://{HOST}:{server.server_address[1]}{start}", data)
        finally:
            server.shutdown()
            server.server_close()


def _policy(data_port: int) -> str:
    """The content security policy of the page: nothing but this computer."""
    return (
        "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src data:; worker-src 'self' blob:; "
        f"connect-src 'self' http://{HOST}:{data_port}; base-uri 'none'; form-action 'none'"
    )


class _PageServer(ThreadingHTTPServer):
    """Hands on the files of rerun's page.

    Attributes:
        assets: (host, port) of rerun's own server.
        start: path of the page with its question.
        policy: content security policy.
    """

    daemon_threads = True
    assets: tuple[str, int]
    start: str
    policy: str


class _Page(BaseHTTPRequestHandler):
    """One request of a browser."""

    server: _PageServer

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if self.path == "/":
            self.send_response(302)
            self.send_header("Location", self.server.start)
            self.end_headers()
            return
        connection = http.client.HTTPConnection(*self.server.assets, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            self.send_error(502)
            return
        finally:
            connection.close()
        self.send_response(answer.status)
        for name in ("Content-Type", "rerun-final-length"):
            if value := answer.getheader(name):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Security-Policy", self.server.policy)
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing: the terminal belongs to the command."""


@contextmanager
def _rerun(home: Path, data_port: int, asset_port: int) -> Iterator[None]:
    """Run rerun's program as a child, until the block ends.

    Args:
        home: folder for its configuration, in place of the user's.
        data_port, asset_port: where it takes data and serves its page.
    """
    import rerun_cli

    program = str(Path(rerun_cli.__file__).parent / "rerun")
    environment = os.environ | {"XDG_CONFIG_HOME": str(home), "XDG_DATA_HOME": str(home)}

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        """In a session of its own, so that Ctrl-C reaches it through us alone."""
        try:
            return subprocess.Popen(
                [program, *arguments],
                env=environment,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise SscError(f"rerun does not start: {error}") from error

    if start("analytics", "disable").wait(START_TIMEOUT):
        raise SscError("rerun does not turn off its statistics of use, so it is not started")
    ports = ("--port", str(data_port), "--web-viewer-port", str(asset_port))
    process = start("--serve-web", "--bind", HOST, *ports, "--server-memory-limit", MEMORY)
    try:
        for port in (data_port, asset_port):
            _await_port(process, port)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise SscError(f"rerun does not serve port {port} (exit status {process.returncode})")


def _free_ports(count: int) -> list[int]:
    """Ports that are free now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
