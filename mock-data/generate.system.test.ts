import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { uuidV7Time } from '../app/domain/ids.ts';
import type { BankOptions } from './bank.ts';
import { isFirstOfMonth, isLastWorkingDay } from './calendar.ts';
import { generate } from './generate.ts';
import { type HoldEventLine, ndjson, type TransferLine, weightOf } from './lines.ts';
import { HABIT_NAMES, HABITS } from './profile.ts';
import { collect, SMALL_BANK, transfersOf } from './testing/banks.ts';

/** Hash of the NDJSON of SMALL_BANK. It changes only when the generator's output changes deliberately. */
const SMALL_BANK_SHA256 = '7c755a600272a0fcfa3eaad0270caeaa0de94db79a3e9866951a5334e741fc69';

async function hashOf(options: BankOptions): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of ndjson(generate(options), () => {})) hash.update(chunk);
  return hash.digest('hex');
}

function dayOf(body: Pick<TransferLine['body'], 'timestamp'> | undefined): number {
  return Date.parse(`${body?.timestamp.slice(0, 10)}T00:00:00Z`);
}

describe('generate', () => {
  it('generates the same bytes from the same seed at any time', async () => {
    expect(await hashOf(SMALL_BANK)).toBe(SMALL_BANK_SHA256);
    expect(await hashOf({ ...SMALL_BANK, seed: 'another' })).not.toBe(SMALL_BANK_SHA256);
  });

  it('generates exactly the requested number of accounts and transfers', async () => {
    for (const [accounts, transfers] of [
      [60, 0],
      [60, 7],
      [1000, 300],
      [300, 9001],
    ] as const) {
      const source = generate({ ...SMALL_BANK, accounts, transfers });
      const lines = await collect(source);
      expect(lines.filter((line) => line.kind === 'account')).toHaveLength(accounts);
      const weight = lines.reduce((sum, line) => sum + weightOf(line), 0);
      expect(weight).toBe(source.transfersTotal);
      expect(weight - lines.filter((line) => line.kind === 'opening').length).toBe(transfers);
    }
    expect(() => generate({ ...SMALL_BANK, accounts: 59 })).toThrow('at least 60 accounts');
  });

  it('generates accounts, openings, changes and transfers in this order, and transfers in order of time', async () => {
    const lines = await collect(generate(SMALL_BANK));
    const ranks = lines
      .map(({ kind }) => ['account', 'opening', 'change'].indexOf(kind))
      .map((rank) => (rank < 0 ? 3 : rank));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    const times = transfersOf(lines).map((line) => line.body.timestamp);
    expect(times).toEqual(times.toSorted());
    expect(times.at(-1)?.slice(0, 10)).toBe('2025-03-01');
  });

  it('pays salaries on the last working day and rents on the first', async () => {
    const lines = await collect(generate(SMALL_BANK));
    const transfers = transfersOf(lines);
    const payrolls = lines.filter((line) => line.kind === 'group');
    const rents = transfers.filter((line) => line.body.reference.startsWith('Rent'));
    expect(payrolls.reduce((sum, { ordered }) => sum + ordered.length, 0)).toBeGreaterThan(100);
    for (const { body } of payrolls) {
      expect(body.transfers.length).toBeLessThanOrEqual(10);
      expect(body.transfers.at(-1)?.destinationAccount).toMatch(/-fees$/);
    }
    expect(rents.length).toBeGreaterThan(100);
    expect(payrolls.every(({ body }) => isLastWorkingDay(dayOf(body.transfers[0])))).toBe(true);
    expect(rents.every((line) => isFirstOfMonth(dayOf(line.body)))).toBe(true);
  });

  it('generates holds for some card payments, raises some of them, and captures, voids or leaves them', async () => {
    const lines = await collect(generate(SMALL_BANK));
    const holds = lines.filter((line) => line.kind === 'hold');
    const ended = lines.filter((line): line is HoldEventLine => line.kind === 'capture' || line.kind === 'void');
    expect(holds.length).toBeGreaterThan(30);
    expect(holds.length - ended.length).toBe(10);
    const placedAt = new Map<string, number>();
    for (const [index, line] of lines.entries()) {
      if (line.kind === 'hold') placedAt.set(line.body.holdId, index);
      else if ('holdId' in line) expect(placedAt.get(line.holdId)).toBeLessThan(index);
    }
    for (const kind of ['raise', 'capture', 'void'])
      expect(
        lines.some((line) => line.kind === kind),
        kind,
      ).toBe(true);
    expect(ended.some(({ held, amount = held }) => Number(amount) < Number(held))).toBe(true);
  });

  it('generates a few transfers that must be refused, of every kind', async () => {
    const transfers = transfersOf(await collect(generate({ ...SMALL_BANK, transfers: 30_000 })));
    const refused = transfers.filter((line) => line.expect !== 'POSTED');
    expect(refused.length / transfers.length).toBeGreaterThan(0.002);
    expect(refused.length / transfers.length).toBeLessThan(0.02);
    expect(new Set(refused.map((line) => line.expect))).toEqual(
      new Set([
        'insufficient_funds',
        'account_frozen',
        'account_closed',
        'account_suspended',
        'currency_mismatch',
        'limit_exceeded',
      ]),
    );
  });

  it('sends most payments to a few merchants', async () => {
    const counts = new Map<string, number>();
    for (const { body } of transfersOf(await collect(generate({ ...SMALL_BANK, accounts: 4000, transfers: 20_000 })))) {
      if (/-EUR-m\d+$/.test(body.destinationAccount)) {
        counts.set(body.destinationAccount, (counts.get(body.destinationAccount) ?? 0) + 1);
      }
    }
    const [first = 0, second = 0, , fourth = 0] = [...counts.values()].sort((a, b) => b - a);
    expect(first / second).toBeCloseTo(2 ** 1.05, 0);
    expect(first / fourth).toBeCloseTo(4 ** 1.05, 0);
  });

  it('generates few transfers at night, and many purchases on Saturdays', async () => {
    const transfers = transfersOf(await collect(generate({ ...SMALL_BANK, days: 56, transfers: 30_000 })));
    const hour = (line: TransferLine) => Number(line.body.timestamp.slice(11, 13));
    expect(transfers.filter((line) => hour(line) < 4).length).toBeLessThan(transfers.length * 0.06);
    const groceries = transfers.filter((line) => line.body.reference === 'Groceries');
    const onDay = (weekday: number) =>
      groceries.filter((line) => new Date(line.body.timestamp).getUTCDay() === weekday).length;
    expect(onDay(6)).toBeGreaterThan(onDay(2) * 1.5);
    expect(onDay(0)).toBeLessThan(onDay(2) * 0.6);
  });

  it('uses a weight for each hour except the booking hour', () => {
    for (const name of HABIT_NAMES) expect(HABITS[name].hours).toMatch(/^\d{4}0\d{19}$/);
  });
});

describe('ids', () => {
  const idsOf = async (options: Partial<BankOptions>) =>
    (await collect(generate({ ...SMALL_BANK, ...options }))).flatMap((line) =>
      'body' in line && 'transactionId' in line.body ? [line.body] : [],
    );

  it('are UUIDv7s with the simulated time, each used once', async () => {
    const bodies = await idsOf({});
    for (const { transactionId, timestamp } of bodies) expect(uuidV7Time(transactionId)).toBe(Date.parse(timestamp));
    expect(new Set(bodies.map((body) => body.transactionId)).size).toBe(bodies.length);
  });

  it('follow the wall clock if requested', async () => {
    let now = Date.UTC(2026, 0, 1);
    const [first, second] = await idsOf({ ids: { kind: 'now' }, now: () => now++ });
    expect(uuidV7Time(second?.transactionId ?? '')).toBe((uuidV7Time(first?.transactionId ?? '') ?? 0) + 1);
  });

  it('are reproducible if they are counted from a given time, and stay close to it', async () => {
    const from = Date.UTC(2026, 0, 1);
    const ids = { kind: 'now', from } as const;
    const bodies = await idsOf({ ids });
    expect(await idsOf({ ids, now: () => 5 })).toEqual(bodies);
    const times = bodies.map((body) => (uuidV7Time(body.transactionId) ?? 0) - from);
    expect(times[0]).toBe(0);
    expect(Math.max(...times)).toBeLessThan(1000);
  });
});
