import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedis } from '../../../devstack/stores/redis.mjs';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { accountOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import { until } from '../../kernel/testing/until.ts';
import { runScript } from '../../redis/run-script.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let server: Awaited<ReturnType<typeof startRedis>>;
const dir = temporaryFolder();
let admin: Redis;
let stage: RealLedger;
let pod: Pod;

beforeAll(async () => {
  server = await startRedis({ dir, relaxed: true });
  admin = new Redis(server.port);
  await admin.call('ACL', 'SETUSER', 'admin', 'on', '>admin', '~*', '&*', '+@all');
  await admin.auth('admin', 'admin');
  stage = await RealLedger.open({ redisPort: server.port, mysqlUrl: inject('mysqlUrl') });
  await stage.begin({ lookupHorizon: Date.now() - 120_000 });
  await stage.open(accountOf('world'), accountOf('a'), accountOf('b'));
  pod = await stage.pod();
  await pod.apply([orderOf({ amount: 3 })]);
});
afterAll(async () => {
  admin.disconnect();
  await stage[Symbol.asyncDispose]();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function everything(): Promise<string[]> {
  const keys = (await admin.keys('*')).sort();
  return Promise.all(keys.map(async (key) => `${key} ${(await admin.dumpBuffer(key)).toString('base64')}`));
}

/**
 * Redis refuses writes after a failed snapshot, as it does for a full disk; here, a folder blocks the snapshot file.
 */
async function failSnapshots(): Promise<void> {
  mkdirSync(join(dir, 'dump.rdb', 'in-the-way'), { recursive: true });
  await admin.config('SET', 'save', '3600 1');
  await admin.bgsave();
  await until('the snapshot failed', async () =>
    (await admin.info('persistence')).includes('rdb_last_bgsave_status:err'),
  );
}
async function mendSnapshots(): Promise<void> {
  rmSync(join(dir, 'dump.rdb'), { recursive: true, force: true });
  await admin.config('SET', 'save', '');
}

describe('A Redis that refuses', () => {
  afterEach(async () => {
    await mendSnapshots();
    await admin.call('ACL', 'SETUSER', 'default', '+@all');
  });

  it.each([
    ['writes, because its disk is full', 'MISCONF', failSnapshots, mendSnapshots],
    [
      'scripts, because a permission was revoked',
      'NOPERM',
      () => admin.call('ACL', 'SETUSER', 'default', '-evalsha'),
      () => admin.call('ACL', 'SETUSER', 'default', '+evalsha'),
    ],
  ])('%s: 503, because nothing was written, and the same transfer succeeds later', async (_what, word, cause, cure) => {
    const before = await everything();
    await cause();
    const order = orderOf({ amount: 5 });
    const [answer] = await pod.apply([order]);
    expect(answer).toMatchObject({ code: 'database_unavailable', status: 503, message: expect.stringContaining(word) });
    expect(await everything()).toEqual(before);
    await cure();
    expect((await pod.apply([order])).map(summaryOf)).toEqual(['POSTED']);
  });

  it('a connection that has not logged in: nothing was written', async () => {
    const text = "#!lua\nreturn redis.call('INCR', 'counted')";
    const count = { name: 'count', text, sha: (await admin.script('LOAD', text)) as string };
    await admin.call('ACL', 'SETUSER', 'default', 'off');
    const stranger = new Redis(server.port, { enableReadyCheck: false, maxRetriesPerRequest: 0 });
    await expect(runScript(stranger, count, [], [])).rejects.toMatchObject({ kind: 'unable', reason: 'NOAUTH' });
    await admin.call('ACL', 'SETUSER', 'default', 'on');
    stranger.disconnect();
    expect(await admin.get('counted')).toBeNull();
  });

  it('in the middle of a script leaves it in doubt: earlier writes persist', async () => {
    await admin.call('ACL', 'SETUSER', 'clerk', 'on', '>clerk', '~*', '+@all', '-decr');
    const clerk = new Redis(server.port, { username: 'clerk', password: 'clerk', maxRetriesPerRequest: 0 });
    const text = "#!lua\nredis.call('INCR', 'half')\nreturn redis.call('DECR', 'half')";
    const half = { name: 'half', text, sha: (await clerk.script('LOAD', text)) as string };
    await expect(runScript(clerk, half, [], [])).rejects.toMatchObject({ kind: 'in_doubt' });
    expect(await admin.get('half')).toBe('1');
    clerk.disconnect();
  });
});
