import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { bucketEnd, ID_BUCKET_MS, newUuidV7, placeOf } from '../../domain/ids.ts';
import { accountOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import { RecordStatus } from '../../journal/codec.ts';
import { Gate } from '../../journal/testing/faulty-cache.ts';
import { systemClock } from '../../kernel/clock.ts';
import { IdJanitor } from '../../sync/id-janitor.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let stage: RealLedger;
let pod: Pod;
let round = 0;
let a: string;
let world: string;
let lookupHorizon: number;

beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  round += 1;
  [a, world] = [`a-${round}`, `world-${round}`];
  lookupHorizon = Date.now() - 60_000;
  await stage.begin({ lookupHorizon });
  await stage.open(accountOf(a), accountOf(world));
  pod = await stage.pod();
  await pod.ledger.read([a, world]);
});

const order = (transactionId: string, amount = 1) => orderOf({ transactionId, source: world, destination: a, amount });
const summariesOf = async (...orders: ReturnType<typeof order>[]) => (await pod.apply(orders)).map(summaryOf);
async function balance(): Promise<number | undefined> {
  const [account] = (await stage.scripts.read(pod.caller, [a])).accounts;
  return account?.balance;
}
const bucketOf = (id: string): number => placeOf(id).bucket ?? 0;
/** Forgets every bucket from the lookup horizon up to that of the id, like a keeper. */
function forgetUpTo(id: string, turnOthers = false) {
  const first = Math.floor((lookupHorizon + 1) / ID_BUCKET_MS);
  const buckets = Array.from({ length: bucketOf(id) - first + 1 }, (_, index) => first + index);
  return stage.scripts.forget(stage.keeper, buckets, turnOthers);
}

describe('a UUIDv7 later than the lookup horizon', () => {
  it('is decided by Redis alone: MySQL is not read', async () => {
    const id = newUuidV7(Date.now());
    expect(await summariesOf(order(id))).toEqual(['POSTED']);
    expect(await summariesOf(order(id), order(newUuidV7(lookupHorizon + 1)))).toEqual(['again POSTED', 'POSTED']);
    expect(pod.reader.reads.outcomes).toBe(0);
    expect(pod.events.counts.lookedUp).toBe(0);
  });
});

describe('every other id is looked up in MySQL first', () => {
  it.each([
    ['a UUIDv7 of the lookup horizon itself', () => newUuidV7(lookupHorizon)],
    ['an old UUIDv7', () => newUuidV7(1_600_000_000_000)],
    ['an id chosen by the client', () => `invoice-${round}`],
    ['an upper-case UUIDv7, which is a different id', () => newUuidV7(Date.now()).toUpperCase()],
  ])('%s', async (_, newId) => {
    const id = newId();
    expect(await summariesOf(order(id))).toEqual(['POSTED']);
    expect(pod.reader.reads.outcomes).toBe(1);
    expect(await summariesOf(order(id))).toEqual(['again POSTED']);
    expect(await summariesOf(order(id, 2))).toEqual(['transaction_id_reused']);
    expect(await balance()).toBe(1);
  });

  it('up to the lookup horizon itself, whichever horizon the pod knows: the script makes the final check, to the millisecond', async () => {
    const item = (time: number) => [{ order: order(newUuidV7(time)), payload: '{}', lookupCursor: -1 }];
    const statusOf = async (time: number) => (await stage.scripts.apply(pod.caller, item(time))).records[0]?.status;
    expect(await statusOf(lookupHorizon)).toBe(RecordStatus.NEEDS_LOOKUP);
    expect(await statusOf(lookupHorizon + 1)).toBe(RecordStatus.POSTED);
  });

  it('many ids of one call with one read', async () => {
    const many = Array.from({ length: 20 }, (_, index) => order(`many-${round}-${index}`));
    expect(await summariesOf(...many)).toEqual(many.map(() => 'POSTED'));
    expect(pod.reader.reads.outcomes).toBeLessThanOrEqual(2);
  });

  it('ids that differ only in case are different ids', async () => {
    expect(await summariesOf(order(`ABC-${round}`), order(`abc-${round}`))).toEqual(['POSTED', 'POSTED']);
    await stage.flush();
    expect(await balance()).toBe(2);
  });

  it('a pod with an outdated lookup horizon is corrected by the script', async () => {
    const id = newUuidV7(Date.now() - 30_000);
    await summariesOf(order(id));
    await stage.flush();
    await forgetUpTo(id);
    expect(pod.session.view()?.lookupHorizon).toBe(lookupHorizon);
    expect(await summariesOf(order(id))).toEqual(['again POSTED']);
    expect(pod.session.view()?.lookupHorizon).toBe(bucketEnd(bucketOf(id)));
    expect(await balance()).toBe(1);
  });
});

describe('An id that Redis has forgotten', () => {
  it('is still recognized: a replay, through MySQL', async () => {
    const id = newUuidV7(Date.now() - 30_000);
    await summariesOf(order(id), order(`other-${round}`));
    await stage.flush();
    await forgetUpTo(id, true);
    await stage.scripts.forget(stage.keeper, [], true);
    await stage.scripts.publish(stage.keeper, 2, 2);
    expect(
      await stage.redis.exists(
        `${stage.prefix}:{0}:${stage.epoch}:ids:other:0`,
        `${stage.prefix}:{0}:${stage.epoch}:ids:other:1`,
      ),
    ).toBe(0);
    expect(await summariesOf(order(id), order(`other-${round}`))).toEqual(['again POSTED', 'again POSTED']);
    expect(await summariesOf(order(id, 2))).toEqual(['transaction_id_reused']);
    expect(await balance()).toBe(2);
    expect((await pod.ledger.outcome(id)).persisted).toBe(true);
  });

  it('is forgotten only when its whole bucket is in MySQL; later buckets wait for that bucket', async () => {
    const [early, late] = [newUuidV7(Date.now() - 40_000), newUuidV7(Date.now() - 20_000)];
    await summariesOf(order(early), order(late));
    expect((await forgetUpTo(late)).lookupHorizon).toBe(bucketEnd(bucketOf(early)) - ID_BUCKET_MS);
    await stage.flush();
    expect((await forgetUpTo(late)).lookupHorizon).toBe(bucketEnd(bucketOf(late)));
    expect((await stage.scripts.find(pod.caller, [early, late])).seqs).toEqual([null, null]);
  });

  it('raises the evicted seq of Redis to its own seq, not to that of others in the same call', async () => {
    const [early, late] = [newUuidV7(Date.now() - 40_000), newUuidV7(Date.now())];
    await summariesOf(order(early), order(late));
    await stage.flush();
    expect((await forgetUpTo(early)).evictedUpTo).toBe(1);
  });

  it('was removed by housekeeping, in order of UUIDv7 time and only outside the window', async () => {
    const [old, young] = [newUuidV7(Date.now() - 45_000), newUuidV7(Date.now())];
    await summariesOf(order(old), order(young));
    await stage.flush();
    const janitor = new IdJanitor({ cache: stage.scripts, clock: systemClock, windowMs: 15_000 });
    await janitor.round(stage.keeper, Date.now());
    expect((await stage.scripts.find(pod.caller, [old, young])).seqs).toEqual([null, 2]);
    const reads = pod.reader.reads.outcomes;
    expect(await summariesOf(order(old))).toEqual(['again POSTED']);
    expect(pod.reader.reads.outcomes).toBe(reads + 1);
    expect(await balance()).toBe(2);
  });

  it('that is not in MySQL either is new: posted once', async () => {
    const id = newUuidV7(Date.now() - 30_000);
    await forgetUpTo(id);
    expect(await summariesOf(order(id))).toEqual(['POSTED']);
    expect(await summariesOf(order(id))).toEqual(['again POSTED']);
    expect(await balance()).toBe(1);
  });
});

describe('The two generations of other ids', () => {
  it('replay a repeated id in the older generation without MySQL', async () => {
    const id = `generation-${round}`;
    await summariesOf(order(id));
    await stage.scripts.forget(stage.keeper, [], true);
    const { seqs } = await stage.scripts.find(pod.caller, [id]);
    expect(seqs).toEqual([1]);
    expect(await summariesOf(order(id), order(`${id}-new`))).toEqual(['again POSTED', 'POSTED']);
    expect(await balance()).toBe(2);
  });

  it('rotate only when the whole older generation is in MySQL', async () => {
    const id = `unflushed-${round}`;
    await summariesOf(order(id));
    await stage.scripts.forget(stage.keeper, [], true);
    await stage.scripts.forget(stage.keeper, [], true);
    expect((await stage.scripts.find(pod.caller, [id])).seqs).toEqual([1]);
    await stage.flush();
    const { evictedUpTo } = await stage.scripts.forget(stage.keeper, [], true);
    expect(evictedUpTo).toBe(1);
    expect((await stage.scripts.find(pod.caller, [id])).seqs).toEqual([null]);
    expect(await summariesOf(order(id))).toEqual(['again POSTED']);
  });
});

describe('A lookup that is older than what Redis has evicted', () => {
  it('does not count: the id is looked up again, and found', async () => {
    const id = `slow-${round}`;
    const twin = await stage.pod();
    const held = new Gate();
    pod.cache.next('apply', held.command);
    // The id has been looked up (MySQL does not have it), and the call is paused before it reaches Redis.
    const slow = pod.apply([order(id)]);
    await held.reached;
    // In the meantime, another pod posts the transfer; it is flushed, and Redis forgets its id.
    expect((await twin.apply([order(id)])).map(summaryOf)).toEqual(['POSTED']);
    await stage.flush();
    await stage.scripts.forget(stage.keeper, [], true);
    await stage.scripts.forget(stage.keeper, [], true);
    held.open();
    expect((await slow).map(summaryOf)).toEqual(['again POSTED']);
    expect(pod.reader.reads.outcomes).toBe(2);
    expect(await balance()).toBe(1);
  });

  it('counts once its cursor has reached the seq up to which Redis has evicted', async () => {
    const item = (lookupCursor: number) => [{ order: order(`exact-${round}`), payload: '{}', lookupCursor }];
    await summariesOf(order(`first-${round}`));
    await stage.flush();
    await stage.scripts.forget(stage.keeper, [], true);
    await stage.scripts.forget(stage.keeper, [], true);
    const behind = await stage.scripts.apply(pod.caller, item(0));
    expect([behind.records[0]?.status, behind.head.evictedUpTo, behind.entries]).toEqual([
      RecordStatus.NEEDS_LOOKUP,
      1,
      [],
    ]);
    const level = await stage.scripts.apply(pod.caller, item(1));
    expect(level.records[0]?.status).toBe(RecordStatus.POSTED);
  });

  it('does not count in an epoch other than that of its snapshot', async () => {
    const id = `epochs-${round}`;
    const held = new Gate();
    pod.cache.next('apply', held.command);
    const slow = pod.apply([order(id)]);
    await held.reached;
    pod.session.close();
    await stage.begin();
    held.open();
    await pod.sit(stage.epoch);
    expect((await slow).map(summaryOf)).toEqual(['POSTED']);
    expect(pod.reader.reads.outcomes).toBe(2);
  });
});
