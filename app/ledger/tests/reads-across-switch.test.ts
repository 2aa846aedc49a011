import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { codeOf, summaryOf } from '../../domain/testing/orders.ts';
import type { AccountView } from '../../domain/types.ts';
import { commandLost, Gate } from '../../journal/testing/faulty-cache.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
  await bench.apply(bench.order());
});
const shortly = (found: AccountView | Problem | undefined) =>
  !found || found instanceof Problem
    ? found?.code
    : `${found.balance} from ${found.source}${found.stale ? ', stale' : ''}`;
const read = async (...ids: string[]) => (await bench.clock.until(bench.ledger.read(ids))).map(shortly);
const outcome = (id: string) => bench.clock.until(bench.ledger.outcome(id));

describe('A balance', () => {
  it('comes from the store with the authority, and is marked stale while neither store has the authority', async () => {
    expect(await read('a', 'nobody')).toEqual(['100 from cache', 'account_not_found']);
    bench.close();
    // The transfer is not flushed yet, so MySQL is behind, and the balance is marked stale.
    expect(await read('a', 'nobody')).toEqual(['0 from database, stale', 'account_not_found']);
    await bench.settle();
    bench.toDirect();
    expect(await read('a')).toEqual(['100 from database']);
    await bench.apply(bench.order());
    expect(await read('a')).toEqual(['200 from database']);
    bench.rebuild();
    expect(await read('a')).toEqual(['200 from database, stale']);
    await bench.toCache();
    expect(await read('a')).toEqual(['200 from cache']);
  });

  it('is stale only for accounts that wait for the journal', async () => {
    bench.close();
    bench.database.frozen.add('a');
    bench.toDirect(false);
    expect(await read('a', 'b')).toEqual(['0 from database, stale', '0 from database']);
  });

  it('is stale if MySQL no longer decides, but the pod has not noticed that yet', async () => {
    bench.close();
    await bench.settle();
    bench.toDirect();
    // The pod has not noticed, so only the snapshot shows it.
    bench.database.authority = { epoch: 4, mode: 'REBUILDING', recovered: true };
    expect(await read('a')).toEqual(['100 from database, stale']);
  });

  it('is stale if only this pod has lost Redis, because other pods continue to write there', async () => {
    bench.session.close();
    expect(await read('a')).toEqual(['0 from database, stale']);
  });

  it('that Redis returned after its epoch had ended is read again', async () => {
    const gate = new Gate();
    bench.cache.next('read', gate.reply);
    const reading = bench.ledger.read(['a']);
    await gate.reached;
    bench.close();
    await bench.settle();
    bench.toDirect();
    await bench.apply(bench.order());
    gate.open();
    expect((await bench.clock.until(reading)).map(shortly)).toEqual(['200 from database']);
  });

  it('that was being loaded into Redis when its epoch ended is read from MySQL', async () => {
    const gate = new Gate();
    bench.cache.next('install', gate.command);
    const reading = bench.ledger.read(['a', 'c']);
    await gate.reached;
    bench.close();
    await bench.settle();
    bench.toDirect();
    gate.open();
    expect((await bench.clock.until(reading)).map(shortly)).toEqual(['100 from database', '0 from database']);
  });

  it('is replaced by a Problem while MySQL decides but is unavailable', async () => {
    bench.close();
    bench.toDirect();
    bench.database.broken = new Problem('database_unavailable', 'away');
    expect(await read('a')).toEqual(['database_unavailable']);
  });
});

describe('The outcome of an unknown id', () => {
  const nowhere = () => codeOf(outcome('nothing'));

  it("returns 404 if neither MySQL nor the Redis of the authority's epoch has it", async () => {
    expect(await nowhere()).toBe('transfer_not_found');
  });

  it('cannot be determined while this pod is not registered in the epoch, or MySQL is in another one', async () => {
    bench.session.close();
    expect(await nowhere()).toBe('ledger_switching');
    await bench.toCache();
    bench.database.authority = { epoch: 9, mode: 'CACHE', recovered: true };
    expect(await nowhere()).toBe('ledger_switching');
  });

  it('cannot be determined once the epoch is closing, even if this pod has not noticed that yet', async () => {
    bench.database.authority = { epoch: 2, mode: 'CLOSING', recovered: false };
    expect(await nowhere()).toBe('ledger_switching');
  });

  it('cannot be determined while the ledger is closed, and the problem gives that reason', async () => {
    bench.close();
    expect(await nowhere()).toBe('ledger_switching');
    bench.session.reason = 'ledger_closed';
    expect(await nowhere()).toBe('ledger_closed');
  });

  it('returns 404 if MySQL has everything, in modes DIRECT and REBUILDING', async () => {
    bench.close();
    bench.toDirect();
    expect(await nowhere()).toBe('transfer_not_found');
    bench.rebuild();
    expect(await nowhere()).toBe('transfer_not_found');
  });

  it('cannot be determined while anything waits for a journal', async () => {
    bench.close();
    bench.toDirect(false);
    expect(await nowhere()).toBe('ledger_switching');
  });

  it('returns account_unsettled if it is known to be in the journal', async () => {
    bench.close();
    bench.database.unsettled.add('nothing');
    bench.toDirect(false);
    expect(await nowhere()).toBe('account_unsettled');
  });

  it('returns 404 even after Redis has failed, if MySQL has the authority by then', async () => {
    bench.cache.next('find', async (run) => {
      bench.close();
      await bench.settle();
      bench.toDirect();
      return commandLost(run);
    });
    expect(await nowhere()).toBe('transfer_not_found');
  });
});

describe('The outcome of an id', () => {
  it('is returned in every mode if it is in MySQL', async () => {
    const one = bench.order({ amount: 7 });
    await bench.apply(one);
    const isPersisted = async () => (await outcome(one.transactionId)).persisted;
    expect(await isPersisted()).toBe(false);
    bench.close();
    expect(await codeOf(outcome(one.transactionId))).toBe('ledger_switching');
    await bench.settle();
    expect(await isPersisted()).toBe(true);
    bench.toDirect();
    expect(await isPersisted()).toBe(true);
    bench.rebuild();
    expect(await isPersisted()).toBe(true);
    await bench.toCache();
    expect(await isPersisted()).toBe(true);
  });

  it('is the committed outcome, even while something else waits for a journal', async () => {
    const one = bench.order();
    await bench.apply(one);
    bench.close();
    await bench.settle();
    bench.toDirect(false);
    expect(await outcome(one.transactionId)).toMatchObject({ status: 'POSTED', persisted: true });
  });
});

describe('A transfer with durability persisted', () => {
  async function waiting() {
    const one = bench.order();
    const state = { answered: false, answers: bench.ledger.apply([one], 'persisted'), one };
    void state.answers.finally(() => {
      state.answered = true;
    });
    await bench.clock.pass(50);
    bench.close();
    await bench.clock.pass(500);
    return state;
  }

  it('is answered as soon as MySQL has it, even before the ledger opens again', async () => {
    const state = await waiting();
    expect(state.answered).toBe(false);
    await bench.settle();
    const [answer] = await bench.clock.until(state.answers);
    expect(answer).toMatchObject({ status: 'POSTED', epoch: 1, persisted: true, replayed: false });
    expect(bench.clock.monotonic()).toBeLessThan(800);
  });

  it('is answered when MySQL decides', async () => {
    const state = await waiting();
    await bench.settle();
    bench.toDirect();
    expect((await bench.clock.until(state.answers)).map(summaryOf)).toEqual(['POSTED']);
  });

  it('that waits for the journal keeps waiting, and returns 504 at its deadline', async () => {
    const { answers, one } = await waiting();
    bench.database.unsettled.add(one.transactionId);
    bench.toDirect(false);
    const [answer] = await bench.clock.until(answers);
    expect(answer).toMatchObject({ code: 'outcome_unknown', extras: { transactionId: one.transactionId } });
  });

  it('is not looked up in MySQL too often while it waits', async () => {
    const { answers } = await waiting();
    const before = bench.database.reads.outcomes;
    await bench.clock.pass(1_000);
    expect(bench.database.reads.outcomes - before).toBeLessThanOrEqual(10);
    await bench.settle();
    await bench.clock.until(answers);
  });
});
