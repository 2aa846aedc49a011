import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { commandLost, Gate, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { until } from '../../kernel/testing/until.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { GroupWriters, groupsIn, reconcile, shownOf, through } from '../testing/group-writers.ts';
import { PodBench } from '../testing/pod-bench.ts';

const WRITERS = 8;

let db: TestDatabase;
let server: OwnRedis;
let pod: PodBench;
let epoch: number;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  server = await OwnRedis.start();
  pod = await PodBench.start(db, { format: 2, redisUrl: server.url });
  epoch = (await pod.serve()).caller.epoch;
});
afterEach(async () => {
  await pod.stop();
  await server.stop();
});

/** Of four calls, one is carried out but its reply is lost, and one never arrives. */
function loseReplies(): void {
  let calls = 0;
  pod.cache.always('apply', (run) => ([replyLost, passing, commandLost, passing][calls++ % 4] ?? passing)(run));
}
const back = async () => {
  await pod.activate();
  await pod.open();
};

/** Every group is in MySQL with the outcome that its client got, and a repeated request gets the same outcome. */
async function expectTold(answered: GroupWriters['answered']): Promise<void> {
  expect(answered.some(({ outcome }) => outcome.status === 'REJECTED')).toBe(true);
  await pod.flush();
  const posted = answered.filter(({ outcome }) => outcome.status === 'POSTED');
  const idsOf = ({ group }: (typeof posted)[number]) => group.orders.map(({ transactionId }) => transactionId);
  expect(await groupsIn(db.database)).toEqual(new Map(posted.map((one) => [one.group.groupId, idsOf(one)])));
  const rows = await db.database.rows<{ group_id: string; status: string }>(
    'SELECT group_id, `status` FROM transfer_groups',
  );
  expect(new Map(rows.map(({ group_id, status }) => [group_id, status]))).toEqual(
    new Map(answered.map(({ group, outcome }) => [group.groupId, outcome.status])),
  );
  for (const { group, outcome } of answered) {
    const again = await pod.ledger.applyGroup(group, 'cache');
    expect(again).toMatchObject({ replayed: true });
    expect(shownOf(again)).toEqual(shownOf(outcome));
  }
  expect(await reconcile(db.database)).toMatchObject({ clean: true, groupsInPart: [], sums: { EUR: '0' } });
}

describe('Groups that clients send while the authority moves', () => {
  it('are whole or absent when Redis is killed with unflushed groups, and MySQL decides for a while', async () => {
    const writers = new GroupWriters(pod, WRITERS);
    loseReplies();
    await writers.more();
    await pod.flush();
    await writers.more();
    // By now, the outcome of every earlier attempt without a reply is known. Only later ones can be lost with Redis.
    pod.cache.always('apply', passing);
    await writers.more();
    await server.kill();
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    expect(await pod.recoverFromHandOvers()).toMatchObject({ mode: 'DIRECT', cacheEpoch: null, format: 2 });
    await pod.openDirectly();
    await writers.more();
    await server.startAgain();
    await pod.connected();
    await back();
    await writers.more();
    await writers.stop();
    await expectTold(writers.answered);
  });

  it('are whole or absent when replies are lost until the end of the epoch, which its journal recovers', async () => {
    const writers = new GroupWriters(pod, WRITERS);
    loseReplies();
    await writers.more();
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    await pod.finishFromJournal('DIRECT');
    await pod.openDirectly();
    await writers.more();
    await back();
    await writers.more();
    await writers.stop();
    await expectTold(writers.answered);
  });
});

describe('A group in doubt whose transfers were not handed over', () => {
  it('keeps its accounts frozen and its ids unsettled until the journal returns with the whole group', async () => {
    // Loads the accounts into Redis, so that each group takes a single call.
    await pod.ledger.read(['world', 'ada', 'bob']);
    const [doubtful, known] = [through(pod), through(pod)];
    const gate = new Gate();
    pod.cache.next('apply', gate.reply);
    const waiting = pod.ledger.applyGroup(doubtful, 'cache');
    await gate.reached;
    const outcome = await pod.ledger.applyGroup(known, 'cache');
    expect(outcome).toMatchObject({ status: 'POSTED', seq: 4 });
    await pod.closing();
    await pod.everythingHandedOver(epoch);
    gate.open();
    expect(await pod.recoverFromHandOvers()).toMatchObject({ mode: 'DIRECT', cacheEpoch: epoch });
    await pod.openDirectly();
    expect(await groupsIn(db.database)).toEqual(new Map());
    const [member] = doubtful.orders;
    if (!member) throw new Error('the group is empty');
    const { groupId: _groupId, ...single } = member;
    for (const [answer] of [await pod.apply(single), await pod.apply(pod.order())])
      expect(answer instanceof Problem && answer.code).toBe('account_unsettled');
    await pod.unfreeze();
    const late = await until('the group in doubt has its outcome', async () => {
      const answer = await pod.ledger.applyGroup(doubtful, 'cache');
      return answer instanceof Problem ? null : answer;
    });
    expect(late).toMatchObject({ status: 'POSTED', seq: 1, epoch });
    const first = await waiting;
    if (first instanceof Problem) expect(first.retryable).toBe(true);
    else expect(shownOf(first)).toEqual(shownOf(late));
    expect((await pod.apply(single))[0]).toMatchObject({ code: 'transaction_id_reused' });
    const refused = through(pod, 3);
    const answer = await pod.ledger.applyGroup(refused, 'cache');
    if (answer instanceof Problem) throw answer;
    await back();
    await expectTold([
      { group: doubtful, outcome: late },
      { group: known, outcome: outcome as typeof late },
      { group: refused, outcome: answer },
    ]);
  });
});
