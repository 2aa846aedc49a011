import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { newUuidV7 } from '../domain/ids.ts';
import { until } from '../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../redis/testing/own-redis.ts';

/** Follows transfers through a pod and a keeper, and compares the files with "The path of a transfer" in ARCHITECTURE.md. */

const KEY = 'k'.repeat(24);
const LUA = 'app/redis/lua/';
/** How many checks in a row, without a transfer, must find no new function before the code counts as quiet. */
const QUIET_LOOKS = 3;
const LOOK_EVERY_MS = 1_000;
const TRANSFERS = 5;

let db: TestDatabase;
let redis: OwnRedis;
let url: string;
const roles: ChildProcess[] = [];
beforeAll(async () => {
  [db, redis] = await Promise.all([migratedDatabase(), OwnRedis.start()]);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env['PATH'] ?? '',
    REDIS_URL: redis.url,
    MYSQL_URL: db.url,
    KEY_PREFIX: randomPrefix(),
    HOST: '127.0.0.1',
    PORT: String(port),
    BOOTSTRAP_API_KEY: KEY,
  };
  for (const role of ['api', 'keeper']) {
    const args = ['--import', 'tsx', '--import', './app/integration/testing/executed-code.mjs', 'app/main.ts', role];
    roles.push(spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }));
  }
  // Until then, MySQL decides. For another minute, the ids of transfers have to be looked up there.
  await until('the cache has the authority', async () => (await mode()) === 'CACHE');
  for (const account of [{ accountId: 'from', external: true }, { accountId: 'to' }])
    expect((await post('/v1/accounts', { ...account, name: 'x', currency: 'EUR' })).status).toBe(201);
});
afterAll(async () => {
  for (const role of roles) role.kill('SIGKILL');
  await Promise.all([db.drop(), redis.stop()]);
});

const authorization = `Bearer ${KEY}`;

async function mode(): Promise<unknown> {
  const response = await fetch(`${url}/v1/ops/status`, { headers: { authorization } }).catch(() => null);
  return response?.ok === true ? ((await response.json()) as { mode: unknown }).mode : null;
}

function post(path: string, body: object): Promise<Response> {
  const headers = { authorization, 'content-type': 'application/json' };
  return fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Makes a transfer, and waits until it is in MySQL. */
async function transfer(): Promise<void> {
  const transactionId = newUuidV7(Date.now());
  const order = { transactionId, sourceAccount: 'from', destinationAccount: 'to', amount: '1.00', currency: 'EUR' };
  expect((await post('/v1/transfers', order)).status).toBe(201);
  const mysql = await createConnection(db.url);
  await until('the transfer is in MySQL', async () => {
    const [rows] = await mysql.query<RowDataPacket[]>('SELECT 1 FROM transfers WHERE transaction_id = ?', [
      transactionId,
    ]);
    return rows.length === 1;
  });
  await mysql.end();
}

/** The functions that have run in both roles since the last check. */
async function executed(): Promise<Set<string>> {
  const answers = roles.map(async (role, index) => {
    const answer = once(role, 'message') as Promise<[string[]]>;
    role.send('executed');
    return (await answer)[0].map((one) => `${index} ${one}`);
  });
  return new Set((await Promise.all(answers)).flat());
}

/** The functions that run without any transfer, such as heartbeats. */
async function executedWhileQuiet(): Promise<Set<string>> {
  const quiet = new Set<string>();
  await executed();
  for (let looks = 0; looks < QUIET_LOOKS; looks++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    const before = quiet.size;
    for (const one of await executed()) quiet.add(one);
    if (quiet.size > before) looks = -1;
  }
  return quiet;
}

/** The links of a section of ARCHITECTURE.md into app/, in order, without duplicates. */
function linksOf(heading: string): string[] {
  const [, section = ''] = readFileSync('ARCHITECTURE.md', 'utf8').split(`\n${heading}\n`);
  const links = [...(section.split(/\n##+ /)[0] ?? '').matchAll(/\]\((app\/[^)#]+)\)/g)].map(([, link]) => link ?? '');
  return [...new Set(links)];
}

/** A script and the files that it includes. */
function withIncludes(script: string): string[] {
  const includes = readFileSync(script, 'utf8').matchAll(/^--@include ([a-z-]+)$/gm);
  return [script, ...[...includes].map(([, name]) => `${LUA}includes/${name}.lua`)];
}

it('ARCHITECTURE.md lists exactly the code that runs for a transfer', async () => {
  await transfer();
  const quiet = await executedWhileQuiet();
  let ran: Set<string> | null = null;
  for (let made = 0; made < TRANSFERS; made++) {
    await executed();
    await transfer();
    const now = await executed();
    // Code that runs for only some of the transfers is not part of their path.
    ran = new Set([...(ran ?? now)].filter((one: string) => now.has(one)));
  }
  const functions = [...(ran ?? [])].filter((one) => !quiet.has(one));
  const files = new Set(functions.map((one) => one.replace(/^\d |#\d+$/g, '')));
  const around = linksOf('### Around the path');
  const path = linksOf('## The path of a transfer');
  expect(path.filter((file) => file.endsWith('.ts')).sort()).toEqual(
    [...files].filter((file) => !around.some((other) => file === other || file.startsWith(`${other}/`))).sort(),
  );
  const scripts = ['apply', 'journal', 'publish'].flatMap((name) => withIncludes(`${LUA}${name}.lua`));
  expect(path.filter((file) => file.endsWith('.lua')).sort()).toEqual([...new Set(scripts)].sort());
});
