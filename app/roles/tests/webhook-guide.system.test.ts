import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../../devstack/system/ports.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { SteadyLoad } from '../testing/steady-load.ts';

const GUIDE = new URL('../../../docs/webhooks.md', import.meta.url);
const KILLS = 4;

let roles: RolesUnderTest;
let api: Role;
let receiver: ChildProcess | null = null;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api({ WEBHOOK_HTTP: 'allowed', WEBHOOK_ALLOWED_RANGES: '127.0.0.0/8' });
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
});
afterAll(async () => {
  receiver?.kill('SIGKILL');
  await roles.stop();
});

interface Event {
  id: string;
  type: string;
  subject: string;
}

it('The receiver of the guide, killed again and again, writes each event once, and nothing unsigned', async () => {
  const [, code] = /^```js\n(.*?)^```/ms.exec(readFileSync(GUIDE, 'utf8')) ?? [];
  expect(code?.trimEnd().split('\n').length).toBeLessThan(40);
  const folder = temporaryFolder();
  const [program, file] = ['receiver.mjs', 'events.ndjson'].map((name) => join(folder, name)) as [string, string];
  writeFileSync(program, code ?? '');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const { json } = await api.request('POST', '/v1/webhooks', { url, after: 'oldest' });
  const start = () => {
    const env = { ...process.env, SECRET: String(json['secret']), FILE: file, PORT: String(port) };
    receiver = spawn(process.execPath, [program], { env, stdio: 'ignore' });
    return receiver;
  };
  const read = (): Event[] => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Event);
  };

  await roles.webhooks();
  const load = new SteadyLoad(api);
  for (let kill = 0; kill < KILLS; kill++) {
    const before = read().length;
    const running = start();
    await until('it has more events', () => read().length > before);
    running.kill('SIGKILL');
    await once(running, 'exit');
    // A partial line, as left by a crash.
    writeFileSync(file, '{"id":"0.1', { flag: 'a' });
    await load.goesOn();
  }
  expect(await load.faults(roles)).toEqual([]);
  start();
  await until('it has all events', () => read().length >= load.posted + 2);
  const events = read();
  const stored = await roles.db.database.rows<{ id: string }>(
    'SELECT transaction_id AS id FROM transfers ORDER BY destination_version',
  );
  const posted = events.filter(({ type }) => type === 'holdfast.transfer.posted').map(({ subject }) => subject);
  expect(posted).toEqual(stored.map(({ id }) => id));
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);

  const now = String(Math.floor(Date.now() / 1000));
  const forged = { 'webhook-id': 'msg_1', 'webhook-timestamp': now, 'webhook-signature': 'v1,AAAA' };
  for (const headers of [{}, forged, { ...forged, 'webhook-timestamp': '1' }]) {
    const body = JSON.stringify([{ id: 'forged', type: 'forged', subject: 'forged' }]);
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(401);
  }
  expect(read()).toHaveLength(events.length);
});
