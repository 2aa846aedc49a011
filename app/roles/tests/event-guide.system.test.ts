import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { until } from '../../kernel/testing/until.ts';
import { API_KEY, type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { SteadyLoad } from '../testing/steady-load.ts';

const GUIDE = new URL('../../../docs/api.md', import.meta.url);
const KILLS = 6;

let roles: RolesUnderTest;
let api: Role;
let consumer: ChildProcess | null = null;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
});
afterAll(async () => {
  consumer?.kill('SIGKILL');
  await roles.stop();
});

interface Line {
  position: string;
  event: { id: string; type: string; subject: string };
}

it('The consumer of the guide, killed again and again, writes each event once', async () => {
  const [, code] = /^```js\n(.*?)^```/ms.exec(readFileSync(GUIDE, 'utf8')) ?? [];
  expect(code?.split('\n').length).toBeLessThan(40);
  const folder = temporaryFolder();
  const [program, file] = ['consumer.mjs', 'events.ndjson'].map((name) => join(folder, name)) as [string, string];
  writeFileSync(program, code ?? '');
  const read = (): Line[] => {
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  };
  const start = () => {
    const env = { ...process.env, API: api.url, KEY: API_KEY, FILE: file };
    consumer = spawn(process.execPath, [program], { env, stdio: 'ignore' });
    return consumer;
  };

  const load = new SteadyLoad(api);
  for (let kill = 0; kill < KILLS; kill++) {
    const before = read().length;
    const running = start();
    await until('it has more events', () => read().length > before);
    running.kill('SIGKILL');
    await once(running, 'exit');
    // A partial line, as left by a crash.
    writeFileSync(file, '{"position":"1', { flag: 'a' });
    await load.goesOn();
  }
  expect(await load.faults(roles)).toEqual([]);
  start();
  await until('it has all events', () => read().length >= load.posted + 2);
  const events = read().map(({ event }) => event);
  const posted = events.filter(({ type }) => type === 'holdfast.transfer.posted').map(({ subject }) => subject);
  const stored = await roles.db.database.rows<{ id: string }>(
    'SELECT transaction_id AS id FROM transfers ORDER BY destination_version',
  );
  expect(posted).toEqual(stored.map(({ id }) => id));
  expect(events.length).toBe(posted.length + 2);
});
