import { beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../domain/problem.ts';
import { accountOf, codeOf, summaryOf } from '../../domain/testing/orders.ts';
import type { AccountView } from '../../domain/types.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { commandLost, failing, Gate, replyLost } from '../../journal/testing/faulty-cache.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

let stage: ModelLedger;
beforeEach(async () => {
  stage = await ModelLedger.open();
  await stage.apply(stage.order());
});
const read = (...ids: string[]) => stage.clock.until(stage.ledger.read(ids));
const shortly = (found: AccountView | Problem) =>
  found instanceof Problem ? found.code : `${found.balance} from ${found.source}${found.stale ? ', stale' : ''}`;
const away = new Problem('database_unavailable', 'away');

describe('Reading accounts', () => {
  it('returns the accounts in order, from the cache; missing accounts are loaded', async () => {
    expect((await read('a', 'nobody', 'b', 'a')).map(shortly)).toEqual([
      '100 from cache',
      'account_not_found',
      '0 from cache',
      '100 from cache',
    ]);
    expect(await stage.balance('b')).toBe(0);
    expect(stage.events.counts).toMatchObject({ hit: 2 });
  });

  it('returns the complete account, and the time of the read', async () => {
    await stage.clock.pass(7);
    const { currency, external } = accountOf('a');
    expect(await read('a')).toEqual([
      {
        accountId: 'a',
        currency,
        external,
        balance: 100,
        held: 0,
        version: 1,
        overdraftLimit: 0,
        status: 'ACTIVE',
        settingsVersion: 1,
        limits: null,
        source: 'cache',
        asOf: stage.clock.now(),
        stale: false,
      },
    ]);
  });

  it('shares one call among all requests of an event-loop turn, and gives each its own result', async () => {
    const before = stage.cache.calls('read');
    const asked = [['a'], ['world', 'a'], [], ['nobody']].map((ids) => stage.ledger.read(ids));
    const found = await stage.clock.until(Promise.all(asked));
    expect(found.map((some) => some.map(shortly))).toEqual([
      ['100 from cache'],
      ['-100 from cache', '100 from cache'],
      [],
      ['account_not_found'],
    ]);
    expect(stage.cache.calls('read')).toBe(before + 1);
  });

  it('splits requests that are too large for one call', async () => {
    const before = stage.cache.calls('read');
    const asked = Array.from({ length: 5 }, () => stage.ledger.read(Array.from({ length: 900 }, () => 'a')));
    const found = await stage.clock.until(Promise.all(asked));
    expect(found.flat().every((one) => shortly(one) === '100 from cache')).toBe(true);
    expect(stage.cache.calls('read')).toBe(before + 2);
  });

  it('keeps at most four calls in flight, and continues when one returns', async () => {
    const gate = new Gate();
    stage.cache.always('read', gate.reply);
    const before = stage.cache.calls('read');
    const asked = [];
    for (let call = 0; call < 6; call++) {
      asked.push(stage.ledger.read(['a']));
      await stage.clock.settle();
    }
    expect(stage.cache.calls('read')).toBe(before + 4);
    gate.open();
    const found = await stage.clock.until(Promise.all(asked));
    expect(found.flat().map(shortly)).toEqual(asked.map(() => '100 from cache'));
  });

  it('rejects immediately if too many are waiting', async () => {
    const gate = new Gate();
    stage.cache.always('read', gate.reply);
    const many = Array.from({ length: 60_000 }, () => 'a');
    const first = stage.ledger.read(many);
    expect((await read('a', ...many.slice(0, 40_000))).slice(0, 1).map(shortly)).toEqual(['overloaded']);
    gate.open();
    expect((await stage.clock.until(first)).slice(0, 1).map(shortly)).toEqual(['100 from cache']);
  });

  it('reads from MySQL, marked stale, while the session is closed', async () => {
    stage.session.close();
    expect((await read('a', 'nobody')).map(shortly)).toEqual(['0 from database, stale', 'account_not_found']);
  });

  it('reads from MySQL, marked stale, if the cache does not answer, and notifies the session', async () => {
    stage.cache.next('read', commandLost);
    expect((await read('a')).map(shortly)).toEqual(['0 from database, stale']);
    expect(stage.session.suspicions).toMatchObject([{ kind: 'in_doubt' }]);
  });

  it('discards data of an epoch that ended while an account was loaded', async () => {
    stage.database.whileLoading = async () => stage.session.close();
    expect((await read('a', 'b')).map(shortly)).toEqual(['0 from database, stale', '0 from database, stale']);
  });

  it('returns database_unavailable if neither store can be read', async () => {
    stage.session.close();
    stage.database.broken = away;
    expect((await read('a')).map(shortly)).toEqual(['database_unavailable']);
    stage.database.broken = new Error('odd');
    expect((await read('a')).map(shortly)).toEqual(['internal_error']);
  });

  it('records in the view of the session the seq that an answer depends on', async () => {
    const view = await stage.sit();
    await stage.model.publish(stage.keeper, 1, 0);
    await read('a');
    expect([view.observed, view.cursor]).toEqual([1, 1]);
  });
});

describe('Loading accounts into the cache', () => {
  it('reads an account once, no matter how many requests wait for it', async () => {
    const gate = new Gate();
    stage.database.whileLoading = () => gate.command(async () => {});
    const asked = Array.from({ length: 10 }, () => stage.ledger.apply([stage.order({ destination: 'c' })], 'cache'));
    await gate.reached;
    await stage.clock.settle();
    const reads = stage.database.reads.accounts;
    gate.open();
    expect((await stage.clock.until(Promise.all(asked))).flat().map(summaryOf)).toEqual(asked.map(() => 'POSTED'));
    expect(stage.database.reads.accounts).toBe(reads);
  });

  it('reads again if the snapshot was stale or from another epoch', async () => {
    stage.cache.next('install', failing(new CacheError('stale', 'snapshot')));
    stage.database.stamp = { epoch: 0, cursor: 99 };
    const waiting = stage.ledger.apply([stage.order({ destination: 'c' })], 'cache');
    await stage.clock.settle();
    expect(stage.cache.calls('install')).toBe(1);
    stage.database.stamp = { epoch: 1, cursor: 0 };
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
    expect(stage.cache.calls('install')).toBe(3);
    expect(stage.session.suspicions).toEqual([]);
  });

  it('installs again after a lost reply: an account in the cache is left unchanged', async () => {
    stage.cache.next('install', replyLost);
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['POSTED']);
    expect(await stage.balance('c')).toBe(100);
    expect(stage.session.suspicions).toMatchObject([{ kind: 'in_doubt' }]);
  });

  it('gives up with overloaded if every snapshot is stale', async () => {
    stage.cache.always('install', failing(new CacheError('stale', 'snapshot')));
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['overloaded']);
    expect(stage.cache.calls('install')).toBeLessThan(20);
  });

  it('returns database_unavailable if MySQL is unavailable, and internal_error for a bug', async () => {
    stage.database.broken = away;
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['database_unavailable']);
    stage.database.broken = new Error('odd');
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['internal_error']);
    stage.database.broken = null;
    stage.cache.next('install', failing(new TypeError('odd')));
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['internal_error']);
  });

  it('lets transfers wait for space while everything in the cache is dirty, and answers reads from MySQL', async () => {
    stage = await ModelLedger.open({ cachedAccountsMax: 2 });
    await stage.apply(stage.order());
    expect((await read('c')).map(shortly)).toEqual(['0 from database']);
    const waiting = stage.ledger.apply([stage.order({ destination: 'c' })], 'cache');
    await stage.clock.pass(1_000);
    expect(stage.ledger.open).toBe(1);
    // After the flush, the accounts may be evicted.
    await stage.model.publish(stage.keeper, 1, 0);
    stage.database.stamp.cursor = 1;
    expect((await stage.clock.until(waiting)).map(summaryOf)).toEqual(['POSTED']);
  });

  it('rejects a transfer if no space becomes available', async () => {
    stage = await ModelLedger.open({ cachedAccountsMax: 2 });
    await stage.apply(stage.order());
    expect((await stage.apply(stage.order({ destination: 'c' }))).map(summaryOf)).toEqual(['overloaded']);
    expect(stage.ledger.open).toBe(0);
  });

  it('reads accounts that are in the cache while MySQL does not respond', async () => {
    await stage.apply(stage.order());
    const [a] = (await read('a')).map(shortly);
    const gate = new Gate();
    stage.database.whileLoading = () => gate.command(async () => {});
    // Starts more loads than may run at once, each in its own event-loop turn.
    const stuck = [];
    for (let n = 0; n < 20; n++) {
      stuck.push(stage.ledger.read([`unknown-${n}`, 'a']));
      await stage.clock.pass(10);
    }
    expect((await read('a')).map(shortly)).toEqual([a]);
    gate.open();
    for (const answer of stuck) {
      expect((await stage.clock.until(answer)).map(shortly)).toEqual(['account_not_found', a]);
    }
  });

  it('reads many accounts one batch at a time', async () => {
    const ids = Array.from({ length: 1_200 }, (_, index) => `many-${index}`);
    for (const id of ids) stage.database.accounts.set(id, accountOf(id));
    const before = stage.database.reads.accounts;
    expect((await read(...ids)).map(shortly)).toEqual(ids.map(() => '0 from cache'));
    expect(stage.database.reads.accounts - before).toBe(3);
  });

  it('rejects if too many accounts are waiting', async () => {
    const gate = new Gate();
    stage.database.whileLoading = () => gate.command(async () => {});
    const first = stage.ledger.read(Array.from({ length: 50_000 }, (_, index) => `unknown-${index}`));
    await gate.reached;
    expect((await read('one-more')).map(shortly)).toEqual(['overloaded']);
    gate.open();
    const found = await stage.clock.until(first);
    expect(new Set(found.map(shortly))).toEqual(new Set(['account_not_found']));
  });
});

describe('The outcome of an id', () => {
  it('results in transfer_not_found if neither store has it', async () => {
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('transfer_not_found');
  });

  it('is added to the tail of the pod that returns it', async () => {
    const one = stage.order();
    await stage.apply(one);
    const view = await stage.sit();
    await stage.clock.until(stage.ledger.outcome(one.transactionId));
    expect(view.tail.snapshot().some(({ payload }) => payload.includes(one.transactionId))).toBe(true);
    expect(view.observed).toBe(2);
  });

  it('is read again if the cache fails, and then from MySQL, which cannot prove that there is no outcome', async () => {
    const one = stage.order();
    await stage.apply(one);
    stage.cache.next('find', commandLost, commandLost);
    expect(await stage.clock.until(stage.ledger.outcome(one.transactionId))).toMatchObject({ status: 'POSTED' });
    stage.cache.always('find', commandLost);
    expect(await codeOf(stage.clock.until(stage.ledger.outcome(one.transactionId)))).toBe('ledger_switching');
    stage.cache.always('find', failing(new TypeError('odd')));
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('ledger_switching');
  });

  it('is not reported as absent while MySQL is in another epoch', async () => {
    stage.database.stamp = { epoch: 2, cursor: 0 };
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('ledger_switching');
  });

  it('results in database_unavailable if it is not in the cache and MySQL is unavailable', async () => {
    stage.database.broken = away;
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('database_unavailable');
    stage.database.broken = new Error('odd');
    expect(await codeOf(stage.clock.until(stage.ledger.outcome('nothing')))).toBe('internal_error');
  });

  it('results in transfer_not_found for the id of an account change, which is not a transaction id', async () => {
    const changeId = stage.order().transactionId;
    const change = {
      accountId: 'a',
      changeId,
      expectedSettingsVersion: null,
      status: 1,
      overdraftLimit: null,
      payload: '{}',
    };
    expect((await stage.model.change(stage.caller, change)).entries).toHaveLength(1);
    expect(await codeOf(stage.clock.until(stage.ledger.outcome(changeId)))).toBe('transfer_not_found');
  });

  it('must be looked up for some transfers, which fail while MySQL is unavailable or too many wait', async () => {
    stage.database.broken = away;
    expect((await stage.apply(stage.order({ transactionId: 'mine' }))).map(summaryOf)).toEqual([
      'database_unavailable',
    ]);
    expect((await stage.apply(stage.order())).map(summaryOf)).toEqual(['POSTED']);
  });

  it('is reported as a Problem while it is committed but temporarily unreadable, and is found later', async () => {
    const one = stage.order();
    await stage.apply(one);
    await stage.model.publish(stage.keeper, 2, 2);
    stage.database.broken = away;
    expect((await stage.apply(one)).map(summaryOf)).toEqual(['database_unavailable']);
  });
});
