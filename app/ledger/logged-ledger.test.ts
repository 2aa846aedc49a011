import { describe, expect, it } from 'vitest';
import { Problem } from '../domain/problem.ts';
import { accountOf, orderOf } from '../domain/testing/orders.ts';
import type { AccountView, Outcome, Posted, Rejected } from '../domain/types.ts';
import { LoggedLedger } from './logged-ledger.ts';
import type { Ledger } from './ports/ledger.ts';

const common = { order: orderOf(), acceptedAt: 1, takenAt: 1, epoch: 1, seq: 1, replayed: false, persisted: false };
const side = { balance: 1, version: 1, settingsVersion: 1 };
const posted: Posted = { ...common, status: 'POSTED', source: side, destination: side };
const rejected: Rejected = { ...common, status: 'REJECTED', refusal: 'insufficient_funds' };
const account: AccountView = { ...accountOf('a'), source: 'cache', asOf: 1, stale: false };

function logged(answers: (Outcome | Problem)[]) {
  const log: unknown[] = [];
  const counted: string[] = [];
  const asked: unknown[] = [];
  const behind: Ledger = {
    apply: async (orders, durability) => {
      asked.push([orders, durability]);
      return answers;
    },
    outcome: async (id) => {
      asked.push(id);
      return posted;
    },
    read: async (ids) => {
      asked.push(ids);
      return [account];
    },
    changeAccount: async (change) => {
      asked.push(change);
      return account;
    },
  };
  const ledger = new LoggedLedger(
    behind,
    { transferLogged: (order, answer) => log.push([order, answer]) },
    { transferAnswered: (answer) => counted.push(answer) },
  );
  return { ledger, log, counted, asked };
}

describe('a logged ledger', () => {
  it('logs and counts every transfer with its answer, and passes the answers on', async () => {
    const answers = [
      posted,
      { ...posted, replayed: true },
      rejected,
      { ...rejected, replayed: true },
      new Problem('backlog_full', 'full'),
    ];
    const orders = answers.map(() => orderOf());
    const { ledger, log, counted, asked } = logged(answers);
    expect(await ledger.apply(orders, 'persisted')).toBe(answers);
    expect(asked).toEqual([[orders, 'persisted']]);
    expect(log).toEqual(orders.map((order, index) => [order, answers[index]]));
    expect(counted).toEqual(['posted', 'replayed', 'insufficient_funds', 'replayed', 'backlog_full']);
  });

  it('logs nothing for an order without an answer', async () => {
    const { ledger, log, counted } = logged([posted]);
    await ledger.apply([orderOf(), orderOf()], 'cache');
    expect([log.length, counted.length]).toEqual([1, 1]);
  });

  it('passes on everything else', async () => {
    const { ledger, asked } = logged([]);
    const change = { changeId: 'c', accountId: 'a', user: 'u', correlationId: 'x' };
    expect(await ledger.outcome('t')).toBe(posted);
    expect(await ledger.read(['a', 'b'])).toEqual([account]);
    expect(await ledger.changeAccount(change)).toBe(account);
    expect(asked).toEqual(['t', ['a', 'b'], change]);
  });
});
