"""Which requests are heard at all: those to a name of this server, and of one length only."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from netgrad.errors import NetgradError

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
NAME = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?")


class Hosts:
    """The names by which a server may be called, in a request's Host header.

    A browser can be made to take a stranger's name for this machine's address (DNS rebinding), and the stranger's page
    then asks the server as if it were its own. It cannot but call it by that name.

    bound: the address listened on. It may be called by that name, by those of the loopback where it is one of them, and
    by any number of an address where all are listened on. more: further names, or "*" for any.

    >>> hosts = Hosts("127.0.0.1", ["models.example"])
    >>> hosts.allows("localhost:8000"), hosts.allows("models.example"), hosts.allows("evil.example:8000")
    (True, True, False)
    >>> Hosts("127.0.0.1", ["http://models.example"])
    Traceback (most recent call last):
    netgrad.errors.NetgradError: 'http://models.example' is no host's name: expected one such as models.example, \
without http:// and port
    """

    def __init__(self, bound: str, more: Iterable[str] = ()):
        names = {name.lower().rstrip(".") for name in more}
        for name in names:
            if name != "*" and not NAME.fullmatch(name) and not is_address(name):
                raise NetgradError(
                    f"{name[:60]!r} is no host's name: expected one such as models.example, without http:// and port"
                )
        self.any = "*" in names
        self.all_addresses = is_address(bound) and ipaddress.ip_address(bound).is_unspecified
        self.names = names | {bound.lower()} | (LOOPBACK if is_loopback(bound) or self.all_addresses else set())

    def allows(self, host: str) -> bool:
        """Whether a request may come with this header."""
        name = host.lower()
        name = name[1:].partition("]")[0] if name.startswith("[") else name.partition(":")[0]
        name = name.rstrip(".")
        return self.any or name in self.names or (self.all_addresses and is_address(name))


def is_address(name: str) -> bool:
    """Whether this is the number of an address.

    >>> is_address("127.0.0.1"), is_address("::1"), is_address("localhost")
    (True, True, False)
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    return ipaddress.ip_address(host).is_loopback if is_address(host) else host == "localhost"


def fault(scope: Any, hosts: Hosts | None) -> tuple[int, str] | None:
    """The status and the one line with which a request is turned away whatever it asks; None where it is not."""
    found = {name: value for name, value in scope["headers"] if name in (b"host", b"content-length")}
    coded = any(name == b"transfer-encoding" for name, _ in scope["headers"])
    if coded and (b"content-length" in found or scope["http_version"] == "1.0"):
        other = "Content-Length" if b"content-length" in found else "HTTP/1.0"
        return 400, f"Transfer-Encoding and {other} in one request: where it ends is not certain"
    if hosts is not None and b"host" in found and not hosts.allows(host := found[b"host"].decode("latin-1")):
        return 421, f"this server is not called {host[:60]!r}: ask it by its address, or start it with --allow-host"
    return None
