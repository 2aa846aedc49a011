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

test('a port that somebody listens on is not free', async () => {
  const port = await freePort();
  expect(await isFree(port)).toBe(true);
  await using _listener = await listening(port);
  expect(await isFree(port)).toBe(false);
});

test('free ports are below those of outgoing connections', async () => {
  expect(await freePort()).toBeLessThan(32_768);
});

test('ports stay the same while they are free', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis', 'mysql']);
  expect(first.redis).not.toBe(first.mysql);
  expect(await rememberedPorts(file, ['redis', 'mysql'])).toEqual(first);
});

test('a port that was taken meanwhile is replaced, and the new one remembered', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis', 'mysql']);
  await using _listener = await listening(first.redis);
  const second = await rememberedPorts(file, ['redis', 'mysql']);
  expect(second.redis).not.toBe(first.redis);
  expect(second.mysql).toBe(first.mysql);
  expect(readJson(file)).toEqual(second);
});

test('a port that is asked for elsewhere is not used, and a damaged file is as good as none', async () => {
  const file = join(dir, 'ports.json');
  const first = await rememberedPorts(file, ['redis']);
  expect((await rememberedPorts(file, ['redis'], [first.redis])).redis).not.toBe(first.redis);
  writeFileSync(file, '{"redis": 1');
  expect((await rememberedPorts(file, ['redis'])).redis).toBeGreaterThan(1024);
});
