import { rmSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary.mjs';
import { startRedis } from './redis.mjs';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

async function ask<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis({ host: '127.0.0.1', port, lazyConnect: true });
  await redis.connect();
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

test('after kill -9, all acknowledged data is still there, and the node is the same', async () => {
  const first = await startRedis({ dir });
  expect(await ask(first.port, (redis) => redis.config('GET', 'appendfsync'))).toEqual(['appendfsync', 'always']);
  await ask(first.port, (redis) => redis.set('k', 'v'));
  process.kill(first.pid, 'SIGKILL');
  expect(await first.ended).toBe('SIGKILL');

  const second = await startRedis({ dir, port: first.port });
  try {
    expect(second.node).toBe(first.node);
    expect(await ask(second.port, (redis) => redis.config('GET', 'appenddirname'))).toEqual([
      'appenddirname',
      first.node,
    ]);
    expect(await ask(second.port, (redis) => redis.get('k'))).toBe('v');
  } finally {
    await second.stop();
  }
});
