import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readJson } from '../system/folder.mjs';
import { temporaryFolder } from '../testing/temporary.mjs';
import { dataState, isOlder, requireSameMaker, startMariadb } from './mariadb.mjs';

const MARKER = 'holdfast-complete.json';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a data folder is absent, complete or damaged', () => {
  const data = join(dir, 'data');
  expect(dataState(data)).toBe('absent');
  mkdirSync(data);
  expect(dataState(data)).toBe('absent');
  writeFileSync(join(data, 'ibdata1'), '');
  expect(dataState(data)).toBe('damaged');
  writeFileSync(join(data, MARKER), '{"flav');
  expect(dataState(data)).toBe('damaged');
  writeFileSync(join(data, MARKER), '{"flavour":"MariaDB","version":"10.11.6"}');
  expect(dataState(data)).toBe('complete');
});

test.each([
  ['10.11.6', '10.11.9', false],
  ['10.6.1', '10.11.0', true],
  ['11.4.0', '10.11.0', false],
  ['8.0.36', '8.4', true],
])('%s is older than %s: %s', (version, than, older) => {
  expect(isOlder(version, than)).toBe(older);
});

test('data of a newer or a different server is rejected; data of an older server is accepted', () => {
  writeFileSync(join(dir, MARKER), '{"flavour":"MariaDB","version":"10.11.6"}');
  expect(() => requireSameMaker(dir, { flavour: 'MariaDB', version: '10.6.2' })).toThrow('written by MariaDB 10.11.6');
  expect(() => requireSameMaker(dir, { flavour: 'MySQL', version: '8.0.36' })).toThrow('cannot read');
  requireSameMaker(dir, { flavour: 'MariaDB', version: '11.4.2' });
  expect(readJson(join(dir, MARKER))).toEqual({ flavour: 'MariaDB', version: '11.4.2' });
});

test('the remains of an interrupted initialization are replaced; a restart finds the data again', async () => {
  mkdirSync(join(dir, 'data.new-1', 'mysql'), { recursive: true });
  const first = await startMariadb({ dir, relaxed: true });
  const before = await createConnection(first.url);
  await before.query('CREATE TABLE kept (id INT)');
  await before.end();
  await first.stop();
  expect(readdirSync(dir)).not.toContain('data.new-1');

  const second = await startMariadb({ dir, port: first.port, relaxed: true });
  try {
    const after = await createConnection(second.url);
    const [rows] = await after.query('SHOW TABLES');
    expect(rows).toHaveLength(1);
    await after.end();
  } finally {
    await second.stop();
  }
});

test('an unfinished folder is left unchanged', async () => {
  mkdirSync(join(dir, 'data'));
  writeFileSync(join(dir, 'data', 'precious'), 'x');
  await expect(startMariadb({ dir, relaxed: true })).rejects.toThrow('left unchanged');
  expect(readdirSync(join(dir, 'data'))).toEqual(['precious']);
});
