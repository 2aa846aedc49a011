import { beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { codeOf } from '../../domain/testing/orders.ts';
import type { AccountChange } from '../../domain/types.ts';
import { commandLost, failing, Gate, replyLost } from '../../journal/testing/faulty-cache.ts';
import { DirectError } from '../ports/direct-server.ts';
import { SwitchBench } from '../testing/switch-bench.ts';

let bench: SwitchBench;
beforeEach(async () => {
  bench = await SwitchBench.open();
  await bench.apply(bench.order());
});

function start(different: Partial<AccountChange> = {}) {
  return bench.ledger.changeAccount({
    changeId: newUuidV7(bench.clock.now()),
    accountId: 'a',
    overdraftLimit: 5,
    user: 'operator',
    correlationId: 'change',
    ...different,
  });
}
const change = (different: Partial<AccountChange> = {}) => bench.clock.until(start(different));
const stored = () => {
  const { overdraftLimit, settingsVersion } = bench.database.accounts.get('a') ?? {};
  return { overdraftLimit, settingsVersion };
};
async function toDirect(): Promise<number> {
  bench.close();
  await bench.settle();
  return bench.toDirect();
}
const unable = failing(new DirectError('unable', 'away'));

describe('While MySQL has the authority, an account change', () => {
  it('is made there, effective immediately', async () => {
    await toDirect();
    expect(await change()).toMatchObject({
      balance: 100,
      overdraftLimit: 5,
      settingsVersion: 2,
      source: 'database',
      stale: false,
    });
    expect(await change({ status: 'SUSPENDED' })).toMatchObject({ status: 'SUSPENDED', settingsVersion: 3 });
  });

  it('is refused by the same rules', async () => {
    await toDirect();
    expect(await codeOf(change({ expectedSettingsVersion: 7 }))).toBe('settings_version_mismatch');
    expect(await codeOf(change({ status: 'CLOSED' }))).toBe('account_not_empty');
    expect(await codeOf(change({ accountId: 'nobody' }))).toBe('account_not_found');
    expect(stored()).toEqual({ overdraftLimit: 0, settingsVersion: 1 });
  });

  it('of an account that waits for the journal returns 503', async () => {
    bench.database.frozen.add('a');
    await toDirect();
    expect(await codeOf(change())).toBe('account_unsettled');
  });

  it('waits until the pod may work again if the authority turns out to be elsewhere', async () => {
    const epoch = await toDirect();
    bench.direct.next(failing(new DirectError('moved', 'it is REBUILDING')));
    const changing = start();
    await bench.clock.pass(2_000);
    expect([bench.session.movedFrom, bench.direct.calls.length]).toEqual([[epoch], 1]);
    bench.toDirect();
    expect(await bench.clock.until(changing)).toMatchObject({ settingsVersion: 2 });
  });

  it('is retried while MySQL is unavailable, and returns 503 at its deadline', async () => {
    await toDirect();
    bench.direct.always(unable);
    bench.session.reason = 'database_unavailable';
    const started = bench.clock.monotonic();
    expect(await codeOf(change())).toBe('database_unavailable');
    expect(bench.clock.monotonic() - started).toBeGreaterThan(9_000);
  });

  it('whose commit was not answered is repeated, and takes effect once', async () => {
    await toDirect();
    bench.direct.next(async (run) => {
      await run();
      throw new DirectError('in_doubt', 'the connection was lost');
    });
    expect(await change({ expectedSettingsVersion: 1 })).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
    expect(stored()).toEqual({ overdraftLimit: 5, settingsVersion: 2 });
    expect(new Set(bench.direct.calls.flat()).size).toBe(1);
  });

  it('whose commit was not answered returns 504 if MySQL stays unavailable', async () => {
    await toDirect();
    bench.direct.next(failing(new DirectError('in_doubt', 'the connection was lost')));
    bench.direct.always(unable);
    expect(await codeOf(change())).toBe('outcome_unknown');
  });

  it('that fails because of a bug is not retried forever', async () => {
    await toDirect();
    bench.direct.always(failing(new TypeError('odd')));
    expect(await codeOf(change())).toBe('outcome_unknown');
    expect(bench.direct.calls).toHaveLength(4);
  });
});

describe('Across a switch-over, an account change', () => {
  it('that was held is carried out in MySQL', async () => {
    bench.close();
    const changing = start();
    await bench.clock.pass(3_000);
    await bench.settle();
    bench.toDirect();
    expect(await bench.clock.until(changing)).toMatchObject({ settingsVersion: 2, source: 'database' });
    expect(bench.cache.changes).toEqual([]);
  });

  it('that was in doubt and had been carried out is not repeated', async () => {
    bench.cache.next('change', replyLost);
    bench.cache.always('change', commandLost);
    const changing = start({ expectedSettingsVersion: 1 });
    await bench.clock.pass(10);
    await toDirect();
    expect(await bench.clock.until(changing)).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
    expect(stored()).toEqual({ overdraftLimit: 5, settingsVersion: 2 });
  });

  it('that was in doubt and had not been carried out is now carried out under its own id', async () => {
    bench.cache.always('change', commandLost);
    const changing = start({ expectedSettingsVersion: 1 });
    await bench.clock.pass(10);
    await toDirect();
    expect(await bench.clock.until(changing)).toMatchObject({ settingsVersion: 2 });
    expect(new Set([...bench.cache.changes, ...bench.direct.calls.flat()]).size).toBe(1);
  });

  it('that was in doubt and is later refused returns 504: the earlier attempt may have been accepted', async () => {
    bench.cache.always('change', commandLost);
    const changing = start({ expectedSettingsVersion: 7 });
    await bench.clock.pass(10);
    await toDirect();
    expect(await codeOf(bench.clock.until(changing))).toBe('outcome_unknown');
  });

  it('that was in doubt returns 504 if its account waits for the journal', async () => {
    bench.cache.always('change', commandLost);
    const changing = start();
    await bench.clock.pass(10);
    bench.close();
    bench.database.frozen.add('a');
    bench.toDirect(false);
    expect(await codeOf(bench.clock.until(changing))).toBe('outcome_unknown');
  });

  it('whose reply came after the end of its epoch is found to be committed', async () => {
    const gate = new Gate();
    bench.cache.next('change', gate.reply);
    const changing = start();
    await gate.reached;
    bench.close();
    await bench.settle();
    gate.open();
    await bench.clock.settle();
    bench.toDirect();
    expect(await bench.clock.until(changing)).toMatchObject({ settingsVersion: 2, source: 'database' });
  });

  it('runs in Redis again when the authority returns to Redis', async () => {
    await toDirect();
    bench.direct.next(unable);
    const changing = start();
    await bench.clock.pass(10);
    bench.rebuild();
    await bench.clock.pass(1_000);
    await bench.toCache();
    // The id of the change is no longer later than the lookup horizon, and none of its attempts is in doubt.
    expect(await bench.clock.until(changing)).toMatchObject({ settingsVersion: 2, source: 'cache' });
  });

  it('is refused immediately while the ledger is closed', async () => {
    bench.close();
    bench.session.reason = 'ledger_closed';
    const started = bench.clock.monotonic();
    expect(await codeOf(change())).toBe('ledger_closed');
    expect(bench.clock.monotonic()).toBe(started);
  });

  it('that is in doubt returns 504 if the ledger is closed', async () => {
    bench.cache.always('change', commandLost);
    const changing = start();
    await bench.clock.pass(10);
    bench.close();
    bench.session.reason = 'ledger_closed';
    expect(await codeOf(bench.clock.until(changing))).toBe('outcome_unknown');
  });
});
