import { beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { codeOf } from '../../domain/testing/orders.ts';
import type { AccountChange } from '../../domain/types.ts';
import { CacheError } from '../../journal/cache-port.ts';
import { commandLost, failing, Gate, replyLost } from '../../journal/testing/faulty-cache.ts';
import { ModelLedger } from '../testing/model-ledger.ts';

let stage: ModelLedger;
beforeEach(async () => {
  stage = await ModelLedger.open();
  await stage.apply(stage.order());
});

function start(different: Partial<AccountChange> = {}) {
  return stage.ledger.changeAccount({
    changeId: newUuidV7(stage.clock.now()),
    accountId: 'a',
    overdraftLimit: 5,
    user: 'operator',
    correlationId: 'change',
    ...different,
  });
}
const change = (different: Partial<AccountChange> = {}) => stage.clock.until(start(different));
const settingsVersion = async () => (await stage.model.read(stage.caller, ['a'])).accounts[0]?.settingsVersion;
/** The flush has brought the transfer and the change to MySQL. */
async function flushed(): Promise<void> {
  await stage.clock.pass(1_000);
  await stage.model.publish(stage.keeper, 2, 0);
}
const unable = failing(new CacheError('unable', 'OOM'));
const refused = failing(new CacheError('refused', 'fenced'));

describe('an account change whose reply is lost', () => {
  it('is found to stand by its id, and made once', async () => {
    stage.cache.next('change', replyLost);
    const changed = start({ expectedSettingsVersion: 1 });
    await flushed();
    expect(await stage.clock.until(changed)).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
    expect(await settingsVersion()).toBe(2);
    expect(new Set(stage.cache.changes).size).toBe(1);
    expect(stage.seat.view()?.doubts.none).toBe(true);
  });

  it('is not answered while it is not in MySQL: nobody holds its entry', async () => {
    stage.cache.next('change', replyLost);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(await settingsVersion()).toBe(2);
    expect(stage.seat.view()?.doubts.snapshot()).toMatchObject([{ kind: 'account-change', accounts: ['a'] }]);
  });

  it('is sent again three times at most, then 504', async () => {
    stage.cache.always('change', commandLost);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(stage.cache.changes).toHaveLength(4);
    expect(stage.events.counts.retried).toBe(3);
  });

  it('is 504 when a later attempt is refused by the rules: the first may have run, or may yet', async () => {
    stage.cache.next('change', commandLost);
    expect(await codeOf(change({ expectedSettingsVersion: 7 }))).toBe('outcome_unknown');
  });

  it('is 504 when its id is not later than M by then', async () => {
    stage.cache.next('change', async () => {
      // Only what is over by the ledger's time is forgotten.
      stage.model.now = () => stage.clock.now() + 30_000;
      await stage.model.forget(
        stage.keeper,
        Array.from({ length: 3 }, (_, n) => Math.floor(stage.clock.now() / 10_000) - 1 + n),
        false,
      );
      await stage.model.publish(stage.keeper, 1, 0);
      await stage.model.forget(
        stage.keeper,
        Array.from({ length: 3 }, (_, n) => Math.floor(stage.clock.now() / 10_000) - 1 + n),
        false,
      );
      throw new CacheError('in_doubt', 'Command timed out');
    });
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(await settingsVersion()).toBe(1);
  });
});

describe('an account change that nothing was written of', () => {
  it('is made when the cache takes it again', async () => {
    stage.cache.next('change', unable, refused, refused, refused, refused, refused);
    expect(await change()).toMatchObject({ settingsVersion: 2 });
  });

  it('is 503 when the cache cannot take it', async () => {
    stage.cache.always('change', unable);
    expect(await codeOf(change())).toBe('overloaded');
    expect(stage.cache.changes).toHaveLength(4);
  });

  it('waits while the seat is closed, and goes on when it opens', async () => {
    const view = stage.seat.view();
    stage.seat.close();
    const waiting = start();
    await stage.clock.pass(3_000);
    expect(stage.cache.changes).toEqual([]);
    if (view) stage.seat.open(view);
    expect(await stage.clock.until(waiting)).toMatchObject({ settingsVersion: 2 });
  });

  it('is 503 with why, when the seat stays closed', async () => {
    stage.seat.close();
    expect(await codeOf(change())).toBe('ledger_switching');
  });

  it('is 503 when its account cannot be loaded', async () => {
    stage.database.broken = new Problem('database_unavailable', 'away');
    expect(await codeOf(change({ accountId: 'b' }))).toBe('database_unavailable');
  });
});

describe('an account change that was made, and cannot be read back', () => {
  it('is never called undone: 504, not 503', async () => {
    stage.cache.always('read', unable);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(await settingsVersion()).toBe(2);
  });

  it('is 504 too when the cache refuses everything from then on', async () => {
    stage.cache.next('change', async (run) => {
      const reply = await run();
      stage.cache.always('change', refused);
      return reply;
    });
    stage.cache.always('read', refused);
    expect(await codeOf(change())).toBe('outcome_unknown');
  });

  it('is 504 too when its account is gone and MySQL is away', async () => {
    stage.database.broken = new Problem('database_unavailable', 'away');
    stage.cache.always('read', async (run) => ({ ...(await run()), accounts: [null] }));
    expect(await codeOf(change())).toBe('outcome_unknown');
  });

  it('is loaded when it was let go meanwhile', async () => {
    stage.cache.always('read', async (run) => ({ ...(await run()), accounts: [null] }));
    expect(await change()).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
  });
});

describe('a reply of an epoch that has ended', () => {
  it('does not count for a change: 504 when it is not settled in time', async () => {
    const gate = new Gate();
    stage.cache.next('change', gate.reply);
    const waiting = start();
    await gate.reached;
    stage.seat.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });

  it('does not count when it is a refusal', async () => {
    const gate = new Gate();
    stage.cache.next('change', gate.reply);
    const waiting = start({ expectedSettingsVersion: 7 });
    await gate.reached;
    stage.seat.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });

  it('does not count for the account read after it', async () => {
    const gate = new Gate();
    stage.cache.next('read', gate.reply);
    const waiting = start();
    await gate.reached;
    stage.seat.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });
});
