import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SyncSupervisor } from '../../jobs/sync-supervisor.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { until } from '../../kernel/testing/until.ts';
import { connectQueue } from '../../redis/connection.ts';
import { OwnRedis, randomPrefix } from '../../redis/testing/own-redis.ts';

let server: OwnRedis;
let redis: Redis;
beforeAll(async () => {
  server = await OwnRedis.start();
  redis = new Redis(server.url);
  redis.on('error', () => {});
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const running: SyncSupervisor[] = [];
const AWAY = 'the schedule that supervises the flush is unavailable; flushing continues without it';
function start(supervise: () => Promise<void>, prefix = randomPrefix()) {
  const log = keptLog();
  const address = { url: server.url, connectTimeoutMs: 1000, commandTimeoutMs: 1500 };
  const supervisor = new SyncSupervisor({
    connection: connectQueue(address),
    prefix,
    everyMs: 40,
    supervise,
    logger: log,
  });
  running.push(supervisor);
  return { supervisor, log, prefix };
}
afterEach(async () => {
  for (const supervisor of running.splice(0)) await supervisor[Symbol.asyncDispose]();
});

describe('The schedule', () => {
  it('runs the supervision repeatedly, using BullMQ', async () => {
    let runs = 0;
    const { prefix, log } = start(async () => {
      runs += 1;
    });
    await until('it has run three times', () => runs >= 3);
    expect(await redis.exists(`${prefix}:sync:repeat`)).toBe(1);
    expect(log.lines).toEqual([]);
  });

  it('exists only once, no matter how many keepers there are', async () => {
    const prefix = randomPrefix();
    const runs = [0, 0, 0];
    for (const n of runs.keys()) {
      start(async () => {
        runs[n] = (runs[n] ?? 0) + 1;
      }, prefix);
    }
    await until('it has run several times', () => runs.reduce((sum, each) => sum + each) >= 6);
    expect(await redis.zcard(`${prefix}:sync:repeat`)).toBe(1);
  });

  it('logs the error if a check of the flush fails, and continues', async () => {
    let runs = 0;
    const { log } = start(async () => {
      runs += 1;
      if (runs === 1) throw new Error('nothing was flushed for 31000 ms');
    });
    await until('it has run again', () => runs >= 3);
    expect(log.lines).toEqual([
      {
        level: 'error',
        fields: { err: expect.objectContaining({ message: 'nothing was flushed for 31000 ms' }) },
        message: 'flushing is falling behind',
      },
    ]);
  });

  it('keeps a limited number of finished jobs', async () => {
    let runs = 0;
    const { prefix } = start(async () => {
      runs += 1;
    });
    await until('it has run often', () => runs >= 15);
    expect(await redis.zcard(`${prefix}:sync:completed`)).toBeLessThanOrEqual(11);
  });

  it('ends when it is disposed of', async () => {
    let runs = 0;
    const { supervisor, prefix } = start(async () => {
      runs += 1;
    });
    await until('it has run', () => runs > 0);
    await supervisor[Symbol.asyncDispose]();
    const clients = () => redis.client('LIST') as Promise<string>;
    await until('its connections are gone', async () => (await clients()).trim().split('\n').length === 1);
    const after = runs;
    const due = Number((await redis.zrange(`${prefix}:sync:repeat`, 0, 0, 'WITHSCORES'))[1]);
    await until('the next one would be due', () => Date.now() > due + 50);
    expect(runs).toBe(after);
  });
});

describe('While Redis is unavailable', () => {
  it('the schedule is reported as unavailable once, and continues when Redis is back', async () => {
    let runs = 0;
    const { log } = start(async () => {
      runs += 1;
    });
    await until('it has run', () => runs > 0);
    await server.kill();
    await until('it is noticed', () => log.messages('warn').length > 0);
    expect(log.messages('warn')).toEqual([AWAY]);
    await server.startAgain();
    const before = runs;
    await until('it has run again', () => runs > before + 1);
    expect(log.messages('warn')).toEqual([AWAY]);
  });

  it('the schedule may be lost with the disk of Redis: it is created again on the new one', async () => {
    let runs = 0;
    start(async () => {
      runs += 1;
    });
    await until('it has run', () => runs > 0);
    await server.kill();
    rmSync(join(server.dir, server.node), { recursive: true });
    await server.startAgain();
    const before = runs;
    await until('it has run again', () => runs > before + 1);
  });

  it('the schedule can be created and disposed of: nothing waits for a missing Redis', async () => {
    await server.kill();
    const { supervisor, log } = start(async () => {});
    await until('it is noticed', () => log.messages('warn').length > 0);
    await supervisor[Symbol.asyncDispose]();
    await server.startAgain();
  });
});
