// A middleware for wasi:http 0.2 that requires a token: `Authorization: Bearer TOKEN`, or a cookie `token=TOKEN`.
//
// It gets no file and no connection, so the token is part of the component: keep the component secret.

import { handle as next } from "wasi:http/incoming-handler@0.2.12";
import { Fields, OutgoingBody, OutgoingResponse, ResponseOutparam } from "wasi:http/types@0.2.12";

// Replace it by a long random text.
const TOKEN = bytes("example");
const REFUSAL = bytes("a token is required\n");

function bytes(text) {
  return new TextEncoder().encode(text);
}

function text(value) {
  return new TextDecoder().decode(value);
}

/** The tokens of a request. */
function tokens(fields) {
  const bearer = fields.get("authorization").map((value) => /^bearer +(.*)$/i.exec(text(value))?.[1]);
  const pairs = fields.get("cookie").flatMap((value) => text(value).split(";"));
  const cookies = pairs.map((pair) => /^ *token=(.*)$/.exec(pair)?.[1]);
  return [...bearer, ...cookies].filter((token) => token !== undefined).map((token) => bytes(token.trim()));
}

/** Takes the same time for all tokens of the same length. */
function isValid(token) {
  let difference = token.length ^ TOKEN.length;
  for (let at = 0; at < token.length; at += 1) {
    difference |= token[at] ^ TOKEN[at % TOKEN.length];
  }
  return difference === 0;
}

/** 401 (RFC 9110 15.5.2) with a body of one line. */
function refuse(out) {
  const fields = Fields.fromList([
    ["www-authenticate", bytes('Bearer realm="site"')],
    ["content-type", bytes("text/plain; charset=utf-8")],
    ["content-length", bytes(String(REFUSAL.length))],
    ["cache-control", bytes("no-store")],
  ]);
  const response = new OutgoingResponse(fields);
  response.setStatusCode(401);
  const body = response.body();
  ResponseOutparam.set(out, { tag: "ok", val: response });
  const stream = body.write();
  stream.blockingWriteAndFlush(REFUSAL);
  stream[Symbol.dispose]();
  OutgoingBody.finish(body, undefined);
}

export const incomingHandler = {
  handle(request, out) {
    const fields = request.headers();
    const isAllowed = tokens(fields).some(isValid);
    fields[Symbol.dispose]();
    if (isAllowed) {
      next(request, out);
    } else {
      refuse(out);
    }
  },
};
