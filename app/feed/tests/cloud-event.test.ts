import { describe, expect, it } from 'vitest';
import type { SealedChange } from '../../journal/sealed/sealed-entry.ts';
import { EVENT_TYPES } from '../../ledger/ports/feed.ts';
import { FeedRow } from '../feed-row.ts';
import { EVERY_ENTRY } from '../testing/every-entry.ts';
import { lineOf } from '../testing/memory-log.ts';

const changes = EVERY_ENTRY.filter((entry): entry is SealedChange => entry.kind === 'account-changed');
const rowOf = (currencies: ReadonlyMap<string, string>) =>
  new FeedRow(
    { position: 1024, hash: '5b2c0d1ef00d', lines: EVERY_ENTRY.map(lineOf) },
    { ledgerId: '0f6c', shard: 2, currencies },
  );
const row = rowOf(new Map(changes.map(({ change }) => [change.changeId, 'EUR'])));
const events = row.events.map(
  (event) => JSON.parse(event.json()) as { id: string; type: string; subject: string; data: object },
);
const named = (subject: string, type: string) =>
  events.filter((event) => event.subject === subject && event.type === `holdfast.${type}`);

describe('The events of a row', () => {
  it('are CloudEvents, with the indexes of their entries, and leave out what belongs to the ledger itself', () => {
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(EVENT_TYPES));
    const hidden = ['x~returns', '~transit:EUR:1', 'lost'];
    for (const subject of hidden) expect(events.map((event) => event.subject)).not.toContain(subject);
    expect(JSON.stringify(events)).not.toMatch(/~/);
    expect(events[0]).toEqual({
      specversion: '1.0',
      id: '2.1024.0.5b2c0d1e',
      source: 'urn:holdfast:0f6c',
      type: 'holdfast.transfer.posted',
      subject: 'plain',
      time: expect.stringMatching(/^2026-01-31T12:\d\d:\d\d\.\d{3}Z$/),
      datacontenttype: 'application/json',
      data: {
        transactionId: 'plain',
        status: 'POSTED',
        kind: 'transfer',
        sourceAccount: 'ada',
        destinationAccount: 'bob',
        amount: '1.00',
        currency: 'EUR',
        timestamp: expect.any(String),
        acceptedAt: expect.any(String),
        sourceBalance: expect.stringMatching(/^-/),
        sourceVersion: expect.any(Number),
        destinationBalance: expect.any(String),
        destinationVersion: expect.any(Number),
      },
    });
    expect(events.at(-1)?.id).toBe(`2.1024.${EVERY_ENTRY.length - 3}.5b2c0d1e`);
  });

  it('name the accounts and the refusal of a refused transfer', () => {
    expect(named('refused', 'transfer.rejected')[0]?.data).toMatchObject({
      refusal: 'limit_exceeded',
      limit: 'transferMax',
      value: '5.00',
      remaining: '5.00',
    });
    expect(named('refused', 'transfer.rejected')[0]?.data).not.toHaveProperty('sourceVersion');
  });

  it('show the accounts that the client named for a transfer between shards, and the side that the leg changed', () => {
    const legs = named('x', 'transfer.posted').map(({ data }) => data as Record<string, unknown>);
    expect(legs.map(({ leg }) => leg)).toEqual(['out', 'in', 'back']);
    for (const data of legs)
      expect(data).toMatchObject({ transactionId: 'x', sourceAccount: 'ada', destinationAccount: 'eve' });
    expect(legs.map((data) => Object.keys(data).filter((key) => key.endsWith('Version')))).toEqual([
      ['sourceVersion'],
      ['destinationVersion'],
      ['sourceVersion'],
    ]);
    // The money that comes back is a credit: the positive side of the leg.
    expect(legs[2]?.['sourceBalance']).not.toMatch(/^-/);
    const ofEve = row.matching({ accounts: new Set(['eve']), types: null, details: false }, null);
    expect(ofEve.length).toBe(1);
  });

  it('show a payout of returned money only to its recipient, as part of the transfer that was returned', () => {
    const [payout, ...others] = events.filter(({ subject }) => subject === 'kept');
    expect(others).toEqual([]);
    expect(payout).toMatchObject({
      type: 'holdfast.transfer.posted',
      data: { transactionId: 'kept', leg: 'payout', destinationAccount: 'bob', destinationVersion: expect.any(Number) },
    });
    for (const name of ['sourceAccount', 'sourceBalance', 'sourceVersion'])
      expect(payout?.data).not.toHaveProperty(name);
  });

  it('for each account are those that name it, whether found through the index or line by line', () => {
    const clients = new Set(row.events.flatMap(({ accounts }) => accounts));
    expect([...clients].sort()).toEqual(['ada', 'bob', 'eve']);
    for (const account of clients) {
      const naming = row.events.filter(({ accounts }) => accounts.includes(account));
      expect(row.matching({ accounts: new Set([account]), types: null, details: false }, null)).toEqual(naming);
      expect(row.eventsOf((one) => one === account)).toEqual(naming);
    }
  });

  it('have the amounts of holds, groups and accounts in major units', () => {
    expect(named('captured', 'transfer.posted')[0]?.data).toMatchObject({
      holdId: 'h',
      heldAfter: '0.00',
      heldChange: '-3.00',
    });
    expect(named('h', 'hold.placed')[0]?.data).toMatchObject({ amount: '3.00', balance: '10.00', version: 7 });
    expect(named('g2', 'group.rejected')[0]?.data).toMatchObject({ index: 1, accounts: ['ada', 'bob'], value: '5.00' });
    expect(named('ada', 'account.opened')[0]?.data).toMatchObject({
      overdraftLimit: '1.00',
      limits: { transferMax: '5.00', balanceMax: null },
    });
    expect(named('ada', 'account.changed')[0]?.data).toMatchObject({ status: 'SUSPENDED', overdraftLimit: '2.50' });
  });

  it('leave amounts out if the currency of a changed account is not known', () => {
    const [changed] = rowOf(new Map()).matching(
      { accounts: null, types: new Set(['holdfast.account.changed']), details: false },
      null,
    );
    expect(JSON.parse(changed?.json() ?? '').data).toEqual({
      accountId: 'ada',
      changeId: 'c',
      status: 'SUSPENDED',
      settingsVersion: 2,
      acceptedAt: '2026-01-31T12:00:00.000Z',
    });
  });

  it('for two accounts in one filter are each found once, in order', () => {
    const found = row.matching(
      { accounts: new Set(['bob', 'ada']), types: new Set(['holdfast.transfer.posted']), details: false },
      null,
    );
    const indexes = found.map(({ index }) => index);
    expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
    expect(indexes.length).toBeGreaterThan(4);
  });

  it('contain no state of accounts that a restricted listener may not use; groups with such accounts are left out', async () => {
    const all = { accounts: null, types: null, details: false };
    const accounts = new Set(row.events.flatMap((event) => event.accounts));
    for (const own of accounts) {
      const filter = { ...all, prefixes: [own] };
      const isOwn = (account: string) => account.startsWith(own);
      const found = row.matching(filter, null);
      const wanted = row.events.filter((event) =>
        event.entry.kind === 'group' ? event.accounts.every(isOwn) : event.accounts.some(isOwn),
      );
      expect(found.map(({ index }) => index)).toEqual(wanted.map(({ index }) => index));
      for (const event of found) {
        const { data } = JSON.parse(event.seenWith(null, isOwn).json()) as { data: Record<string, unknown> };
        if (!('sourceAccount' in data) || !('destinationAccount' in data)) continue;
        const [source, destination] = [isOwn(String(data['sourceAccount'])), isOwn(String(data['destinationAccount']))];
        if (!source)
          for (const name of ['sourceBalance', 'sourceVersion', 'heldAfter']) expect(data).not.toHaveProperty(name);
        if (!destination)
          for (const name of ['destinationBalance', 'destinationVersion']) expect(data).not.toHaveProperty(name);
        if (!source || !destination) for (const name of ['value', 'remaining']) expect(data).not.toHaveProperty(name);
      }
    }
    expect(row.matching({ ...all, prefixes: ['nobody'] }, null)).toEqual([]);
  });
});
