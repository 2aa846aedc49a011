import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { uuidV7Time } from '../app/domain/ids.ts';
import type { BankOptions } from './bank.ts';
import { isFirstOfMonth, isLastWorkingDay } from './calendar.ts';
import { generate } from './generate.ts';
import { ndjson, type TransferLine } from './lines.ts';
import { HABIT_NAMES, HABITS } from './profile.ts';
import { collect, SMALL_BANK, transfersOf } from './testing/banks.ts';

/** Hash of the NDJSON of SMALL_BANK. It changes only when the generator's output changes deliberately. */
const SMALL_BANK_SHA256 = 'b6f00fda559c241adb392ef593043e0c183f489f1181a4e2afd8e5f902b4172a';

async function hashOf(options: BankOptions): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of ndjson(generate(options), () => {})) hash.update(chunk);
  return hash.digest('hex');
}

function dayOf(line: TransferLine): number {
  return Date.parse(`${line.body.timestamp.slice(0, 10)}T00:00:00Z`);
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
      expect(transfersOf(lines)).toHaveLength(transfers);
      expect(lines.filter((line) => line.kind === 'transfer' || line.kind === 'opening')).toHaveLength(
        source.transfersTotal,
      );
    }
    expect(() => generate({ ...SMALL_BANK, accounts: 59 })).toThrow('at least 60 accounts');
  });

  it('orders accounts, openings, changes and transfers, and transfers by time', async () => {
    const lines = await collect(generate(SMALL_BANK));
    const ranks = lines.map((line) => ['account', 'opening', 'change', 'transfer'].indexOf(line.kind));
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    const times = transfersOf(lines).map((line) => line.body.timestamp);
    expect(times).toEqual(times.toSorted());
    expect(times.at(-1)?.slice(0, 10)).toBe('2025-03-01');
  });

  it('pays salaries on the last working day and rents on the first', async () => {
    const transfers = transfersOf(await collect(generate(SMALL_BANK)));
    const salaries = transfers.filter((line) => line.body.reference.startsWith('Salary'));
    const rents = transfers.filter((line) => line.body.reference.startsWith('Rent'));
    expect(salaries.length).toBeGreaterThan(100);
    expect(rents.length).toBeGreaterThan(100);
    expect(salaries.every((line) => isLastWorkingDay(dayOf(line)))).toBe(true);
    expect(rents.every((line) => isFirstOfMonth(dayOf(line)))).toBe(true);
  });

  it('has a few transfers that must be refused, of every kind', async () => {
    const transfers = transfersOf(await collect(generate({ ...SMALL_BANK, transfers: 30_000 })));
    const refused = transfers.filter((line) => line.expect !== 'POSTED');
    expect(refused.length / transfers.length).toBeGreaterThan(0.002);
    expect(refused.length / transfers.length).toBeLessThan(0.02);
    expect(new Set(refused.map((line) => line.expect))).toEqual(
      new Set(['insufficient_funds', 'account_frozen', 'account_closed', 'account_suspended', 'currency_mismatch']),
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

  it('pauses at night and shops on Saturday', async () => {
    const transfers = transfersOf(await collect(generate({ ...SMALL_BANK, days: 56, transfers: 30_000 })));
    const hour = (line: TransferLine) => Number(line.body.timestamp.slice(11, 13));
    expect(transfers.filter((line) => hour(line) < 4).length).toBeLessThan(transfers.length * 0.06);
    const groceries = transfers.filter((line) => line.body.reference === 'Groceries');
    const onDay = (weekday: number) =>
      groceries.filter((line) => new Date(line.body.timestamp).getUTCDay() === weekday).length;
    expect(onDay(6)).toBeGreaterThan(onDay(2) * 1.5);
    expect(onDay(0)).toBeLessThan(onDay(2) * 0.6);
  });

  it('has a weight for each hour, and none for the booking hour', () => {
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

  it('are reproducible from a given time, and stay close behind it', async () => {
    const from = Date.UTC(2026, 0, 1);
    const ids = { kind: 'now', from } as const;
    const bodies = await idsOf({ ids });
    expect(await idsOf({ ids, now: () => 5 })).toEqual(bodies);
    const times = bodies.map((body) => (uuidV7Time(body.transactionId) ?? 0) - from);
    expect(times[0]).toBe(0);
    expect(Math.max(...times)).toBeLessThan(1000);
  });
});
