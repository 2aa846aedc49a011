import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../devstack/system/ports.mjs';
import { newUuidV7 } from '../domain/ids.ts';
import { until } from '../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../mysql/testing/test-database.ts';
import { OwnRedis, randomPrefix } from '../redis/testing/own-redis.ts';

/**
 * Follows transfers through a pod and a keeper, and compares the files that they execute with the sections of
 * ARCHITECTURE.md about their path.
 */

const KEY = 'k'.repeat(24);
const LUA = 'app/redis/lua/';
/** A keeper runs this script all the time, even if the journal has nothing new. */
const ALWAYS_RUNS = 'journal';
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
  // Until the cache has the authority, MySQL has it. For another minute after that, the ids of transfers have to be
  // looked up in MySQL.
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

/** Makes a transfer, and waits until it is in MySQL and the keeper has published the cursor to Redis. */
async function transfer(): Promise<void> {
  const before = luaLog().length;
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
  await until('the cursor is published', () =>
    luaLog()
      .slice(before)
      .some(({ script }) => script === 'publish'),
  );
}

/** Which scripts have reached which files, oldest first. */
function luaLog(): { script: string; file: string }[] {
  const lines = readFileSync(join(redis.dir, 'redis.log'), 'utf8').matchAll(/ executed (\S+) (\S+)$/gm);
  return [...lines].map(([, script = '', file = '']) => ({ script, file }));
}

/** The functions that have run in either role since the last check. */
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

function sectionOf(heading: string): string {
  const [, section = ''] = readFileSync('ARCHITECTURE.md', 'utf8').split(`\n${heading}\n`);
  expect(section, heading).not.toBe('');
  return section.split(/\n##+ /)[0] ?? '';
}

/** The links of a section of ARCHITECTURE.md into app/, in order, without duplicates. */
function linksOf(heading: string): string[] {
  const links = [...sectionOf(heading).matchAll(/\]\((app\/[^)#]+)\)/g)].map(([, link]) => link ?? '');
  return [...new Set(links)];
}

/** A script and the files that it includes. */
function withIncludes(script: string): string[] {
  const includes = readFileSync(script, 'utf8').matchAll(/^--@include ([a-z-]+)$/gm);
  return [script, ...[...includes].map(([, name]) => `${LUA}includes/${name}.lua`)];
}

const intersection = (sets: readonly Set<string>[]): string[] =>
  [...(sets[0] ?? [])].filter((one) => sets.every((set) => set.has(one)));

/** The files that every transfer uses, without the code that also runs while there is no transfer. */
async function filesOfTransfers(): Promise<{ ts: string[]; lua: string[]; scripts: string[] }> {
  await transfer();
  const luaBefore = luaLog().length;
  const quiet = await executedWhileQuiet();
  const quietScripts = new Set(
    luaLog()
      .slice(luaBefore)
      .map(({ script }) => script),
  );
  quietScripts.delete(ALWAYS_RUNS);
  const functions: Set<string>[] = [];
  const lua: Set<string>[] = [];
  // Code that runs for only some of the transfers is not part of their path.
  for (let made = 0; made < TRANSFERS; made++) {
    await executed();
    const from = luaLog().length;
    await transfer();
    functions.push(await executed());
    lua.push(
      new Set(
        luaLog()
          .slice(from)
          .filter(({ script }) => !quietScripts.has(script))
          .map(({ script, file }) => `${script} ${file}`),
      ),
    );
  }
  const called = intersection(functions).filter((one) => !quiet.has(one));
  const reached = intersection(lua).map((one) => one.split(' ') as [script: string, file: string]);
  return {
    ts: [...new Set(called.map((one) => one.replace(/^\d |#\d+$/g, '')))],
    lua: [...new Set(reached.map(([, file]) => file))],
    scripts: [...new Set(reached.map(([script]) => `${LUA}${script}.lua`))],
  };
}

it('ARCHITECTURE.md lists exactly the code that runs for a transfer', async () => {
  const { ts, lua, scripts } = await filesOfTransfers();
  const path = linksOf('## The path of a transfer');
  const beside = linksOf('### What else a flush writes');
  const around = linksOf('### Around the path');
  const isAround = (file: string) => around.some((other) => file === other || file.startsWith(`${other}/`));
  const ran = [...ts.filter((file) => !isAround(file)), ...lua];
  expect(ran.sort()).toEqual([...path, ...beside].sort());
  expect(path.filter((file) => beside.includes(file))).toEqual([]);

  const some = linksOf('### What only some transfers use');
  expect(some.filter((file) => ts.includes(file) || lua.includes(file))).toEqual([]);
  const included = scripts.flatMap(withIncludes).filter((file) => !lua.includes(file));
  expect(some.filter((file) => file.endsWith('.lua')).sort()).toEqual([...new Set(included)].sort());

  const counts = (files: readonly string[]) => {
    const luaFiles = files.filter((file) => file.endsWith('.lua')).length;
    return `${files.length} files, ${files.length - luaFiles} of TypeScript and ${luaFiles} of Lua`;
  };
  expect(sectionOf('## The path of a transfer').replaceAll(/\s+/g, ' ')).toContain(counts(path));
  expect(sectionOf('### What else a flush writes').replaceAll(/\s+/g, ' ')).toContain(`${beside.length} more files`);
});
