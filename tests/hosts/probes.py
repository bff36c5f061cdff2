"""The probes: requests that any host of the handler must answer, each with a check of its response."""

import http.client
import io
import json
import socket
import tarfile
import threading
import zipfile
from dataclasses import dataclass, field
from typing import Callable

import site_files as site

TIMEOUT = 20
# Some hosts select a component by this field.
HOST = {"Host": "localhost"}


@dataclass
class Response:
    status: int
    fields: dict
    body: bytes

    def get(self, name):
        return self.fields.get(name, "")


class Client:
    """Sends requests to a host, each on its own connection."""

    def __init__(self, port, directory):
        self.port, self.directory = port, directory

    def open(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)

    def ask(self, method, path, fields=(), body=None):
        connection = self.open()
        try:
            connection.request(method, path, body=body, headers={**HOST, **dict(fields)})
            response = connection.getresponse()
            content = response.read()
            return Response(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
        finally:
            connection.close()

    def get(self, path, **fields):
        return self.ask("GET", path, {name.replace("_", "-"): value for name, value in fields.items()})

    def raw(self, request, limit=None):
        """Sends bytes, and returns what comes until the host closes the connection, or at most `limit` bytes."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            connection.sendall(request)
            while limit is None or len(received) < limit:
                if not (block := connection.recv(65536)):
                    break
                received += block
        return received

    def content(self, name):
        return (self.directory / name).read_bytes()


@dataclass
class Probe:
    name: str
    request: Callable[[Client], object]
    check: Callable = field(default=lambda client, response: response is True)


def get(path, **fields):
    return lambda client: client.get(path, **fields)


def ask(method, path, **options):
    return lambda client: client.ask(method, path, **options)


def validator(name, of):
    """A request with a validator of an earlier response."""
    return lambda client: client.get("/hello.txt", **{name: client.get("/hello.txt").fields[of]})


def missing(client, response):
    return response.status == 404 and b"SECRET" not in response.body and b"root:" not in response.body


def on_one_connection(client):
    connection = client.open()
    for _ in range(20):
        connection.request("GET", "/hello.txt", headers=HOST)
        response = connection.getresponse()
        if (response.status, response.read()) != (200, site.HELLO):
            return False
    connection.close()
    return True


def at_once(client):
    results, expected = [], client.content("mid.bin")

    def one():
        response = client.get("/mid.bin")
        results.append((response.status, response.body) == (200, expected))

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * TIMEOUT)
    return results == [True] * 16


def client_leaves(client):
    """A client that leaves during a body does not stop the host from serving the next one."""
    client.raw(b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n", limit=1000)
    return client.get("/hello.txt").status == 200


def without_host(client):
    received = client.raw(b"GET /hello.txt HTTP/1.0\r\n\r\n")
    return b" 200 " in received.split(b"\r\n")[0] and received.endswith(site.HELLO)


def is_tar(client, response):
    names = tarfile.open(fileobj=io.BytesIO(response.body)).getnames()
    return response.status == 200 and any(name.endswith("a.txt") for name in names)


def is_zip(client, response):
    with zipfile.ZipFile(io.BytesIO(response.body)) as archive:
        return response.status == 200 and archive.testzip() is None and len(archive.namelist()) > 20


def status(*wanted):
    return lambda client, response: response.status in wanted


def is_hello(client, response):
    plain = response.get("content-type") == "text/plain; charset=utf-8" and response.get("content-length") == "12"
    return response.status == 200 and response.body == site.HELLO and plain and "etag" in response.fields


def is_file(name):
    return lambda client, response: response.status == 200 and response.body == client.content(name)


def is_head(length):
    def check(client, response):
        return response.status == 200 and response.body == b"" and response.get("content-length") == str(length)

    return check


def is_part(content, span=""):
    return lambda client, response: (
        response.status == 206 and response.body == content and span in response.get("content-range")
    )


def has(text, kind=""):
    return lambda client, response: (
        response.status == 200 and text in response.body and response.get("content-type").startswith(kind)
    )


def allows_get(client, response):
    return response.status in (200, 204, 405) and "GET" in response.get("allow")


def leads_to(path):
    return lambda client, response: response.status in (301, 308) and response.get("location").endswith(path)


def is_not_modified(client, response):
    return response.status == 304 and response.body == b""


def is_multipart(client, response):
    kind = response.get("content-type").startswith("multipart/byteranges")
    return response.status == 206 and kind and b"hello" in response.body


def is_listing_in_json(client, response):
    return response.status == 200 and "hello.txt" in json.dumps(json.loads(response.body))


def hides_dotfiles(client, response):
    return response.status == 200 and b"hello.txt" in response.body and b".hidden" not in response.body


def middle(client, response):
    return response.status == 206 and response.body == client.content("big.bin")[5_000_000:7_000_000]


PROBES = [
    Probe("file", get("/hello.txt"), is_hello),
    Probe("empty file", get("/empty.txt"), is_head(0)),
    Probe("file of 200 KB", get("/mid.bin"), is_file("mid.bin")),
    Probe("file of 10 MB", get("/big.bin"), is_file("big.bin")),
    Probe("name beyond ASCII", get("/%C3%BCn%C3%AF%20c%C3%B6d%C3%A9.txt"), has("ä".encode())),
    Probe("precompressed file", get("/text5k.txt", Accept_Encoding="gzip"), is_file("text5k.txt.gz")),
    Probe("HEAD", ask("HEAD", "/hello.txt"), is_head(12)),
    Probe("HEAD of 10 MB", ask("HEAD", "/big.bin"), is_head(10_000_000)),
    Probe("If-None-Match", validator("If_None_Match", "etag"), is_not_modified),
    Probe("If-Modified-Since", validator("If_Modified_Since", "last-modified"), is_not_modified),
    Probe("If-Match", get("/hello.txt", If_Match='"x"'), status(412)),
    Probe("If-Range", get("/hello.txt", Range="bytes=0-4", If_Range='"x"'), is_hello),
    Probe("range", get("/hello.txt", Range="bytes=0-4"), is_part(b"hello", "bytes 0-4/12")),
    Probe("range of the end", get("/hello.txt", Range="bytes=-3"), is_part(b"ld\n")),
    Probe("range in 10 MB", get("/big.bin", Range="bytes=5000000-6999999"), middle),
    Probe("range beyond the end", get("/hello.txt", Range="bytes=100-"), status(416)),
    Probe("two ranges", get("/hello.txt", Range="bytes=0-4,6-7"), is_multipart),
    Probe("listing", get("/"), has(b"big.bin", "text/html")),
    Probe("listing as JSON", get("/?format=json"), is_listing_in_json),
    Probe("listing without dotfiles", get("/?format=text"), hides_dotfiles),
    Probe("search", get("/?search=file1&format=text"), has(b"file10")),
    Probe("index", get("/sub/"), has(b"sub index")),
    Probe("redirect to a directory", get("/sub"), leads_to("sub/")),
    Probe("clean URL", get("/sub/index"), has(b"sub index")),
    Probe("tar", get("/sub/?download=tar"), is_tar),
    Probe("zip", get("/?download=zip"), is_zip),
    Probe("missing file", get("/nothing"), missing),
    Probe("dotfile", get("/.hidden"), missing),
    Probe("link inside", get("/link.txt"), is_hello),
    Probe("absolute link outside", get("/escape"), missing),
    Probe("relative link outside", get("/escape2"), missing),
    Probe("encoded dots", get("/%2e%2e/%2e%2e/etc/passwd"), status(400, 404)),
    Probe("FIFO", get("/fifo"), missing),
    Probe("POST", ask("POST", "/hello.txt", body="x"), allows_get),
    Probe("OPTIONS", ask("OPTIONS", "/hello.txt"), allows_get),
    Probe("20 requests on a connection", on_one_connection),
    Probe("16 requests at once", at_once),
    Probe("client that leaves", client_leaves),
    Probe("HTTP/1.0 without Host", without_host),
]


def run(client, wanted):
    """Sends probes. Returns the failures: the name of each probe with what came back."""
    failures = {}
    for probe in wanted:
        try:
            response = probe.request(client)
            if not probe.check(client, response):
                failures[probe.name] = repr(response)[:300]
        except Exception as error:  # Any error of the client or of the check is a failure of the host.
            failures[probe.name] = f"{type(error).__name__}: {error}"[:300]
    return failures
