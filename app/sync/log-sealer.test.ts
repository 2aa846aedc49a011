import { expect, it } from 'vitest';
import { LogSealer, type LogStore } from './log-sealer.ts';

/** A log in which the entries of some transactions are waiting to be sealed. */
class Waiting implements LogStore {
  readonly calls: string[] = [];
  transactions: number;
  oldestWaitingMs: number | null;
  states = 0;
  mayLackStates = true;

  constructor(transactions: number, oldestWaitingMs: number | null) {
    this.transactions = transactions;
    this.oldestWaitingMs = oldestWaitingMs;
  }

  async state() {
    return { position: 7, oldestWaitingMs: this.oldestWaitingMs, mayLackStates: this.mayLackStates };
  }
  async sealNext(): Promise<boolean> {
    this.calls.push('seal');
    if (this.transactions === 0) return false;
    this.transactions -= 1;
    return true;
  }
  async addStates(): Promise<number> {
    this.calls.push('states');
    return this.states;
  }
}

async function round(store: LogStore) {
  const events: unknown[] = [];
  const sealer = new LogSealer(store, {
    state: (now) => events.push(now),
    statesAdded: (accounts) => events.push(accounts),
  });
  await sealer.round();
  return events;
}

it('A round seals the waiting entries, transaction by transaction, and reports the state before that', async () => {
  const store = new Waiting(3, 900);
  expect(await round(store)).toEqual([{ position: 7, oldestWaitingMs: 900, mayLackStates: true }]);
  expect(store.calls).toEqual(['seal', 'seal', 'seal', 'seal', 'states']);
});

it('A round leaves recently committed entries for the next flush', async () => {
  const fresh = new Waiting(1, 150);
  await round(fresh);
  expect(fresh.calls).toEqual(['states']);
  const none = new Waiting(0, null);
  await round(none);
  expect(none.calls).toEqual(['states']);
});

it('A round seals in a limited number of transactions, so that states of accounts are added, too', async () => {
  const store = new Waiting(1_000_000, 60_000);
  store.states = 500;
  expect(await round(store)).toEqual([{ position: 7, oldestWaitingMs: 60_000, mayLackStates: true }, 500]);
  expect(store.calls).toHaveLength(101);
});

it('A round reads nothing but the state if nothing waits and all accounts are in the log', async () => {
  const store = new Waiting(0, null);
  store.mayLackStates = false;
  await round(store);
  expect(store.calls).toEqual([]);
});
