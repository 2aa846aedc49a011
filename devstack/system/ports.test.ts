import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary.mjs';
import { readJson } from './folder.mjs';
import { freePort, isFree, rememberedPorts } from './ports.mjs';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

async function listening(port: number): Promise<AsyncDisposable> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

test('a port on which something listens is not free', async () => {
  const port = await freePort();
  expect(await isFree(port)).toBe(true);
  await using _listener = await listening(port);
  expect(await isFree(port)).toBe(false);
});

test('free ports are below the ephemeral ports', async () => {
  expect(await freePort()).toBeLessThan(32_768);
});

test('ports stay the same while they are free', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis', 'mysql']);
  expect(first.redis).not.toBe(first.mysql);
  expect(await rememberedPorts(file, ['redis', 'mysql'])).toEqual(first);
});

test('a port that was taken in the meantime is replaced, and the new one is stored', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis', 'mysql']);
  await using _listener = await listening(first.redis);
  const second = await rememberedPorts(file, ['redis', 'mysql']);
  expect(second.redis).not.toBe(first.redis);
  expect(second.mysql).toBe(first.mysql);
  expect(readJson(file)).toEqual(second);
});

test('a port to be avoided is not used, and a damaged file is ignored', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis']);
  expect((await rememberedPorts(file, ['redis'], [first.redis])).redis).not.toBe(first.redis);
  writeFileSync(file, '{"redis": 1');
  expect((await rememberedPorts(file, ['redis'])).redis).toBeGreaterThan(1024);
});
