import { beforeEach, describe, expect, it } from 'vitest';
import type { BookedTransfer, Books } from './books.ts';
import { checkEvents, type ReceivedEvent } from './check-events.ts';

const at = (balance: number, version: number) => ({ balance, version, settingsVersion: 1 });
const content = { source: 'p:a', destination: 'p:b', amount: 150, currency: 'EUR' };
const row = (transactionId: string, more: Partial<BookedTransfer>): BookedTransfer => ({
  ...{ transactionId, correlationId: 'c', content, acceptedAt: 1, refusal: null, source: null, destination: null },
  ...more,
});
const settings = { overdraftLimit: 0, settingsVersion: 1, status: 'ACTIVE' as const, currency: 'EUR' };
const hold = { status: 'OPEN' as const, amount: 20, captured: 0, expiresAt: 9, revision: 1 };

const books: Books = {
  transfers: [
    row('t1', { source: at(-150, 1), destination: at(150, 1) }),
    row('t2', { refusal: 'insufficient_funds' }),
    row('x~back', {
      content: { ...content, source: '~transit:EUR:1', destination: 'p:a' },
      source: at(-1, 5),
      destination: at(0, 2),
      leg: { name: 'back', of: 'x', content },
    }),
    row('x~returns', {
      content: { ...content, source: '~transit:EUR:1', destination: '~returns:EUR' },
      source: at(-1, 5),
      destination: at(0, 2),
      leg: { name: 'returns', of: 'x', content },
    }),
    row('lost', {
      content: { ...content, source: '~loss:EUR', destination: '~transit:EUR:1' },
      source: at(-150, 1),
      destination: at(0, 2),
      leg: { name: 'out', of: 'lost', content },
    }),
    row('y~paid:0', { content: { ...content, source: '~returns:EUR' }, refusal: 'account_frozen' }),
    row('y~paid:1', {
      content: { ...content, source: '~returns:EUR' },
      source: at(0, 4),
      destination: at(300, 2),
    }),
  ],
  accounts: [
    { accountId: 'p:a', ...settings, ...at(0, 3) },
    { accountId: 'p:b', ...settings, ...at(300, 2) },
    { accountId: '~transit:EUR:1', ...settings, ...at(-1, 5) },
  ],
  changes: [],
  holds: [],
  holdEvents: [
    {
      ...{ kind: 'PLACED', holdId: 'h', accountId: 'p:a', currency: 'EUR', correlationId: 'c', acceptedAt: 1 },
      ...{ ...at(0, 3), hold, held: 20, heldChange: 20 },
    },
  ],
  sums: {},
  views: [],
};
const data = { sourceAccount: 'p:a', destinationAccount: 'p:b', amount: '1.50', currency: 'EUR' };

let events: ReceivedEvent[];
beforeEach(() => {
  events = [
    { id: '0', type: 'holdfast.account.opened', data: { accountId: 'p:a' } },
    {
      id: '1',
      type: 'holdfast.transfer.posted',
      data: {
        transactionId: 't1',
        ...data,
        sourceBalance: '-1.50',
        sourceVersion: 1,
        destinationBalance: '1.50',
        destinationVersion: 1,
      },
    },
    {
      id: '2',
      type: 'holdfast.transfer.rejected',
      data: { transactionId: 't2', ...data, refusal: 'insufficient_funds' },
    },
    {
      id: '3',
      type: 'holdfast.transfer.posted',
      data: { transactionId: 'x', leg: 'back', ...data, sourceBalance: '0.00', sourceVersion: 2 },
    },
    {
      id: '4',
      type: 'holdfast.hold.placed',
      data: { holdId: 'h', account: 'p:a', revision: 1, status: 'OPEN', amount: '0.20', version: 3, heldAfter: '0.20' },
    },
    {
      id: '5',
      type: 'holdfast.transfer.posted',
      data: { transactionId: 'other', ...data, sourceAccount: 'q:a', destinationAccount: 'q:b' },
    },
    {
      id: '6',
      type: 'holdfast.transfer.posted',
      data: {
        ...{ transactionId: 'y', leg: 'payout', destinationAccount: 'p:b', amount: '1.50', currency: 'EUR' },
        ...{ destinationBalance: '3.00', destinationVersion: 2 },
      },
    },
  ];
});
const found = () => checkEvents(events, books, 'p:').map(({ what }) => what);

describe('A consumer of the change feed', () => {
  it('passes if it has exactly what was committed', () => {
    expect(found()).toEqual([]);
  });
  it.each([1, 2, 3, 4, 6])('fails if it lacks event %i', (index) => {
    events.splice(index, 1);
    expect(found()).not.toEqual([]);
  });
  it.each([1, 2, 3, 4, 6])('fails if it has event %i twice, with the same id or another', (index) => {
    events.push({ ...(events[index] as ReceivedEvent) });
    expect(found()).not.toEqual([]);
    events.push({ ...(events.pop() as ReceivedEvent), id: 'new' });
    expect(found()).not.toEqual([]);
  });
  it('fails if it has versions out of order', () => {
    events.push(...events.splice(1, 1));
    expect(found()).toContain('version 2 of p:a follows version 0');
  });
  it('fails if it has an event that MySQL does not contain, or different content', () => {
    for (const [field, value] of [
      ['amount', '1.51'],
      ['sourceBalance', '-1.51'],
      ['destinationAccount', 'p:c'],
      ['refusal', 'account_frozen'],
      ['transactionId', 't3'],
    ] as const) {
      const whole = events[1] as ReceivedEvent;
      events[1] = { ...whole, data: { ...whole.data, [field]: value } };
      expect(found(), field).not.toEqual([]);
      events[1] = whole;
    }
  });
});
