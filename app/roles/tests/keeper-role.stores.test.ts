import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CursorConflictError } from '../../journal/cursor.ts';
import { until } from '../../kernel/testing/until.ts';
import { startKeeper } from '../keeper-role.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { processOf } from '../testing/test-context.ts';

let roles: RolesUnderTest;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
});
afterAll(() => roles.stop());
afterEach(async () => {
  vi.restoreAllMocks();
  await roles.stopRoles();
});

const inMysql = async (id: string) =>
  (await roles.db.database.rows('SELECT 1 FROM transfers WHERE transaction_id = ?', [id])).length === 1;

async function gauge(keeper: Role, name: string): Promise<number> {
  const text = await keeper.context.process.metrics.text();
  return Number(new RegExp(`^holdfast_${name} (.*)$`, 'm').exec(text)?.[1]);
}

async function podInCache(): Promise<Role> {
  const api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  return api;
}

describe('A keeper', () => {
  it('moves the authority to the cache, and writes posted transfers to MySQL', async () => {
    const keeper = await roles.keeper();
    const api = await podInCache();
    await api.transfer('flushed-1');
    await until('it is in MySQL', () => inMysql('flushed-1'));
    expect(keeper.context.messages('info')).toContain('the keeper is running');
    expect(await gauge(keeper, 'flush_batch_size_count')).toBeGreaterThan(0);
    await until('nothing waits', async () => (await gauge(keeper, 'journal_entries')) === 0);
    expect(await gauge(keeper, 'journal_age_seconds')).toBe(0);
    await until('the accounts are counted', async () => (await gauge(keeper, 'accounts_cached')) === 2);
  });

  it('answers probes and metrics on its own port, and nothing else', async () => {
    const keeper = await roles.keeper();
    expect(await keeper.request('GET', '/livez')).toMatchObject({ status: 200, json: { alive: true } });
    expect(await keeper.request('GET', '/readyz')).toMatchObject({ status: 200, json: { ready: true, reasons: [] } });
    expect((await keeper.request('GET', '/metrics')).json['text']).toContain('holdfast_authority_epoch');
    expect((await keeper.request('GET', '/v1/ops/status')).status).toBe(404);
  });

  it('needs no port', async () => {
    const keeper = await roles.keeper({ ADMIN_PORT: '0' });
    expect(keeper.server.listening).toBe(false);
    await until('it works', () => keeper.context.messages('info').includes('the keeper is running'));
  });

  it('does not start if its port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await until('it listens', () => other.listening);
    const { port } = other.address() as AddressInfo;
    const context = await roles.context({ ROLE: 'keeper', ADMIN_PORT: String(port) });
    const reads = vi.spyOn(context.authority, 'read');
    await expect(startKeeper(processOf(context))).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
    expect(reads).not.toHaveBeenCalled();
    await context[Symbol.asyncDispose]();
    other.close();
  });

  it('logs that a store is unavailable, but not at every attempt, and continues when it is back', async () => {
    const keeper = await roles.keeper();
    const read = vi.spyOn(keeper.context.authority, 'read').mockRejectedValue(new Error('out of reach'));
    await until('it has tried often', () => read.mock.calls.length > 3);
    const { messagesAbout } = keeper.context;
    expect(messagesAbout('out of reach')[0]).toBe('authority step failed; retrying');
    expect(messagesAbout('out of reach').length).toBeLessThan(read.mock.calls.length);
    read.mockRejectedValue('not even an error');
    await until('the second error is logged, too', () => messagesAbout('not even an error').length > 0);
    read.mockRestore();
    const api = await podInCache();
    expect((await api.transfer('after-trouble')).status).toBe(201);
  });
});

describe('A stopping keeper', () => {
  it('first flushes the journal to its end', async () => {
    const keeper = await roles.keeper({ FLUSH_GATHER_MS: '2000' });
    const api = await podInCache();
    await api.transfer('before-stop-1');
    await until('the flush gathers', () => inMysql('before-stop-1'));
    await api.transfer('before-stop-2');
    expect(await inMysql('before-stop-2')).toBe(false);
    await keeper.stop();
    expect(await inMysql('before-stop-2')).toBe(true);
  });

  it('does not wait for pods that keep writing', async () => {
    const keeper = await roles.keeper({ FLUSH_GATHER_MS: '0', SHUTDOWN_GRACE_MS: '600000' });
    const api = await podInCache();
    let writing = true;
    let written = 0;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; writing; n++) {
        await api.transfer(`endless-${writer}-${n}`, '0.01');
        written += 1;
      }
    });
    await until('they write', () => written > 50);
    await keeper.stop();
    writing = false;
    await Promise.all(writers);
  });

  it('does not wait while the flush fails: other keepers take over', async () => {
    const keeper = await roles.keeper({ SHUTDOWN_GRACE_MS: '600000' });
    const api = await podInCache();
    vi.spyOn(keeper.context.flushStore, 'commit').mockRejectedValue(new Error('away'));
    await api.transfer('left-over');
    await until('it fails', () => keeper.context.messagesAbout('away').includes('a flush failed; retrying'));
    await keeper.stop();
    expect(await inMysql('left-over')).toBe(false);
    await roles.keeper();
    await until('another has flushed it', () => inMysql('left-over'));
  });

  it('does not wait for an unavailable Redis', async () => {
    const keeper = await roles.keeper({ SHUTDOWN_GRACE_MS: '600000' });
    await podInCache();
    keeper.context.redis.disconnect();
    await keeper.stop();
    expect(keeper.context.messages('warn')).toContain('the journal could not be flushed to its end');
  });
});

describe('Reports about the flush', () => {
  it('raise an alert if the flush keeps failing, end the alert, and ignore cursor conflicts', async () => {
    const keeper = await roles.keeper({ FLUSH_ALERT_AFTER_FAILURES: '3', FLUSH_RETRY_MAX_MS: '50' });
    const api = await podInCache();
    const { messages, messagesAbout, flushStore } = keeper.context;
    const commit = vi
      .spyOn(flushStore, 'commit')
      .mockRejectedValueOnce(new CursorConflictError('the cursor is elsewhere'));
    await api.transfer(`first-${Date.now()}`);
    await until('the cursor conflicted', () => messagesAbout('the cursor is elsewhere').length > 0);
    expect(messagesAbout('the cursor is elsewhere')).toEqual(['another keeper was faster']);
    commit.mockRejectedValue(new Error('away'));
    await api.transfer(`second-${Date.now()}`);
    await until('the alert fires', () =>
      messages('error').includes('the journal cannot be flushed to MySQL; retries continue'),
    );
    expect(await gauge(keeper, 'flush_alert')).toBe(1);
    expect(await gauge(keeper, 'journal_entries')).toBeGreaterThan(0);
    expect(await gauge(keeper, 'journal_age_seconds')).toBeGreaterThan(0);
    expect(await gauge(keeper, 'flush_failures_total')).toBeGreaterThan(2);
    commit.mockRestore();
    await until('the alert ends', () => messages('info').includes('the journal is being flushed again'));
    expect(await gauge(keeper, 'flush_alert')).toBe(0);
  });

  it('show for how long nothing has been flushed when flushing falls behind', async () => {
    const keeper = await roles.keeper({ LAG_ALERT_MS: '1000' });
    const api = await podInCache();
    vi.spyOn(keeper.context.flushStore, 'commit').mockRejectedValue(new Error('away'));
    await api.transfer(`late-${Date.now()}`);
    await until('it is logged', () => keeper.context.messages('error').includes('flushing is falling behind'));
    const line = keeper.context.lines.find(({ msg }) => msg === 'flushing is falling behind');
    expect(JSON.stringify(line)).toMatch(/nothing was flushed for \d+ ms/);
  });
});

describe('Housekeeping', () => {
  it('retires a silent pod, even with a short timeout', async () => {
    const keeper = await roles.keeper();
    await until(
      'the authority is with the cache',
      async () => (await keeper.context.authority.read()).mode === 'CACHE',
    );
    const { epoch } = await keeper.context.authority.read();
    await keeper.context.authority.register('gone', epoch);
    await until('it is removed', async () =>
      (await keeper.context.authority.pods()).every(({ podId }) => podId !== 'gone'),
    );
    expect(keeper.context.messages('warn')).toContain('a silent pod was retired');
  });

  it('is postponed while a store is unavailable', async () => {
    const keeper = await roles.keeper();
    const pods = vi.spyOn(keeper.context.authority, 'pods').mockRejectedValue(new Error('away'));
    await until('it is logged', () => keeper.context.messagesAbout('away').includes('housekeeping was postponed'));
    pods.mockRestore();
  });

  it('reconciles on schedule, and logs failures', async () => {
    const keeper = await roles.keeper({ RECONCILIATION_CRON: '* * * * * *' });
    const reports = () => roles.db.database.rows<{ clean: number }>('SELECT clean FROM reconciliations');
    await until('it has reported', async () => (await reports()).length > 0);
    expect((await reports())[0]).toEqual({ clean: 1 });
    const transaction = vi.spyOn(keeper.context.database, 'transaction').mockRejectedValue(new Error('away'));
    await until('it is logged', () => keeper.context.messagesAbout('away').includes('the reconciliation failed'));
    transaction.mockRestore();
  });
});
