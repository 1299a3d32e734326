// Uploads photos over tus 1.0 and prints one JSON line a file: {file, sha256, bytes, url} or {file, sha256, bytes, error, status}.
// Exits 1 when any upload failed. The token comes from the environment, because arguments show in process lists.
//
//   PAICHA_TOKEN=… node upload.mjs --endpoint http://127.0.0.1:8080/api/v1/uploads [--chunk 262144] [--retries 20] [--meta k=v]… FILE…
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import * as tus from 'tus-js-client';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    endpoint: { type: 'string' },
    chunk: { type: 'string', default: '262144' },
    retries: { type: 'string', default: '20' },
    meta: { type: 'string', multiple: true, default: [] },
  },
});
if (!values.endpoint || positionals.length === 0) {
  console.error('usage: PAICHA_TOKEN=… node upload.mjs --endpoint URL [--chunk BYTES] [--retries N] [--meta k=v]… FILE…');
  process.exit(2);
}

// Short first delays, so that a test through a bad line does not wait long; capped at two seconds.
const retryDelays = Array.from({ length: Number(values.retries) }, (_, i) => Math.min(50 * 2 ** i, 2000));
const extra = Object.fromEntries(values.meta.map((m) => [m.slice(0, m.indexOf('=')), m.slice(m.indexOf('=') + 1)]));
const headers = process.env.PAICHA_TOKEN ? { Authorization: `Bearer ${process.env.PAICHA_TOKEN}` } : {};

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
      metadata: { ...extra, filename: basename(file), sha256 },
      onError: (e) => resolve({ ...line, error: e.message, status: e.originalResponse?.getStatus() ?? 0 }),
      onSuccess: () => resolve({ ...line, url: u.url }),
    });
    u.start();
  });
}

let failed = false;
for (const file of positionals) {
  const result = await upload(file);
  failed ||= 'error' in result;
  console.log(JSON.stringify(result));
}
process.exit(failed ? 1 : 0);
