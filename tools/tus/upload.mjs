// Uploads photos over tus 1.0 and prints one JSON line a file as it ends: {file, sha256, bytes, url} or {file, sha256, bytes,
// error, status}. In both, and in a line before all, working is how many uploads are under way from then on.
// Exits 1 when any upload failed. The token comes from the environment, because arguments show in process lists.
//
//   PAICHA_TOKEN=… node upload.mjs --endpoint http://127.0.0.1:8080/api/v1/uploads [--chunk 262144] [--retries 20] [--at-once 1]
//     [--meta k=v]… FILE…
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import * as tus from 'tus-js-client';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    endpoint: { type: 'string' },
    chunk: { type: 'string', default: '262144' },
    retries: { type: 'string', default: '20' },
    'at-once': { type: 'string', default: '1' },
    meta: { type: 'string', multiple: true, default: [] },
  },
});
if (!values.endpoint || positionals.length === 0) {
  console.error('usage: PAICHA_TOKEN=… node upload.mjs --endpoint URL [--chunk BYTES] [--retries N] [--at-once N] [--meta k=v]… FILE…');
  process.exit(2);
}

// A connection for each request, so that a bad line deals each a fate of its own. tus-js-client 4.3.1 waits in Node for the
// end of an answer and for nothing else (lib/node/httpStack): where the line breaks within an answer's body it would wait
// for ever. Here that is an error of the request, as it is in a browser.
class Line extends Agent {
  addRequest(request, ...rest) {
    request.once('response', (response) => response.once('error', (e) => request.emit('error', e)));
    super.addRequest(request, ...rest);
  }
}

// Short first delays, so that a test through a bad line does not wait long; capped at two seconds.
const retryDelays = Array.from({ length: Number(values.retries) }, (_, i) => Math.min(50 * 2 ** i, 2000));
const extra = Object.fromEntries(values.meta.map((m) => [m.slice(0, m.indexOf('=')), m.slice(m.indexOf('=') + 1)]));
const headers = process.env.PAICHA_TOKEN ? { Authorization: `Bearer ${process.env.PAICHA_TOKEN}` } : {};
const httpStack = new tus.DefaultHttpStack({ agent: new Line({ keepAlive: false }) });

async function upload(file) {
  const bytes = await readFile(file);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const line = { file, sha256, bytes: bytes.length };
  return new Promise((resolve) => {
    const u = new tus.Upload(bytes, {
      endpoint: values.endpoint,
      chunkSize: Number(values.chunk),
      retryDelays,
      headers,
      httpStack,
      metadata: { ...extra, filename: basename(file), sha256 },
      onError: (e) => resolve({ ...line, error: e.message, status: e.originalResponse?.getStatus() ?? 0 }),
      onSuccess: () => resolve({ ...line, url: u.url }),
    });
    u.start();
  });
}

const queue = [...positionals];
const most = Number(values['at-once']);
let failed = false;
let open = queue.length; // files that have not ended
async function work() {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    const result = await upload(file);
    failed ||= 'error' in result;
    open--;
    console.log(JSON.stringify({ ...result, working: Math.min(open, most) }));
  }
}
console.log(JSON.stringify({ working: Math.min(open, most) }));
await Promise.all(Array.from({ length: most }, work));
process.exit(failed ? 1 : 0);
