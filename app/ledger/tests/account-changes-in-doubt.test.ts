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
/** The flush has written the transfer and the change to MySQL. */
async function flushed(): Promise<void> {
  await stage.clock.pass(1_000);
  await stage.model.publish(stage.keeper, 2, 0);
}
const unable = failing(new CacheError('unable', 'OOM'));
const refused = failing(new CacheError('refused', 'fenced'));

describe('An account change whose reply is lost', () => {
  it('is found by its id once it is committed, and takes effect once', async () => {
    stage.cache.next('change', replyLost);
    const changed = start({ expectedSettingsVersion: 1 });
    await flushed();
    expect(await stage.clock.until(changed)).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
    expect(await settingsVersion()).toBe(2);
    expect(new Set(stage.cache.changes).size).toBe(1);
    expect(stage.session.view()?.inDoubt.none).toBe(true);
  });

  it('is not answered until it is in MySQL, because no pod has its entry', async () => {
    stage.cache.next('change', replyLost);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(await settingsVersion()).toBe(2);
    expect(stage.session.view()?.inDoubt.snapshot()).toMatchObject([{ kind: 'account-change', accounts: ['a'] }]);
  });

  it('is retried three times at most, then returns 504', async () => {
    stage.cache.always('change', commandLost);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(stage.cache.changes).toHaveLength(4);
    expect(stage.events.counts.retried).toBe(3);
  });

  it('returns 504 if a later attempt is refused by the rules: the first may have run, or may still run', async () => {
    stage.cache.next('change', commandLost);
    expect(await codeOf(change({ expectedSettingsVersion: 7 }))).toBe('outcome_unknown');
  });

  it('returns 504 if its id is no longer later than the lookup horizon', async () => {
    stage.cache.next('change', async () => {
      // Only buckets whose time range has passed, by the ledger's time, are forgotten.
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

describe('An account change that wrote nothing', () => {
  it('is carried out when the cache accepts changes again', async () => {
    stage.cache.next('change', unable, refused, refused, refused, refused, refused);
    expect(await change()).toMatchObject({ settingsVersion: 2 });
  });

  it('returns 503 if the cache cannot accept it', async () => {
    stage.cache.always('change', unable);
    expect(await codeOf(change())).toBe('overloaded');
    expect(stage.cache.changes).toHaveLength(4);
  });

  it('waits while the session is closed, and continues when it opens', async () => {
    const view = stage.session.view();
    stage.session.close();
    const waiting = start();
    await stage.clock.pass(3_000);
    expect(stage.cache.changes).toEqual([]);
    if (view) stage.session.open(view);
    expect(await stage.clock.until(waiting)).toMatchObject({ settingsVersion: 2 });
  });

  it('returns 503 with the reason if the session stays closed', async () => {
    stage.session.close();
    expect(await codeOf(change())).toBe('ledger_switching');
  });

  it('returns 503 if its account cannot be loaded', async () => {
    stage.database.broken = new Problem('database_unavailable', 'away');
    expect(await codeOf(change({ accountId: 'b' }))).toBe('database_unavailable');
  });
});

describe('An account change that was carried out but cannot be read back', () => {
  it('is never reported as failed: 504, not 503', async () => {
    stage.cache.always('read', unable);
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(await settingsVersion()).toBe(2);
  });

  it('also returns 504 if the cache refuses everything from then on', async () => {
    stage.cache.next('change', async (run) => {
      const reply = await run();
      stage.cache.always('change', refused);
      return reply;
    });
    stage.cache.always('read', refused);
    expect(await codeOf(change())).toBe('outcome_unknown');
  });

  it('also returns 504 if its account was evicted and MySQL is unavailable', async () => {
    stage.database.broken = new Problem('database_unavailable', 'away');
    stage.cache.always('read', async (run) => ({ ...(await run()), accounts: [null] }));
    expect(await codeOf(change())).toBe('outcome_unknown');
  });

  it('causes its account to be loaded if the account was evicted in the meantime', async () => {
    stage.cache.always('read', async (run) => ({ ...(await run()), accounts: [null] }));
    expect(await change()).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
  });
});

describe('A reply of an ended epoch', () => {
  it('is ignored for a change, which returns 504 if the epoch is not recovered in time', async () => {
    const gate = new Gate();
    stage.cache.next('change', gate.reply);
    const waiting = start();
    await gate.reached;
    stage.session.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });

  it('is ignored if it is a refusal', async () => {
    const gate = new Gate();
    stage.cache.next('change', gate.reply);
    const waiting = start({ expectedSettingsVersion: 7 });
    await gate.reached;
    stage.session.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });

  it('is ignored for the read of the account after a change', async () => {
    const gate = new Gate();
    stage.cache.next('read', gate.reply);
    const waiting = start();
    await gate.reached;
    stage.session.close();
    gate.open();
    expect(await codeOf(stage.clock.until(waiting))).toBe('outcome_unknown');
  });
});
