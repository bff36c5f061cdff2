// Serves a transpiled handler for WASI 0.3. `jco serve` supports WASI 0.2 only.

import * as cli2 from '@bytecodealliance/preview2-shim/cli';
import * as files2 from '@bytecodealliance/preview2-shim/filesystem';
import * as cli3 from '@bytecodealliance/preview3-shim/cli';
import * as files3 from '@bytecodealliance/preview3-shim/filesystem';
import { future } from '@bytecodealliance/preview3-shim/future';
import { HttpServer, Response } from '@bytecodealliance/preview3-shim/http';
import { stream } from '@bytecodealliance/preview3-shim/stream';

const options = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('GLASSHOUSE_')));
// The handler lists directories through WASI 0.2.
for (const [files, cli] of [[files2, cli2], [files3, cli3]]) {
  files._setPreopens?.({ '/': process.env.SITE });
  cli._setEnv?.(options);
}

const component = await import('./out/handler.js');
await component.$init;
const handler = component.handler ?? component['wasi:http/handler@0.3.2'];

// The server waits for the end of the content, also if a response has none. It then gets an empty stream.
async function handle(request) {
  const handled = await handler.handle(request);
  const response = handled?.tag ? handled.val : handled;
  let [content, trailers] = Response.consumeBody(response, future().rx);
  if (!content) {
    const empty = stream();
    empty.tx.close();
    content = empty.rx;
  }
  const [complete] = Response.new(response.getHeaders(), content, trailers);
  complete.setStatusCode(response.getStatusCode());
  return { tag: 'ok', val: complete };
}

const server = new HttpServer({ handle });
server.on('error', (error) => console.error(error));
await server.listen(Number(process.env.PORT), '127.0.0.1');
