import { closeSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { packagesMatch } from './install/packages.mjs';
import { parseUrl, readSettings, urlsOfShards } from './settings.mjs';
import { urlsOf } from './stores.mjs';
import { restartDelayMs } from './supervise.mjs';
import { openFolder, storedValue } from './system/folder.mjs';
import { lockWhenFree, tryLock } from './system/lock.mjs';
import { lastLines, openLog, rotateLogs, truncateLogs } from './system/logs.mjs';
import { temporaryFolder } from './testing/temporary.mjs';
import { restartsTheService } from './watch.mjs';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('the folder', () => {
  test('a value is generated once, and only this user can read it', () => {
    const file = join(dir, 'deep', 'secret');
    const value = storedValue(file);
    expect(value).toMatch(/^[0-9a-f]{48}$/);
    expect(storedValue(file)).toBe(value);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    writeFileSync(file, ''); // an interrupted write
    expect(storedValue(file)).not.toBe('');
    expect(readdirSync(join(dir, 'deep'))).toEqual(['secret']);
  });

  test('a file where a folder is needed is reported in one sentence', () => {
    writeFileSync(join(dir, 'file'), '');
    expect(() => openFolder(join(dir, 'file'))).toThrow(/file exists where a folder is needed.*STACK_DIR/);
  });
});

test('only one process holds a lock; others learn its pid, and whether it is about to release the lock', async () => {
  let going = false;
  const first = await tryLock(dir, () => going);
  expect(first.held).toBe(true);
  expect(await tryLock(dir)).toEqual({ held: false, by: String(process.pid), going: false });
  going = true;
  expect(await tryLock(dir)).toMatchObject({ held: false, going: true });
  if (first.held) await first.release();
  const second = await tryLock(dir);
  expect(second.held).toBe(true);
  if (second.held) await second.release();
});

test('a lock released while another process asks for it counts as free, not as held by an unknown one', async () => {
  const turns = Array.from({ length: 50 }, async () => {
    for (let round = 0; round < 20; round++) {
      const lock = await tryLock(dir);
      if (lock.held) await lock.release();
      else expect(lock).toEqual({ held: false, by: String(process.pid), going: true });
    }
  });
  await Promise.all(turns);
});

test('a process that waits for a lock that is about to be released gets it', async () => {
  const turns = Array.from({ length: 5 }, async () => {
    const lock = await lockWhenFree(dir, { signal: undefined });
    expect(lock.held).toBe(true);
    if (lock.held) await lock.release();
  });
  await Promise.all(turns);
});

test('logs of the last run are kept as .1, and the end of a log can be quoted', () => {
  mkdirSync(join(dir, 'logs'));
  writeFileSync(join(dir, 'logs', 'a.log'), 'one\ntwo\n\nthree\n');
  expect(lastLines(join(dir, 'logs', 'a.log'), 2)).toBe('two\nthree');
  rotateLogs(join(dir, 'logs'));
  expect(readFileSync(join(dir, 'logs', 'a.log.1'), 'utf8')).toContain('one');
  expect(lastLines(join(dir, 'logs', 'a.log'))).toBe('');
});

test('a log that grows too large is truncated while it is written, and its writer continues', () => {
  const file = join(dir, 'a.log');
  const writer = openLog(file);
  writeSync(writer, 'x'.repeat(100));
  truncateLogs(dir, 200);
  expect(statSync(file).size).toBe(100);
  truncateLogs(dir, 100);
  writeSync(writer, 'after');
  closeSync(writer);
  expect(readFileSync(file, 'utf8')).toBe('after');
  expect(statSync(`${file}.1`).size).toBe(100);
});

test('a program that repeatedly dies early is restarted after increasing delays, up to a limit', () => {
  expect([1, 2, 3, 4, 12, 100].map(restartDelayMs)).toEqual([100, 1000, 2000, 3000, 10_000, 10_000]);
});

test.each([
  ['ledger/pod-ledger.ts', true],
  ['redis/lua/apply.lua', true],
  ['ledger/tests/reads.test.ts', false],
  ['ledger/testing/orders.ts', false],
  ['redis/README.md', false],
  ['ledger/.pod-ledger.ts.swp', false],
])('a change of app/%s restarts the service: %s', (path, expected) => {
  expect(restartsTheService(path)).toBe(expected);
});

test('packages match if everything that the lock file requires here is installed in the version that it names', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0' },
      'node_modules/b': { version: '2.0.0', optional: true },
    },
  };
  expect(packagesMatch(lock, undefined)).toBe(false);
  expect(packagesMatch(lock, { packages: { 'node_modules/a': { version: '0.9.0' } } })).toBe(false);
  expect(packagesMatch(lock, { packages: { 'node_modules/a': { version: '1.0.0' } } })).toBe(true);
});

describe('settings', () => {
  test('missing settings have their default values', () => {
    expect(readSettings({}, '/repo')).toEqual({
      root: '/repo',
      scope: 'all',
      watch: false,
      folder: '/repo/.local',
      ports: [8080],
      shards: 1,
      redisUrl: null,
      mysqlUrl: null,
    });
    expect(readSettings({ PORT: '9000', API_PODS: '2' }, '/repo').ports).toEqual([9000, 9001]);
  });

  test.each([
    [{ PORT: 'http' }, 'PORT must be'],
    [{ PORT: '65535', API_PODS: '2' }, 'PORT must be'],
    [{ API_PODS: '0' }, 'API_PODS must be'],
    [{ SHARDS: '17' }, 'SHARDS must be'],
    [{ SHARDS: '2', REDIS_URL: 'redis://a b' }, 'REDIS_URL is not'],
    [{ REDIS_URL: 'localhost' }, 'REDIS_URL is not'],
    [{ MYSQL_URL: 'redis://x' }, 'MYSQL_URL is not'],
  ])('%j is rejected with a one-sentence message', (env, message) => {
    expect(() => readSettings(env, '/repo')).toThrow(message);
  });

  test('every shard gets its own URL', () => {
    expect(urlsOfShards('redis://a', 2)).toEqual(['redis://a', 'redis://a']);
    expect(urlsOfShards('mysql://u@db-{shard}/hold_{shard}', 2)).toEqual([
      'mysql://u@db-0/hold_0',
      'mysql://u@db-1/hold_1',
    ]);
    expect(urlsOfShards('redis://a  redis://b', 2)).toEqual(['redis://a', 'redis://b']);
  });

  test('the stores of all shards are found in stores.json', () => {
    const redis = (port: number) => ({ host: '127.0.0.1', port, pid: 1 });
    const mysql = (database: string) => ({ host: 'db', port: 3306, user: 'u', password: 'p@w', database, pid: 2 });
    const first = { redis: redis(7000), mysql: mysql('hold_0') };
    expect(urlsOf(first)).toEqual({ redis: 'redis://127.0.0.1:7000/0', mysql: 'mysql://u:p%40w@db:3306/hold_0' });
    expect(urlsOf({ ...first, shards: [first, { redis: redis(7001), mysql: mysql('hold_1') }] })).toEqual({
      redis: 'redis://127.0.0.1:7000/0 redis://127.0.0.1:7001/0',
      mysql: 'mysql://u:p%40w@db:3306/hold_0 mysql://u:p%40w@db:3306/hold_1',
    });
  });

  test('addresses', () => {
    expect(parseUrl('MYSQL_URL', 'mysql://u:p%40w@db/hold')).toEqual({
      host: 'db',
      port: 3306,
      user: 'u',
      password: 'p@w',
      database: 'hold',
    });
    expect(parseUrl('REDIS_URL', 'redis://cache:7000/0')).toMatchObject({ host: 'cache', port: 7000 });
  });
});
