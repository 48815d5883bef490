"""Clients of a server: what they send byte by byte, what comes back, and the server as a process of its own."""

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families

JSON = {"content-type": "application/json"}
GOOD = b'{"instances": [[1, 2, 3]]}'


def counters(url):
    """The server's counters by name and labels."""
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics").text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


def refusal(response, status):
    """The one line of a refusal."""
    assert response.status_code == status, response.text
    content = response.json()
    assert list(content) == ["error"]
    assert len(response.text.splitlines()) == 1
    return content["error"]


def talk(url, *parts, pause=0.0, half=False):
    """Send bytes as they are, shut our side down if asked to; what came back until the server closed, in how long."""
    began, answer = time.monotonic(), b""
    with socket.create_connection(place(url), timeout=20) as line:
        for part in parts:
            line.sendall(part)
            time.sleep(pause)
        if half:
            line.shutdown(socket.SHUT_WR)
        try:
            while more := line.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
    return answer, time.monotonic() - began


def post(length, body=b""):
    return (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % length
        + body
    )


def place(url):
    """The host and the port of a URL."""
    host, port = url.removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def command(path, *options, files=None):
    """`netgrad serve` on a free port as a process that may have so many files open, and its URL."""
    limited = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
    run = [sys.executable, "-c", "import sys; from netgrad.cli import main; sys.exit(main())"]
    process = subprocess.Popen(
        [*limited, *run, "serve", str(path), "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line.startswith(f"serving {os.path.basename(path)} at http://127.0.0.1:"), process.stderr.read()
        yield process, line.split()[3]
    finally:
        process.kill()
        process.communicate()
