import { expect, it } from 'vitest';
import type { BookedTransfer, Books } from './books.ts';
import { checkLimits } from './check-limits.ts';
import { Violations } from './violations.ts';

const [DAY_1, DAY_2] = [1_000, 2_000];
const ACCOUNT = { accountId: 'a', currency: 'EUR', overdraftLimit: 0, external: false, dailyDebitMax: 100 };
const position = (version: number) => ({ balance: 0, version, settingsVersion: 1 });

function leg(name: 'out' | 'back', amount: number, version: number, acceptedAt: number): BookedTransfer {
  const transit = '~transit:EUR:0';
  const content = {
    source: name === 'out' ? 'a' : transit,
    destination: name === 'out' ? transit : 'a',
    ...{ amount, currency: 'EUR' },
  };
  return {
    ...{ transactionId: name === 'out' ? 't' : 't~back', correlationId: 'c', content, acceptedAt, refusal: null },
    ...{ source: position(version), destination: position(version) },
    leg: { name, of: 't', content: { source: 'a', destination: 'b', amount, currency: 'EUR' } },
  };
}

/** @param counted the usage that the account stores */
function violations(transfers: BookedTransfer[], counted: { dayStart: number; dayDebit: number }): string[] {
  const found = new Violations();
  const books: Books = {
    transfers,
    accounts: [
      {
        ...{ accountId: 'a', currency: 'EUR', balance: 0, version: transfers.length, held: 0 },
        ...{ overdraftLimit: 0, status: 'ACTIVE', settingsVersion: 1, counted },
      } as Books['accounts'][number],
    ],
    ...{ changes: [], sums: {}, views: [], businessDays: [DAY_1, DAY_2] },
  };
  checkLimits([ACCOUNT], books, found);
  return found.listed.map(({ what }) => what);
}

it('Money that comes back from another shard no longer counts on the day on which it left', () => {
  const legs = [leg('out', 80, 1, DAY_1 + 1), leg('back', 80, 2, DAY_1 + 2)];
  expect(violations(legs, { dayStart: DAY_1, dayDebit: 0 })).toEqual([]);
  expect(violations(legs, { dayStart: DAY_1, dayDebit: 80 })).toHaveLength(1);
  // It came back on the next day, whose usage does not decrease.
  const late = [leg('out', 80, 1, DAY_1 + 1), leg('back', 80, 2, DAY_2 + 2)];
  expect(violations(late, { dayStart: DAY_1, dayDebit: 0 })).toEqual([]);
});

it('A reversal does not count', () => {
  const plain = leg('out', 80, 1, DAY_1 + 1);
  const { leg: _, ...transfer } = { ...plain, content: { ...plain.content, destination: 'b' } };
  expect(violations([transfer], { dayStart: DAY_1, dayDebit: 80 })).toEqual([]);
  const reversal = { ...transfer, transactionId: 'r', source: position(2), isReversal: true as const };
  expect(violations([transfer, reversal], { dayStart: DAY_1, dayDebit: 80 })).toEqual([]);
  const { isReversal: __, ...counted } = reversal;
  expect(violations([transfer, counted], { dayStart: DAY_1, dayDebit: 160 })).toHaveLength(1);
});
