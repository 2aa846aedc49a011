import fc from 'fast-check';
import { membersOf } from '../../../domain/group.ts';
import type { HoldAfter } from '../../../domain/hold-types.ts';
import type { LimitsChange } from '../../../domain/limits.ts';
import { businessDaysFrom } from '../../../domain/testing/business-days.ts';
import { NO_LIMITS, NO_USAGE } from '../../../domain/testing/limits.ts';
import type { Account } from '../../../domain/types.ts';
import { RecordStatus } from '../../codec.ts';
import type { HoldItem } from '../../hold-codec.ts';
import { attemptsOfGroup, type InDoubtAttempt, type JournalEntry } from '../../journal-entry.ts';
import type { Journaled } from '../../journaled.ts';
import { itemsOf } from '../../journaled.ts';
import {
  ACCEPTED_AT,
  account,
  groupItemOf,
  holdItemOf,
  itemOf,
  modelEpoch,
  order,
} from '../../testing/epoch-under-test.ts';
import { isReceived, keysOf, receive } from '../received.ts';
import type { HandedOverEpoch } from '../recover-epoch.ts';

export const ACCOUNTS = [
  account('world'),
  account('ada'),
  account('bob', { overdraftLimit: 90 }),
  account('cy', { overdraftLimit: 10, limits: { ...NO_LIMITS, dailyDebitMax: 200, usage: NO_USAGE } }),
  account('yen', { currency: 'JPY' }),
];
export const PODS = 3;
const STEP_MS = 5 * 3_600_000;
const DAYS = businessDaysFrom(ACCEPTED_AT);
const IDS = ACCOUNTS.map(({ accountId }) => accountId);

const anyTransfer = fc.record({
  id: fc.nat(60),
  source: fc.constantFrom('world', 'world', 'ada', 'bob', 'cy'),
  destination: fc.constantFrom('ada', 'bob', 'cy', 'yen', 'world'),
  amount: fc.integer({ min: 1, max: 120 }),
});
const anyChange = fc.record({
  id: fc.nat(30),
  accountId: fc.constantFrom('ada', 'bob', 'cy'),
  overdraftLimit: fc.option(fc.nat(200)),
  status: fc.option(fc.constantFrom('ACTIVE' as const, 'SUSPENDED' as const, 'FROZEN' as const)),
  limits: fc.option(
    fc.constantFrom(NO_LIMITS, { ...NO_LIMITS, dailyDebitMax: 500 }, { ...NO_LIMITS, transferMax: 100 }),
    { freq: 2 },
  ),
});
const anyGroup = fc.record({
  groupId: fc.nat(20),
  members: fc.array(anyTransfer, { minLength: 2, maxLength: 4 }),
});
const anyHold = fc.record({
  op: fc.constantFrom('place', 'place', 'place', 'capture', 'capture', 'change', 'void', 'expire', 'expire'),
  /** The number of the hold, which also determines its account. */
  hold: fc.nat(5),
  id: fc.nat(40),
  amount: fc.option(fc.integer({ min: 1, max: 30 })),
  final: fc.boolean(),
  /** When the hold expires, in steps after the beginning. */
  expiresAt: fc.option(fc.integer({ min: 1, max: 20 })),
  revision: fc.integer({ min: 1, max: 3 }),
});
/** An action of a pod, and whether the pod gets the reply. A read returns the highest seq, but no entry. */
const anyStep = fc.record({
  pod: fc.nat(PODS - 1),
  replied: fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  does: fc.oneof(
    { weight: 6, arbitrary: fc.array(anyTransfer, { minLength: 1, maxLength: 5 }) },
    { weight: 2, arbitrary: anyChange },
    { weight: 3, arbitrary: anyGroup },
    { weight: 3, arbitrary: fc.array(anyHold, { minLength: 3, maxLength: 6 }).map((holds) => ({ holds })) },
    { weight: 1, arbitrary: fc.constant('reads' as const) },
  ),
});
export const anyHistory = fc.record({
  steps: fc.array(anyStep, { minLength: 1, maxLength: 40 }),
  /** How much of the journal has been flushed. */
  flushed: fc.double({ min: 0, max: 0.9, noNaN: true }),
});
export type History = typeof anyHistory extends fc.Arbitrary<infer H> ? H : never;

/** Everything that one pod knows at the end of the history. */
export interface PodMemory {
  entries: JournalEntry[];
  inDoubt: InDoubtAttempt[];
  observed: number;
}

export interface Lived {
  pods: PodMemory[];
  /** Everything that happened, in order. */
  journal: Journaled[];
  journalEntries: JournalEntry[];
  cursor: number;
  endSeq: number;
  accountsAt(includes: (one: Journaled) => boolean): Map<string, Account>;
  /** The accounts in their final state in the cache. */
  end: Map<string, Account>;
}

type AnyHold = typeof anyHold extends fc.Arbitrary<infer H> ? H : never;

function holdOf({ op, hold, id, amount, final, expiresAt, revision }: AnyHold, correlationId: string): HoldItem {
  const account = ['bob', 'ada', 'cy'][hold % 3] ?? 'bob';
  const expires = expiresAt === null ? null : ACCEPTED_AT + expiresAt * STEP_MS;
  const named = { holdId: `h${hold}`, account, currency: 'EUR', user: 'shop', correlationId };
  if (op === 'place') {
    const order = { ...named, destination: null, expiresAt: expires, reference: null, metadata: null };
    return { op, order: { ...order, amount: amount ?? 30 } };
  }
  if (op === 'capture') {
    const capture = { holdId: named.holdId, amount, destination: 'world', final };
    const fields = { source: account, destination: 'world', amount: amount ?? 0, correlationId };
    return { op, order: { ...order(`k${id}`, fields), kind: 'capture', capture } };
  }
  const event = { ...named, eventId: `01890000-0000-7000-8000-0000000001${String(id).padStart(2, '0')}` };
  if (op === 'change') return { op, ...event, wanted: { amount, expiresAt: expires, expectedRevision: revision } };
  return { op: op === 'void' ? 'void' : 'expire', ...event };
}

function attemptOf(item: HoldItem): InDoubtAttempt {
  if (item.op === 'place') return { kind: 'hold', id: item.order.holdId, accounts: [item.order.account] };
  if (item.op !== 'capture') return { kind: 'hold-event', id: item.eventId, accounts: [item.account] };
  const { transactionId, source, destination } = item.order;
  return { kind: 'transfers', id: transactionId, accounts: [source, destination] };
}

/** Runs a history on the model of the cache. */
export async function live({ steps, flushed }: History): Promise<Lived> {
  const epoch = await modelEpoch(ACCOUNTS);
  const pods = Array.from({ length: PODS }, (): PodMemory => ({ entries: [], inDoubt: [], observed: 0 }));
  for (const [index, { pod: at, replied, does }] of steps.entries()) {
    // A business day lasts five steps.
    epoch.cache.now = () => ACCEPTED_AT + index * STEP_MS;
    const memory = pods[at] ?? { entries: [], inDoubt: [], observed: 0 };
    const caller = { ...epoch.pod, podId: `pod-${at}` };
    await epoch.cache.register(caller, 'marker');
    const receive = (head: { seq: number }, entries: readonly JournalEntry[]) => {
      memory.entries.push(...entries);
      memory.observed = Math.max(memory.observed, head.seq);
    };
    if (does === 'reads') {
      if (replied) receive((await epoch.cache.read(caller, [])).head, []);
    } else if (Array.isArray(does)) {
      const orders = does
        .filter(({ source, destination }) => source !== destination)
        .map(({ id, ...fields }) => order(`t${id}`, { ...fields, correlationId: `step-${index}` }));
      if (orders.length === 0) continue;
      const reply = await epoch.cache.apply(
        caller,
        orders.map((one) => itemOf(one)),
      );
      if (replied) {
        receive(reply.head, reply.entries);
        const existed = orders.filter((_, n) => reply.records[n]?.status === RecordStatus.REPLAYED);
        const found = await epoch.cache.find(
          caller,
          existed.map(({ transactionId }) => transactionId),
        );
        receive(found.head, found.entries);
      } else {
        for (const { transactionId, source, destination } of orders)
          memory.inDoubt.push({ kind: 'transfers', id: transactionId, accounts: [source, destination] });
      }
    } else if ('groupId' in does) {
      const members = does.members
        .filter(({ source, destination }) => source !== destination)
        // Mostly new ids: otherwise nearly every group would contain a known id.
        .map(({ id, ...fields }, n) =>
          order(id < 6 ? `t${id}` : `t${index}-${n}`, { ...fields, correlationId: `step-${index}` }),
        );
      if (members.length === 0) continue;
      const item = groupItemOf(`g${does.groupId}`, members);
      const reply = await epoch.cache.apply(caller, [item]);
      if (replied) {
        receive(reply.head, reply.entries);
        const found = await epoch.cache.find(caller, [`+${item.group.groupId}`]);
        receive(found.head, found.entries);
      } else memory.inDoubt.push(...attemptsOfGroup(item.group));
    } else if ('holds' in does) {
      const items = does.holds.map((one) => holdOf(one, `step-${index}`));
      const reply = await epoch.cache.apply(
        caller,
        items.map((item) => holdItemOf(item, ACCEPTED_AT + index * STEP_MS)),
      );
      if (replied) receive(reply.head, reply.entries);
      else memory.inDoubt.push(...items.map(attemptOf));
    } else {
      const id = `01890000-0000-7000-8000-0000000000${String(does.id).padStart(2, '0')}`;
      const { accountId, overdraftLimit, status, limits } = does;
      const reply = await epoch.change(id, accountId, {
        ...(overdraftLimit === null ? {} : { overdraftLimit }),
        ...(status === null ? {} : { status }),
        ...(limits === null ? {} : { limits }),
      });
      if (replied) receive(reply.head, reply.entries);
      else memory.inDoubt.push({ kind: 'account-change', id, accounts: [accountId] });
    }
  }
  const journalEntries = await epoch.entries();
  const journal = journalEntries.flatMap((entry) => itemsOf(entry, 1));
  const cached = (await epoch.cache.read(epoch.pod, IDS)).accounts;
  return {
    pods,
    journal,
    journalEntries,
    // The flush never divides a group.
    cursor: journal[Math.floor(journal.length * flushed) - 1]?.lastSeq ?? 0,
    endSeq: journal.at(-1)?.lastSeq ?? 0,
    accountsAt: (includes) => replayed(journal.filter(includes)),
    end: new Map(
      cached.map((one, n) => {
        const { modified: _modified, seq: _seq, ...plain } = one ?? { modified: false, seq: 0 };
        return [IDS[n] ?? '', plain as Account];
      }),
    ),
  };
}

/** The accounts after these items, computed in the simplest way: each has the state of its last item. */
export function replayed(journal: readonly Journaled[], from: Iterable<Account> = ACCOUNTS): Map<string, Account> {
  const accounts = new Map([...from].map((one) => [one.accountId, { ...one }]));
  for (const item of journal) {
    if (item.kind === 'account-change') {
      const { accountId, status, overdraftLimit, settingsVersion, limits, acceptedAt } = item.change;
      Object.assign(accounts.get(accountId) ?? {}, { status, overdraftLimit, settingsVersion });
      if (limits) setLimits(accounts.get(accountId), limits, acceptedAt);
      continue;
    }
    if ('event' in item) {
      const { event } = item;
      if (event.kind === 'REFUSED') continue;
      const { balance, version } = event.side;
      Object.assign(accounts.get(event.account) ?? {}, { balance, version, held: event.held });
      countHold(accounts.get(event.account), event, event.acceptedAt);
      continue;
    }
    if (item.outcome.status === 'REJECTED') continue;
    for (const { order: one, source, destination, hold, counted = 0, acceptedAt } of item.kind === 'group'
      ? membersOf(item.outcome)
      : [item.outcome]) {
      for (const [id, { balance, version }] of [
        [one.source, source],
        [one.destination, destination],
      ] as const)
        Object.assign(accounts.get(id) ?? {}, { balance, version });
      if (counted & 1) count(accounts.get(one.source), acceptedAt, { debit: one.amount, credit: 0 });
      if (counted & 2) count(accounts.get(one.destination), acceptedAt, { debit: 0, credit: one.amount });
      if (!hold) continue;
      Object.assign(accounts.get(one.source) ?? {}, { held: hold.held });
      countHold(accounts.get(one.source), hold, acceptedAt);
    }
  }
  return accounts;
}

function setLimits(account: Account | undefined, { begins, ...limits }: LimitsChange, acceptedAt: number): void {
  if (!account) return;
  const usage = begins || !account.limits ? { ...NO_USAGE, countedSince: acceptedAt } : account.limits.usage;
  const some = Object.values(limits).some((limit) => limit !== null);
  account.limits = some ? { ...limits, usage } : null;
}

/** Counts a hold. Returning usage to an account without limits, or to a window that has ended, has no effect. */
function countHold(account: Account | undefined, { hold, usageChange }: HoldAfter, acceptedAt: number): void {
  if (!usageChange || !account?.limits) return;
  if (usageChange.day > 0) {
    count(account, acceptedAt, { debit: usageChange.day, credit: 0 });
    return;
  }
  const { usage } = account.limits;
  const at = hold.counted?.at ?? 0;
  const isCounted = at >= usage.countedSince;
  const dayDebit = usage.dayDebit + (isCounted && at >= usage.dayStart ? usageChange.day : 0);
  const monthDebit = usage.monthDebit + (isCounted && at >= usage.monthStart ? usageChange.month : 0);
  account.limits = { ...account.limits, usage: { ...usage, dayDebit, monthDebit } };
}

function count(
  account: Account | undefined,
  acceptedAt: number,
  { debit, credit }: Record<'debit' | 'credit', number>,
) {
  const day = DAYS.findLast(({ dayStart }) => dayStart <= acceptedAt);
  if (!account?.limits || !day) throw new Error('a counted transfer needs limits and a business day');
  const { usage } = account.limits;
  const [sameDay, sameMonth] = [usage.dayStart === day.dayStart, usage.monthStart === day.monthStart];
  account.limits = {
    ...account.limits,
    usage: {
      countedSince: usage.countedSince,
      dayStart: day.dayStart,
      dayDebit: (sameDay ? usage.dayDebit : 0) + debit,
      dayCredit: (sameDay ? usage.dayCredit : 0) + credit,
      monthStart: day.monthStart,
      monthDebit: (sameMonth ? usage.monthDebit : 0) + debit,
    },
  };
}

/** The data that the store passes to the recovery once these pods have handed over. */
export function handedOverOf(lived: Lived, pods: readonly PodMemory[] = lived.pods): HandedOverEpoch {
  const { items } = receive(lived.journalEntries, 1, 0);
  const keys = new Set(items.filter(({ seq }) => seq <= lived.cursor).flatMap(keysOf));
  const inMysql = { items, keys };
  return {
    epoch: 1,
    cursor: lived.cursor,
    observed: Math.max(0, ...pods.map(({ observed }) => observed)),
    entries: pods.flatMap(({ entries }) => entries),
    inDoubt: pods.flatMap(({ inDoubt }) => inDoubt).filter((attempt) => !isReceived(inMysql, attempt)),
    accounts: lived.accountsAt(({ seq }) => seq <= lived.cursor),
  };
}
