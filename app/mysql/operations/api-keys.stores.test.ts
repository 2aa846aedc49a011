import { afterAll, beforeAll, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { SCOPES } from '../../domain/identity.ts';
import { Problem } from '../../domain/problem.ts';
import { systemClock } from '../../kernel/clock.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import type { Database } from '../connection/pool.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { ApiKeyStore, hashOfKey } from './api-keys.ts';

const KEY = 'a-key-of-enough-characters';
const FRESH_MS = 30_000;
const UNKNOWN_FRESH_MS = 2_000;

let db: TestDatabase;
let clock: TestClock;
let keys: ApiKeyStore;
let reads: MockInstance<Database['rows']>;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  vi.restoreAllMocks();
  await db.database.rows('DELETE FROM api_keys');
  clock = new TestClock();
  // The test controls the age of entries; waits are real.
  keys = new ApiKeyStore(db.database, { ...systemClock, monotonic: clock.monotonic }, SCOPES);
  await keys.add(KEY, 'ada', ['ops', 'balances:read']);
  reads = vi.spyOn(db.database, 'rows');
});
const mysqlAway = () => reads.mockRejectedValue(new Problem('database_unavailable', 'away'));

describe('An API key', () => {
  it('returns its holder and scopes, limited to existing scopes', async () => {
    const keyId = expect.stringMatching(/^[0-9a-f-]{36}$/);
    expect(await keys.identify(KEY)).toEqual({ user: 'ada', scopes: new Set(['ops', 'balances:read']), keyId });
    await keys.add('other', 'bob', ['ops', 'fly']);
    expect(await keys.identify('other')).toEqual({ user: 'bob', scopes: new Set(['ops']), keyId });
  });

  it('never has a holder with the name of a JWT user', async () => {
    await keys.add('other', 'jwt:ada', ['ops']);
    await keys.add('another', 'JWT:ada', ['ops']);
    expect((await keys.identify('other'))?.user).toBe('key:jwt:ada');
    expect((await keys.identify('another'))?.user).toBe('key:JWT:ada');
  });

  it('is never in MySQL: only its hash is, and no column contains the key or a part of it', async () => {
    const rows = await db.database.rows<Record<string, unknown>>('SELECT * FROM api_keys');
    expect(rows).toMatchObject([{ key_hash: hashOfKey(KEY), user: 'ada' }]);
    expect(hashOfKey(KEY)).toMatch(/^[0-9a-f]{64}$/);
    expect(JSON.stringify(rows)).not.toContain(KEY.slice(0, 8));
  });

  it('returns the time at which it expires, so that a response that stays open can end then', async () => {
    expect(await keys.identify(KEY)).not.toHaveProperty('expiresAt');
    await db.database.rows('UPDATE api_keys SET expires_at = NOW(3) + INTERVAL 1 HOUR');
    keys.forget([hashOfKey(KEY)]);
    const { expiresAt = 0 } = (await keys.identify(KEY)) ?? {};
    expect(Math.abs(expiresAt - Date.now() - 3_600_000)).toBeLessThan(60_000);
  });

  it('that is added again only changes its holder and scopes', async () => {
    await keys.add(KEY, 'eve', []);
    expect(await keys.identify(KEY)).toMatchObject({ user: 'eve', scopes: new Set() });
    expect(await db.database.rows('SELECT 1 FROM api_keys')).toHaveLength(1);
  });

  it('is not accepted in different case, truncated, or with blanks', async () => {
    for (const wrong of [KEY.toUpperCase(), KEY.slice(0, -1), `${KEY} `, '', hashOfKey(KEY), "' OR 1=1 -- "]) {
      expect(await keys.identify(wrong)).toBeNull();
    }
  });

  it('is looked up in memory, and read from MySQL again when the cached entry is old', async () => {
    await keys.identify(KEY);
    clock.advance(FRESH_MS - 1);
    await keys.identify(KEY);
    expect(reads).toHaveBeenCalledTimes(1);
    clock.advance(1);
    await keys.identify(KEY);
    expect(reads).toHaveBeenCalledTimes(2);
  });

  it('that is revoked is rejected once the cached entry is old', async () => {
    await keys.identify(KEY);
    await db.database.rows('UPDATE api_keys SET revoked_at = NOW(3)');
    clock.advance(FRESH_MS);
    expect(await keys.identify(KEY)).toBeNull();
  });

  it('that is revoked by any process is rejected after the next check for changes', async () => {
    await keys.forgetChanged();
    await keys.identify(KEY);
    await keys.forgetChanged();
    expect(await keys.identify(KEY)).not.toBeNull();
    await db.database.rows('UPDATE api_keys SET revoked_at = NOW(3)');
    await keys.forgetChanged();
    expect(await keys.identify(KEY)).toBeNull();
  });

  it('that was revoked while it was being read is rejected after the next check, too', async () => {
    await keys.forgetChanged();
    const [row] = await db.database.rows('SELECT * FROM api_keys');
    await db.database.rows('UPDATE api_keys SET revoked_at = NOW(3)');
    await keys.forgetChanged();
    // A read that began before the revocation returns only now.
    reads.mockImplementationOnce(async () => [{ ...(row as object), remaining_us: null }] as never);
    expect(await keys.identify(KEY)).not.toBeNull();
    await keys.forgetChanged();
    expect(await keys.identify(KEY)).toBeNull();
  });

  it('that was revoked is read again after an outage of MySQL', async () => {
    await keys.forgetChanged();
    await keys.identify(KEY);
    await db.database.rows("UPDATE api_keys SET revoked_at = NOW(3), changed_at = '2026-01-01'");
    clock.advance(20_000);
    await keys.forgetChanged();
    expect(await keys.identify(KEY)).toBeNull();
  });

  it('with an empty list of accounts may use none', async () => {
    await db.database.rows("UPDATE api_keys SET account_prefixes = ''");
    expect(await keys.identify(KEY)).toMatchObject({ accountPrefixes: [] });
  });

  it('shows its last use to within a few minutes, with only one write in that time', async () => {
    const lastUse = async () => {
      const [row] = await db.database.rows<{ last_used_at: Date | null; changed_at: Date | null }>(
        'SELECT last_used_at, changed_at FROM api_keys',
      );
      return row;
    };
    await keys.recordUses();
    expect(await lastUse()).toMatchObject({ last_used_at: null });
    await keys.identify(KEY);
    await keys.recordUses();
    const first = await lastUse();
    expect(first).toMatchObject({ last_used_at: expect.any(Date), changed_at: null });
    await keys.identify(KEY);
    await keys.recordUses();
    expect(await lastUse()).toEqual(first);
    await db.database.rows('UPDATE api_keys SET last_used_at = NOW(3) - INTERVAL 6 MINUTE');
    const writes = () => reads.mock.calls.filter(([sql]) => String(sql).startsWith('UPDATE api_keys SET last')).length;
    const before = writes();
    await keys.recordUses();
    expect(writes()).toBe(before);
    await keys.identify(KEY);
    await keys.recordUses();
    expect((await lastUse())?.last_used_at?.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('that is unknown is cached as unknown only for a short time', async () => {
    expect(await keys.identify('new')).toBeNull();
    await keys.add('new', 'bob', []);
    clock.advance(UNKNOWN_FRESH_MS - 1);
    expect(await keys.identify('new')).toBeNull();
    clock.advance(1);
    expect(await keys.identify('new')).toMatchObject({ user: 'bob' });
  });

  it('requested concurrently is read once', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => keys.identify(KEY)));
    expect(new Set(answers.map((answer) => answer?.user))).toEqual(new Set(['ada']));
    expect(reads).toHaveBeenCalledTimes(1);
  });
});

describe('While MySQL is unavailable', () => {
  it('a known key is still accepted, however old its cache entry is', async () => {
    await keys.identify(KEY);
    mysqlAway();
    clock.advance(10 * FRESH_MS);
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
  });

  it('a known key is not accepted beyond its expiry', async () => {
    await db.database.rows('UPDATE api_keys SET expires_at = NOW(3) + INTERVAL 1 HOUR');
    await keys.identify(KEY);
    mysqlAway();
    clock.advance(3_500_000);
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
    clock.advance(100_000);
    await expect(keys.identify(KEY)).rejects.toMatchObject({ code: 'database_unavailable' });
  });

  it('a key that was found to be changed is not accepted until it has been read again', async () => {
    await keys.identify(KEY);
    mysqlAway();
    keys.forget([hashOfKey(KEY)]);
    await expect(keys.identify(KEY)).rejects.toMatchObject({ code: 'database_unavailable' });
  });

  it('a known key delays almost no request, even if MySQL does not respond: one request reads the key again, and waits only briefly', async () => {
    await keys.identify(KEY);
    clock.advance(2 * FRESH_MS);
    let answer = (_rows: unknown[]) => {};
    reads.mockImplementation(() => new Promise((resolve) => (answer = resolve)));
    const asking = keys.identify(KEY);
    // While that request waits, the others do not.
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
    expect(await asking).toMatchObject({ user: 'ada' });
    // If the reply arrives later, it is used.
    const before = reads.mock.calls.length;
    answer([]);
    await expect.poll(() => keys.identify(KEY)).toBeNull();
    expect(reads.mock.calls.length).toBe(before);
  });

  it('a key that is unknown, or known as invalid, results in database_unavailable instead of a rejection', async () => {
    expect(await keys.identify('wrong')).toBeNull();
    mysqlAway();
    clock.advance(UNKNOWN_FRESH_MS);
    await expect(keys.identify('wrong')).rejects.toMatchObject({ code: 'database_unavailable' });
    await expect(keys.identify('never seen')).rejects.toMatchObject({ code: 'database_unavailable' });
  });

  it('a failed read is not cached: the next request tries again', async () => {
    mysqlAway();
    await expect(keys.identify(KEY)).rejects.toBeInstanceOf(Problem);
    reads.mockRestore();
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
  });
});

describe('A flood of guesses', () => {
  it('does not fill the memory: 10,000 keys are cached, and then the cache is emptied', async () => {
    reads.mockImplementation(async () => []);
    for (let n = 0; n < 10_000; n++) await keys.identify(`guess-${n}`);
    await keys.identify('guess-0');
    expect(reads).toHaveBeenCalledTimes(10_000);
    await keys.identify('one more');
    await keys.identify('guess-0');
    expect(reads).toHaveBeenCalledTimes(10_002);
  });

  it('evicts no valid key', async () => {
    await keys.identify(KEY);
    reads.mockImplementation(async () => []);
    for (let n = 0; n < 10_001; n++) await keys.identify(`guess-${n}`);
    mysqlAway();
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
  });

  it('uses a limited number of connections: other guesses get `overloaded`, but known keys are accepted', async () => {
    await keys.identify(KEY);
    clock.advance(FRESH_MS);
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    reads.mockImplementation(async () => {
      await opened;
      return [];
    });
    const guesses = Array.from({ length: 100 }, (_, n) => keys.identify(`guess-${n}`));
    await expect(keys.identify('guess-100')).rejects.toMatchObject({ code: 'overloaded' });
    expect(await keys.identify(KEY)).toMatchObject({ user: 'ada' });
    const again = keys.identify('guess-7');
    open();
    expect(await Promise.all([...guesses, again])).toEqual(Array.from({ length: 101 }, () => null));
    expect(await keys.identify('guess-100')).toBeNull();
  });
});

it('Many valid keys do not fill the memory', async () => {
  const row = { user: 'u', scopes: 'ops', key_id: null, account_prefixes: null, remaining_us: null };
  reads.mockImplementation(async () => [row] as never);
  for (let n = 0; n < 10_001; n++) await keys.identify(`key-${n}`);
  const before = reads.mock.calls.length;
  await keys.identify('key-10000');
  expect(reads).toHaveBeenCalledTimes(before);
  await keys.identify('key-0');
  expect(reads).toHaveBeenCalledTimes(before + 1);
});
