"""The page is served to this computer alone and may reach no other; ports that are taken are named."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

import pytest

from ssc_ros.core import SscError
from ssc_ros.viewing.server import serve_viewer

pytest.importorskip("rerun_cli", reason="needs rerun: pip install 'ssc_ros[viewer]'")


def get(host: str, port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", path)
    return connection.getresponse()


def test_the_page_is_reruns_and_its_policy_allows_nothing_else() -> None:
    with serve_viewer(0) as viewer:
        address, data = urlsplit(viewer.page), urlsplit(viewer.data)
        assert address.hostname == data.hostname == "127.0.0.1"
        assert address.port is not None
        first = get(address.hostname, address.port, "/")
        assert (first.status, first.getheader("Location")) == (302, f"/?{address.query}")
        page = get(address.hostname, address.port, f"/?{address.query}")
        policy = page.getheader("Content-Security-Policy") or ""
        assert b"re_viewer.js" in page.read()
        rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        assert rules["connect-src"].split() == ["'self'", f"http://127.0.0.1:{data.port}"]
        assert not any("*" in rule or "https:" in rule for rule in rules.values())
        assert get(address.hostname, address.port, "/nothing").status == 404
        port = data.port
    with socket.socket() as probe:  # nothing is left behind
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SscError, match=f"on port {port}: .*--port"), serve_viewer(port):
            pass
