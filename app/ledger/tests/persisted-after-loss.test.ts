import { beforeEach, describe, expect, it } from 'vitest';
import type { GroupOutcome } from '../../domain/group.ts';
import { type HoldEvent, holdOutcomeOf } from '../../domain/hold-events.ts';
import type { HoldOrder } from '../../domain/holds.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { accountOf, orderOf } from '../../domain/testing/orders.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

/**
 * An operator accepts the loss of an epoch while a request waits for `persisted`. The id is then free, and another
 * client uses it. The request must not be answered with the outcome of that client.
 */
let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
  bench.database.accounts.set('a', accountOf('a', { balance: 100 }));
});

/** The answer that a request gets if MySQL has other content under its id once its epoch has ended. */
async function answerAfter(request: Promise<unknown>, reuse: () => void): Promise<unknown> {
  const answer = request.catch((error: unknown) => error);
  await bench.clock.pass(50);
  bench.close();
  await bench.clock.pass(200);
  reuse();
  bench.toDirect();
  const answered = await bench.clock.until(answer);
  if (answered instanceof Problem) return answered.code;
  const [first] = Array.isArray(answered) ? (answered as unknown[]) : [answered];
  if (first instanceof Problem) return first.code;
  const { replayed, persisted } = first as { replayed: boolean; persisted: boolean };
  return `${replayed ? 'again' : 'first'}, ${persisted ? 'persisted' : 'not persisted'}`;
}

/** As decided by MySQL after the loss. */
const DECIDED = { acceptedAt: 9, takenAt: 9, epoch: 3, seq: 0, replayed: true, persisted: true } as const;
const SIDE = { balance: 1, version: 1, settingsVersion: 1 };

const CASES = [
  ['the same content', {}, 'again, persisted'],
  ['another amount', { amount: 2 }, 'reused'],
  ['another reference', { reference: 'other' }, 'reused'],
] as const;

describe.each(CASES)('A request whose id belongs to a request with %s after the loss', (_, different, expected) => {
  const saying = (code: string) => (expected === 'reused' ? code : expected);

  it('is compared with that request, for a transfer', async () => {
    const order = bench.order({ amount: 1 });
    const posted: Outcome = {
      ...DECIDED,
      status: 'POSTED',
      order: { ...order, ...different },
      source: SIDE,
      destination: SIDE,
    };
    const reuse = () => bench.database.outcomes.set(order.transactionId, posted);
    expect(await answerAfter(bench.ledger.apply([order], 'persisted'), reuse)).toBe(saying('transaction_id_reused'));
  });

  it('is compared with that request, for a group', async () => {
    const member = (more: Partial<TransferOrder>) =>
      orderOf({ destination: 'a', amount: 1, groupId: 'g', ...more }, bench.clock.now());
    const orders = [member({}), member({ destination: 'b' })];
    const posted: GroupOutcome = {
      ...DECIDED,
      status: 'POSTED',
      group: { groupId: 'g', split: null, orders: orders.map((order) => ({ ...order, ...different })) },
      sides: orders.map(() => ({ source: SIDE, destination: SIDE })),
    };
    const request = bench.ledger.applyGroup({ groupId: 'g', orders, split: null }, 'persisted');
    expect(await answerAfter(request, () => bench.database.groups.set('g', posted))).toBe(saying('group_id_reused'));
  });

  it.each(['PLACED', 'REFUSED'] as const)('is compared with that request, for a hold that was %s', async (kind) => {
    const who = { user: 'shop', correlationId: 'c-1' };
    const terms = { destination: 'b', expiresAt: null, reference: null, metadata: null };
    const order: HoldOrder = { holdId: 'h', account: 'a', amount: 1, currency: 'EUR', ...terms, ...who };
    const other = { ...order, ...different };
    const { acceptedAt, takenAt, epoch, seq } = DECIDED;
    const common = {
      holdId: 'h',
      account: 'a',
      currency: 'EUR',
      acceptedAt,
      takenAt,
      epoch,
      seq,
      ...who,
      order: other,
    };
    const hold = { status: 'OPEN', amount: other.amount, captured: 0, expiresAt: 9_000_000, revision: 1 } as const;
    const event: HoldEvent =
      kind === 'PLACED'
        ? { ...common, kind, side: SIDE, hold, held: other.amount, heldChange: other.amount }
        : { ...common, kind, refusal: 'insufficient_funds' };
    const reuse = () => {
      bench.database.holdOutcomes.set('=h', holdOutcomeOf(event, true, true));
      bench.database.writeHolds([event], []);
    };
    expect(await answerAfter(bench.ledger.holds.place(order, 'persisted'), reuse)).toBe(saying('hold_id_reused'));
  });
});

describe('After the loss, a capture is compared with the transfer that has its id:', () => {
  const captureOf = (different: Partial<TransferOrder['capture']>, plain: Partial<TransferOrder> = {}) => {
    const capture = { holdId: 'h', amount: 1, destination: null, final: true, ...different };
    return { ...orderOf({ kind: 'capture', source: 'a', destination: 'b', amount: 1, ...plain }), capture };
  };

  it.each([
    ['of another amount', captureOf({ amount: 2 }), 'transaction_id_reused'],
    ['that is not final', captureOf({ final: false }), 'transaction_id_reused'],
    ['of another hold', captureOf({ holdId: 'other' }), 'transaction_id_reused'],
    ['from another account', captureOf({}, { source: 'c' }), 'transaction_id_reused'],
    ['that is not a capture', orderOf({ source: 'a', destination: 'b', amount: 1 }), 'transaction_id_reused'],
    ['with the same content', captureOf({}), 'again, persisted'],
  ] as const)('%s', async (_, other: TransferOrder, expected) => {
    const transactionId = newUuidV7(bench.clock.now());
    const who = { user: 'shop', correlationId: 'c-1' };
    const terms = { destination: 'b', expiresAt: null, reference: null, metadata: null };
    const place = { holdId: 'h', account: 'a', amount: 60, currency: 'EUR', ...terms, ...who };
    await bench.clock.until(bench.ledger.holds.place(place, 'cache'));
    const posted: Outcome = {
      ...DECIDED,
      status: 'POSTED',
      order: { ...other, transactionId },
      source: SIDE,
      destination: SIDE,
    };
    const request = bench.ledger.holds.capture({ ...captureOf({}), transactionId }, 'persisted');
    expect(await answerAfter(request, () => bench.database.outcomes.set(transactionId, posted))).toBe(expected);
  });
});
