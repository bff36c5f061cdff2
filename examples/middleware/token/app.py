"""A middleware for wasi:http 0.3 that requires a token: `Authorization: Bearer TOKEN`, or a cookie `token=TOKEN`.

Everything in it runs in the sandbox. It gets no file and no connection, so the token is part of the component: only its
SHA-256 is, in `token_hash.py`. componentize-py runs the module once when it builds the component.
"""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie

import wit_world
from componentize_py_async_support import spawn
from componentize_py_types import Ok
from token_hash import SHA256
from wit_world import exports
from wit_world.imports import handler
from wit_world.imports.wasi_http_types import Fields, Request, Response

REFUSAL = b"a token is required\n"


def tokens(fields: Fields):
    """The tokens of a request."""
    for value in fields.get("authorization"):
        scheme, _, token = value.partition(b" ")
        if scheme.lower() == b"bearer":
            yield token.strip()
    for value in fields.get("cookie"):
        try:
            cookie = SimpleCookie(value.decode("latin-1")).get("token")
        except CookieError:
            continue
        if cookie is not None:
            yield cookie.value.encode("latin-1")


def is_valid(token: bytes) -> bool:
    """The comparison takes the same time for every token."""
    return hmac.compare_digest(hashlib.sha256(token).hexdigest(), SHA256)


class Handler(exports.Handler):
    """The exported interface `wasi:http/handler`."""

    async def handle(self, request: Request) -> Response:
        if any(is_valid(token) for token in tokens(request.get_headers())):
            return await handler.handle(request)
        return refusal()


def refusal() -> Response:
    """401 (RFC 9110 15.5.2) with a body of one line."""
    fields = Fields.from_list([
        ("www-authenticate", b'Bearer realm="site"'),
        ("content-type", b"text/plain; charset=utf-8"),
        ("content-length", str(len(REFUSAL)).encode()),
        ("cache-control", b"no-store"),
    ])
    body, contents = wit_world.byte_stream()
    trailers = wit_world.result_option_wasi_http_types_fields_wasi_http_types_error_code_future(lambda: Ok(None))[1]
    response = Response.new(fields, contents, trailers)[0]
    response.set_status_code(401)

    async def send():
        with body:
            await body.write_all(REFUSAL)

    # The host reads the body after it has the response.
    spawn(send())
    return response
