// Opens page.html at ORIGIN in a headless Chromium, has it take photos and upload them, and prints the JSON lines that
// upload.mjs prints, with resumed: the offset at which an upload of an earlier page went on. A line "reload" on the standard
// input reloads the page, once. The token comes from the environment, because arguments show in process lists.
//
//   PAICHA_TOKEN=… PAICHA_TEST_CHROMIUM=/usr/bin/chromium node browser.mjs --origin http://127.0.0.1:8081 --inspection ID
//     [--photos 20] [--chunk 262144] [--at-once 3]
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const { values } = parseArgs({
  options: {
    origin: { type: 'string' },
    inspection: { type: 'string' },
    photos: { type: 'string', default: '20' },
    chunk: { type: 'string', default: '262144' },
    'at-once': { type: 'string', default: '3' },
  },
});
const executablePath = process.env.PAICHA_TEST_CHROMIUM;
if (!values.origin || !values.inspection || !executablePath) {
  console.error('usage: PAICHA_TOKEN=… PAICHA_TEST_CHROMIUM=… node browser.mjs --origin URL --inspection ID [--photos N] [--chunk BYTES] [--at-once N]');
  process.exit(2);
}

const say = (line) => console.log(JSON.stringify(line));
const input = createInterface({ input: process.stdin });
const reload = new Promise((resolve) => {
  input.on('line', (line) => { if (line === 'reload') resolve('reload'); });
});

// Nothing but the page may use the network, and no sandbox: the page is ours, and a container's root cannot have one.
const browser = await chromium.launch({
  executablePath,
  chromiumSandbox: false,
  args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const page = await (await browser.newContext()).newPage();
await page.exposeFunction('say', say);

// The page comes over the bad line too: what came only in part is asked for again.
async function open(again) {
  say({ working: 1 });
  let last;
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      await (again && attempt === 0 ? page.reload() : page.goto(values.origin));
      if (await page.evaluate(() => typeof tus === 'object' && typeof send === 'function')) return;
      last = new Error('the page came in part');
    } catch (e) {
      last = e;
    }
  }
  throw last;
}

const send = () => page.evaluate((how) => send(how), {
  token: process.env.PAICHA_TOKEN, inspection: values.inspection, chunk: Number(values.chunk), atOnce: Number(values['at-once']),
});

await open(false);
await page.evaluate((count) => take(count), Number(values.photos));
const first = send();
first.catch(() => {}); // a reload ends it; any other failure is thrown by the race
if (await Promise.race([first, reload]) === 'reload') {
  await open(true);
  await send();
}
input.close();
await browser.close();
