import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { explainReplid, replidRisks, type ServerFacts } from '../../authority/server-facts.ts';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { ReplicableRedis } from '../../redis/testing/replicable-redis.ts';
import { KeeperBench, stepTo } from '../testing/keeper-bench.ts';

let db: TestDatabase;
let server: ReplicableRedis;
let bench: KeeperBench;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(0, 'DIRECT');
  server = await ReplicableRedis.start();
  bench = new KeeperBench(db.database, server.url);
  await bench.ready();
});
afterEach(async () => {
  bench.close();
  await server.stop();
});

const SAME_PROCESS = 'a replica or `redis-cli --rdb` connected';

describe('A Redis whose master_replid changes while it runs', () => {
  it('because of a copy with `redis-cli --rdb` costs one switch-over, whose reason is recorded, and nothing else', async () => {
    const keeper = bench.keeper();
    const epoch = await bench.serve(keeper);
    await keeper.step();
    expect(bench.log.messages('warn')).toEqual(['this Redis can cause unnecessary switch-overs']);
    await epoch.apply(order('one'));
    await promisify(execFile)('redis-cli', ['-p', String(server.port), '--rdb', join(server.dir, 'copy.rdb')]);
    await stepTo(keeper, 'CLOSING');
    expect((await bench.moves()).at(-1)?.reason).toContain(SAME_PROCESS);
    // The pod hands over what it knows; then the journal is trusted, although nothing else proves the identity of this
    // server.
    await bench.handOver(epoch.pod, { observed: 1 });
    await stepTo(keeper, 'CACHE');
    expect(await bench.inMysql(['one'])).toEqual(['one']);
  });

  it('does not change it again with the next copy while repl-backlog-ttl is 0', async () => {
    await bench.redis.config('SET', 'repl-backlog-ttl', 0);
    const copy = () =>
      promisify(execFile)('redis-cli', ['-p', String(server.port), '--rdb', join(server.dir, 'copy.rdb')]);
    await copy();
    const keeper = bench.keeper();
    const { pod } = await bench.begin(keeper);
    await copy();
    expect(await keeper.step()).toMatchObject({ mode: 'CACHE', epoch: pod.epoch });
  });
});

describe('A change of master_replid', () => {
  const facts = (different: Partial<ServerFacts>): ServerFacts => ({
    role: 'master',
    replid: 'f'.repeat(40),
    runId: 'same',
    formerReplid: '0'.repeat(40),
    version: '7.2.4',
    node: 'n',
    connectedReplicas: 0,
    settings: { 'repl-backlog-ttl': '3600' },
    settingsFrom: 'server',
    replicationForbidden: false,
    ...different,
  });
  it.each([
    [{}, 'same', SAME_PROCESS],
    [{ connectedReplicas: 2 }, 'same', '2 connected'],
    [{ formerReplid: 'a'.repeat(40) }, 'same', 'was a replica for a while'],
    [{ runId: 'another' }, 'same', 'it has restarted'],
    [{ role: 'slave' }, 'same', 'it is a slave now'],
    [{}, null, 'its master_replid has changed'],
  ] as const)('is explained by %j, given the earlier process %s', (different, before, expected) => {
    expect(explainReplid(facts(different), before)).toContain(expected);
  });
  it.each([
    [{}, 2],
    [{ settings: { 'repl-backlog-ttl': '0' } }, 1],
    [{ settings: {} }, 1],
    [{ replicationForbidden: true }, 0],
  ])('is predicted from %j', (different, risks) => expect(replidRisks(facts(different))).toHaveLength(risks));
});
