import { beforeEach, describe, expect, it } from 'vitest';
import type { CaptureRequest, HoldState } from '../../domain/hold-types.ts';
import type { HoldOrder } from '../../domain/holds.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { calendarFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { Durability } from '../../domain/types.ts';
import { commandLost, failing, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { DirectError } from '../ports/direct-server.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

const SOON_MS = 30_000;

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
  bench.database.accounts.set('a', accountOf('a', { balance: 100 }));
});

const WHO = { user: 'shop', correlationId: 'c-1' };
const holdOf = (different: Partial<HoldOrder> = {}): HoldOrder => ({
  holdId: 'h',
  account: 'a',
  destination: 'b',
  amount: 60,
  currency: 'EUR',
  expiresAt: null,
  reference: null,
  metadata: null,
  ...WHO,
  ...different,
});

/** The answer to a request, as a short text. */
async function said<T>(answer: Promise<T>, word: (answer: T) => string): Promise<string> {
  try {
    const result = await bench.clock.until(answer);
    return result instanceof Problem ? result.code : word(result);
  } catch (error) {
    if (error instanceof Problem) return error.code;
    throw error;
  }
}
const stateOf = (hold: HoldState | null) => hold && `${hold.status} ${hold.captured}/${hold.amount} #${hold.revision}`;
const again = (replayed: boolean) => (replayed ? 'again ' : '');

const place = (different: Partial<HoldOrder> = {}, durability: Durability = 'cache') =>
  said(bench.ledger.holds.place(holdOf(different), durability), ({ event, hold, replayed }) =>
    event.kind === 'REFUSED' ? `${again(replayed)}${event.refusal}` : `${again(replayed)}${stateOf(hold)}`,
  );
function captureOf(different: Partial<CaptureRequest> = {}, id = newUuidV7(bench.clock.now())) {
  const capture = { holdId: 'h', amount: null, destination: null, final: true, ...different };
  const sides = { source: 'a', destination: capture.destination ?? 'b', amount: capture.amount ?? 0 };
  return { ...orderOf({ kind: 'capture', transactionId: id, ...sides, ...WHO }), timestamp: null, capture };
}
const capture = (order = captureOf(), durability: Durability = 'cache') =>
  said(bench.ledger.holds.capture(order, durability), (outcome) => {
    if (outcome instanceof Problem) return outcome.code;
    return again(outcome.replayed) + (outcome.status === 'POSTED' ? `POSTED ${outcome.order.amount}` : outcome.refusal);
  });
const request = (holdId = 'h', account = 'a') => ({
  holdId,
  account,
  currency: 'EUR',
  eventId: newUuidV7(bench.clock.now()),
  ...WHO,
});
const change = (wanted: { amount?: number; expiresAt?: number }, expectedRevision = 1) =>
  said(
    bench.ledger.holds.change({ amount: null, expiresAt: null, ...wanted, expectedRevision }, request(), 'cache'),
    ({ hold }) => stateOf(hold) ?? '',
  );
const voided = (holdId = 'h') =>
  said(bench.ledger.holds.void(request(holdId), 'cache'), ({ hold }) => stateOf(hold) ?? '');
const expire = () => said(bench.ledger.holds.expire(request()), String);
const read = (holdId = 'h') =>
  said(bench.ledger.holds.hold(holdId), ({ event, hold, stale }) =>
    event.kind === 'REFUSED' ? event.refusal : `${stale ? 'stale ' : ''}${stateOf(hold)}`,
  );
async function account(id = 'a') {
  const [view] = await bench.clock.until(bench.ledger.read([id]));
  if (!view || view instanceof Problem) throw view ?? new Error('nothing was read');
  return `${view.balance} held ${view.held} v${view.version}`;
}
const toDirect = async () => {
  bench.close();
  await bench.settle();
  return bench.toDirect();
};

describe.each(['Redis', 'MySQL'])('While %s decides, a hold', (store) => {
  beforeEach(async () => {
    if (store === 'MySQL') await toDirect();
  });

  it('reserves money, which is captured in parts, and releases the rest', async () => {
    expect(await place()).toBe('OPEN 0/60 #1');
    expect(bench.events.holds).toMatchObject([{ event: { kind: 'PLACED', holdId: 'h' }, replayed: false }]);
    expect(await account()).toBe('100 held 60 v1');
    expect(await bench.apply(bench.order({ source: 'a', destination: 'c', amount: 41 }))).toMatchObject([
      { status: 'REJECTED', refusal: 'insufficient_funds' },
    ]);
    expect(await capture(captureOf({ amount: 20, final: false }))).toBe('POSTED 20');
    expect(await read()).toBe('OPEN 20/60 #2');
    expect(await capture(captureOf({ amount: 10 }))).toBe('POSTED 10');
    expect(await read()).toBe('CAPTURED 30/60 #3');
    expect([await account(), await account('b')]).toEqual(['70 held 0 v3', '30 held 0 v2']);
    expect(await capture()).toBe('hold_not_open');
  });

  it('is refused permanently under its id, and then does not exist', async () => {
    expect(await place({ amount: 101 })).toBe('insufficient_funds');
    expect(await place({ amount: 101 })).toBe('again insufficient_funds');
    expect(await read()).toBe('insufficient_funds');
    expect(await capture()).toBe('hold_not_found');
    expect(await place()).toBe('hold_id_reused');
  });

  it('is returned in its current state if its id is sent again; other content under that id is a conflict', async () => {
    await place();
    await capture(captureOf({ amount: 20, final: false }));
    expect(await place()).toBe('again OPEN 20/60 #2');
    for (const different of [{ amount: 61 }, { destination: null }, { expiresAt: 9 }, { reference: 'x' }])
      expect(await place(different)).toBe('hold_id_reused');
  });

  it('is changed only if the client sends its current revision', async () => {
    await place();
    expect(await change({ amount: 100 })).toBe('OPEN 0/100 #2');
    expect(await change({ amount: 50 })).toBe('hold_changed');
    expect(await change({ amount: 101 }, 2)).toBe('insufficient_funds');
    expect(await change({ expiresAt: bench.clock.now() + SOON_MS }, 2)).toBe('OPEN 0/100 #3');
    expect(await account()).toBe('100 held 100 v3');
  });

  it('is voided once, and voiding it again changes nothing', async () => {
    await place();
    expect(await voided()).toBe('VOIDED 0/60 #2');
    await bench.model.publish(bench.keeper, 2, 0).catch(() => {});
    expect(await voided()).toBe('VOIDED 0/60 #2');
    expect(await account()).toBe('100 held 0 v2');
    expect(await capture()).toBe('hold_not_open');
  });

  it('expires when it is due, and not before', async () => {
    await place({ expiresAt: bench.clock.now() + SOON_MS });
    expect(await expire()).toBe('false');
    await bench.clock.pass(SOON_MS);
    expect(await capture()).toBe('hold_expired');
    expect(await voided('other')).toBe('hold_not_found');
    expect(await expire()).toBe('true');
    expect(await expire()).toBe('false');
    expect(await read()).toBe('EXPIRED 0/60 #2');
    expect(await account()).toBe('100 held 0 v2');
    expect(await voided()).toBe('hold_not_open');
  });

  it('replays a capture that is sent again under its transaction id, and returns 409 for other content under that id', async () => {
    await place();
    const order = captureOf({ amount: 20, final: false });
    expect(await capture(order)).toBe('POSTED 20');
    expect(await capture(order)).toBe('again POSTED 20');
    expect(await capture({ ...order, capture: { ...order.capture, amount: null } })).toBe('transaction_id_reused');
    expect(await bench.apply(bench.order({ transactionId: order.transactionId }))).toMatchObject([
      { code: 'transaction_id_reused' },
    ]);
    expect(await bench.clock.until(bench.ledger.outcome(order.transactionId))).toMatchObject({
      order: { kind: 'capture', amount: 20 },
    });
    const [plain] = [bench.order({ source: 'world', destination: 'a' })];
    await bench.apply(plain);
    expect(await capture(captureOf({}, plain.transactionId))).toBe('transaction_id_reused');
    expect(await account('b')).toBe('20 held 0 v1');
  });

  it('that does not exist is reported as not found by every request', async () => {
    const all = [read(), capture(), voided(), change({ amount: 1 })];
    for (const one of all) expect(await one).toBe('hold_not_found');
    await expect(bench.clock.until(bench.ledger.holds.factsOf('h'))).rejects.toMatchObject({ code: 'hold_not_found' });
  });

  it('is not touched if its account differs from the one that this pod remembers', async () => {
    await place();
    await place({ holdId: 'i', account: 'world', destination: null }).catch(() => {});
    const other = { ...captureOf(), source: 'c' };
    expect(await capture(other)).toBe('overloaded');
    expect(await read()).toBe('OPEN 0/60 #1');
  });

  it('can be previewed without being placed', async () => {
    const preview = (item: Parameters<typeof bench.ledger.holds.preview>[0]) =>
      bench.clock.until(bench.ledger.holds.preview(item, async () => null)).then(({ decision }) => decision);
    expect(await preview({ op: 'place', order: holdOf() })).toMatchObject({ kind: 'changes', heldChange: 60 });
    expect(await preview({ op: 'place', order: holdOf({ amount: 101 }) })).toMatchObject({
      kind: 'refused',
      refusal: 'insufficient_funds',
    });
    expect(await read()).toBe('hold_not_found');
    await place();
    expect(await preview({ op: 'capture', order: captureOf({ amount: 10 }) })).toMatchObject({
      hold: { status: 'CAPTURED', captured: 10 },
      heldChange: -60,
      moved: 10,
    });
    expect(await preview({ op: 'void', ...request() })).toMatchObject({ hold: { status: 'VOIDED' } });
    expect(await read()).toBe('OPEN 0/60 #1');
  });

  it('needs its accounts', async () => {
    expect(await place({ account: 'nobody' })).toBe('account_not_found');
    expect(await place({ destination: 'nobody' })).toBe('account_not_found');
    expect(await place()).toBe('OPEN 0/60 #1');
  });
});

describe('A hold whose reply was lost', () => {
  it('is placed once, and its request receives its own outcome', async () => {
    bench.cache.next('apply', replyLost);
    expect(await place()).toBe('OPEN 0/60 #1');
    bench.cache.next('apply', commandLost);
    expect(await place({ holdId: 'i', amount: 10 })).toBe('OPEN 0/10 #1');
    expect(await account()).toBe('100 held 70 v2');
  });

  it.each<[string, () => Promise<string>, string]>([
    ['a capture', () => capture(), 'POSTED 60'],
    ['a change', () => change({ amount: 70 }), 'OPEN 0/70 #2'],
    ['a void', () => voided(), 'VOIDED 0/60 #2'],
  ])('is affected only once by %s', async (_, ask, answer) => {
    await place();
    bench.cache.next('apply', replyLost);
    expect(await ask()).toBe(answer);
    expect(await account()).toMatch(/v2$/);
    expect(bench.session.view()?.inDoubt.none).toBe(true);
  });

  it('returns outcome_unknown if no reply ever comes, and is handed over with its account', async () => {
    await account();
    await account('b');
    bench.cache.always('apply', replyLost);
    expect(await place()).toBe('outcome_unknown');
    bench.cache.always('apply', passing);
    const placed = { kind: 'hold', id: 'h', accounts: ['a'] };
    expect(bench.session.view()?.inDoubt.snapshot()).toEqual([placed]);
    bench.cache.always('apply', commandLost);
    const [order, asked] = [captureOf(), request()];
    expect(await capture(order)).toBe('outcome_unknown');
    expect(await said(bench.ledger.holds.void(asked, 'cache'), () => '')).toBe('outcome_unknown');
    expect(bench.session.view()?.inDoubt.snapshot()).toEqual([
      placed,
      { kind: 'transfers', id: order.transactionId, accounts: ['a', 'b'] },
      { kind: 'hold-event', id: asked.eventId, accounts: ['a'] },
    ]);
    bench.cache.always('apply', passing);
    expect(await place()).toBe('again OPEN 0/60 #1');
    expect(await capture(order)).toBe('POSTED 60');
  });

  it('is not reported as unchanged while an attempt to change it may still run', async () => {
    await place();
    bench.cache.next('apply', commandLost);
    expect(await change({ amount: 70 }, 2)).toBe('outcome_unknown');
    expect(await change({ amount: 70 }, 2)).toBe('hold_changed');
  });

  it('continues in MySQL when the authority moves, and is placed once', async () => {
    bench.cache.always('apply', replyLost);
    const placing = place();
    await bench.clock.pass(10);
    bench.close();
    await bench.settle();
    bench.toDirect();
    expect(await placing).toBe('OPEN 0/60 #1');
    expect(await account()).toBe('100 held 60 v1');
  });

  it('returns outcome_unknown if a commit gets no reply and nothing proves what it did', async () => {
    await toDirect();
    bench.direct.always(failing(new DirectError('in_doubt', 'the connection was lost')));
    expect(await place()).toBe('outcome_unknown');
  });

  it('is reported as voided by an earlier void only when MySQL has that void', async () => {
    await place();
    bench.cache.always('apply', replyLost);
    const first = bench.ledger.holds.void(request(), 'cache').catch((error: Problem) => error.code);
    await bench.clock.pass(1);
    bench.cache.always('apply', passing);
    // Another pod would not know the id of the first void.
    const second = bench.ledger.holds.void(request(), 'cache').then(({ persisted }) => persisted);
    let answered = false;
    void second.then(() => {
      answered = true;
    });
    await bench.clock.pass(100);
    expect(answered).toBe(false);
    await bench.model.publish(bench.keeper, 2, 0);
    expect(await bench.clock.until(second)).toBe(true);
    await bench.clock.until(first);
  });
});

describe('The ids and clocks of a pod', () => {
  it('an id that is too far ahead is refused for a hold or a capture, and replaced for other events', async () => {
    const ahead = newUuidV7(bench.clock.now() + 120_000);
    expect(await place({ holdId: ahead })).toBe('validation_failed');
    await place();
    expect(await capture(captureOf({}, ahead))).toBe('validation_failed');
    const answer = await bench.clock.until(bench.ledger.holds.void({ ...request(), eventId: ahead }, 'cache'));
    expect(stateOf(answer.hold)).toBe('VOIDED 0/60 #2');
  });

  it('nothing expires while the clock of Redis is far ahead of the clock of the pod', async () => {
    await place({ expiresAt: bench.clock.now() + SOON_MS });
    const { now } = bench.model;
    bench.model.now = () => now() + 2 * SOON_MS;
    expect(await capture()).toBe('clock_unsure');
    expect(await expire()).toBe('clock_unsure');
    await bench.clock.pass(SOON_MS);
    expect(await expire()).toBe('true');
  });
});

it('For a hold that another pod placed, only the facts that never change are returned', async () => {
  const facts = { holdId: 'other', account: 'a', destination: null, currency: 'EUR' };
  const state = {
    status: 'OPEN',
    amount: 60,
    captured: 0,
    expiresAt: bench.clock.now() + SOON_MS,
    revision: 1,
  } as const;
  const view = bench.session.view();
  if (!view) throw new Error('Redis decides');
  await bench.model.installHolds(view.caller, [{ ...facts, ...state }], 0);
  expect(await bench.clock.until(bench.ledger.holds.factsOf('other'))).toEqual(facts);
  expect(await bench.clock.until(bench.ledger.holds.factsOf('other'))).toEqual(facts);
});

describe('A hold during a switch-over', () => {
  it('is not reported as missing while the flush is still in another epoch', async () => {
    await place();
    await toDirect();
    await bench.toCache();
    // A read that is older than this epoch finds nothing.
    const stored = bench.database.holds.get('h');
    if (!stored) throw new Error('the hold is not in MySQL');
    bench.database.holds.delete('h');
    bench.database.stamp = { ...bench.database.stamp, epoch: 1 };
    const captured = capture();
    await bench.clock.pass(5);
    bench.database.holds.set('h', stored);
    bench.database.stamp = { ...bench.database.stamp, epoch: bench.epoch };
    expect(await captured).toBe('POSTED 60');
  });

  it('continues in MySQL, and in the next epoch of Redis, which loads it', async () => {
    await place();
    await capture(captureOf({ amount: 10, final: false }));
    await toDirect();
    expect(await read()).toBe('OPEN 10/60 #2');
    expect(await change({ amount: 50 }, 2)).toBe('OPEN 10/50 #3');
    await bench.toCache();
    expect(await capture(captureOf({ amount: 15, final: false }))).toBe('POSTED 15');
    expect(await voided()).toBe('VOIDED 25/50 #5');
    expect(await account()).toBe('75 held 0 v5');
    await toDirect();
    expect(await place()).toBe('again VOIDED 25/50 #5');
    expect(await account()).toBe('75 held 0 v5');
  });

  it('is stale while no store decides, and a placing cannot be previewed', async () => {
    await place();
    bench.close();
    await bench.settle();
    expect(await read()).toBe('stale OPEN 0/60 #1');
    await expect(
      bench.clock.until(bench.ledger.holds.preview({ op: 'place', order: holdOf({ holdId: 'i' }) }, async () => null)),
    ).rejects.toMatchObject({ status: 503 });
  });

  it('returns account_unsettled while its account waits for a journal', async () => {
    await toDirect();
    bench.database.frozen.add('a');
    bench.database.unsettled.add('=h');
    bench.toDirect(false);
    for (const one of [place(), read(), capture(), voided()]) expect(await one).toBe('account_unsettled');
  });
});

describe('What a pod knows about a hold', () => {
  it('is read once, from MySQL if the cache does not have it', async () => {
    await place();
    await toDirect();
    await bench.toCache();
    const { holds } = bench.ledger;
    expect(await bench.clock.until(holds.factsOf('h'))).toMatchObject({ account: 'a', destination: 'b' });
    const before = bench.database.reads.holds;
    expect(await bench.clock.until(holds.factsOf('h'))).toMatchObject({ currency: 'EUR' });
    expect(bench.database.reads.holds).toBe(before);
  });

  it('is forgotten if the store has another hold under that id', async () => {
    const { holds } = bench.ledger;
    await place();
    // An operator accepted its loss, and the id was used again.
    bench.close();
    await bench.settle();
    const stored = bench.database.holds.get('h');
    if (!stored) throw new Error('the hold is not in MySQL');
    bench.database.holds.set('h', { ...stored, account: 'c' });
    bench.toDirect();
    expect(await bench.clock.until(holds.factsOf('h'))).toMatchObject({ account: 'a' });
    expect(await capture()).toBe('overloaded');
    expect(await bench.clock.until(holds.factsOf('h'))).toMatchObject({ account: 'c' });
  });

  it('is used only in rule format 2', async () => {
    bench.session.rules = 1;
    for (const one of [place(), read(), voided(), change({ amount: 1 }), capture()])
      expect(await one).toBe('feature_not_active');
  });
});

it('A refusal by a limit of the account is reported once, with the limit', async () => {
  await bench.model.setCalendar(bench.keeper, calendarFrom(bench.clock.now()));
  const limits = { ...NO_LIMITS, transferMax: 70, usage: NO_USAGE };
  bench.database.accounts.set('a', accountOf('a', { balance: 1000, limits }));
  expect(await place({ holdId: 'large', amount: 71 })).toBe('limit_exceeded');
  expect(bench.events.limits).toEqual(['transferMax']);
  expect(await place({ holdId: 'large', amount: 71 })).toBe('again limit_exceeded');
  expect(bench.events.limits).toEqual(['transferMax']);
});
