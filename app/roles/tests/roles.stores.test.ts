import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

/** With these settings, a switch-over takes only a moment. */
const SOON = { REDIS_LOST_AFTER_MS: '300', REDIS_STEADY_AFTER_MS: '200' };
const SHORT = { REQUEST_TIMEOUT_MS: '3000', MYSQL_QUERY_TIMEOUT_MS: '2000', MYSQL_LOCK_WAIT_TIMEOUT_S: '2' };

let roles: RolesUnderTest;
let apis: Role[];
let first: Role;
beforeEach(async () => {
  roles = await RolesUnderTest.start();
  await Promise.all([roles.keeper(SOON), roles.keeper(SOON)]);
  apis = await Promise.all([roles.api(SHORT), roles.api()]);
  for (const api of apis) {
    await api.ready();
    await api.worksIn('CACHE');
  }
  const [one] = apis;
  if (!one) throw new Error('no transfer');
  first = one;
  await roles.openAccounts(first);
});
afterEach(() => roles.stop());

/** Clients of all pods, each of which retries a transfer until it has an outcome. */
class Writers {
  readonly acknowledged: string[] = [];
  readonly #ended: Promise<unknown>;
  #writing = true;

  constructor() {
    this.#ended = Promise.all(apis.flatMap((api) => Array.from({ length: 4 }, () => this.#write(api))));
  }
  async #write(api: Role): Promise<void> {
    for (let id = newUuidV7(Date.now()); this.#writing; ) {
      const { status } = await api.transfer(id, '0.01');
      if (status === 201 || status === 200) {
        this.acknowledged.push(id);
        id = newUuidV7(Date.now());
      } else expect([503, 504]).toContain(status);
    }
  }
  /** Waits until this many more transfers have been acknowledged. */
  async write(more = 100): Promise<void> {
    const before = this.acknowledged.length;
    await until('they write', () => this.acknowledged.length > before + more);
  }
  async end(): Promise<string[]> {
    this.#writing = false;
    await this.#ended;
    return this.acknowledged;
  }
}

const mode = async () => (await first.context.authority.read()).mode;

/** Expects that every acknowledged transfer is in MySQL exactly once, and that the books are consistent. */
async function expectKept(acknowledged: readonly string[]): Promise<void> {
  const report = await until('the books can be compared', async () => {
    const answer = await first.request('POST', '/v1/ops/reconciliations');
    return answer.status === 200 ? answer.json : null;
  });
  expect(report).toMatchObject({ clean: true, sums: { EUR: '0' }, drift: [] });
  const stored = await roles.db.database.rows<{ transaction_id: string }>(
    "SELECT transaction_id FROM transfers WHERE status = 'POSTED'",
  );
  const ids = new Set(stored.map((row) => row.transaction_id));
  expect(ids.size).toBe(stored.length);
  expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
  expect(new Set(acknowledged).size).toBe(acknowledged.length);
  const toAda = await roles.db.database.rows("SELECT 1 FROM transfers WHERE destination_account = 'ada'");
  expect((await first.request('GET', '/v1/accounts/ada/balance')).json).toMatchObject({ version: toAda.length });
}

describe('Two pods and two keepers', () => {
  it('when Redis is killed and restarted: every transfer answered with 201 is in MySQL exactly once', async () => {
    const writers = new Writers();
    for (let kill = 0; kill < 2; kill++) {
      await writers.write();
      const { epoch } = await first.context.authority.read();
      await roles.redis.kill();
      await roles.redis.startAgain();
      await until('a new epoch serves', async () => {
        const now = await first.context.authority.read();
        return now.mode === 'CACHE' && now.epoch > epoch;
      });
    }
    await writers.write();
    const acknowledged = await writers.end();
    for (const api of apis) await api.ready();
    await expectKept(acknowledged);
  });

  it('when Redis is unavailable: MySQL decides until Redis is back; nothing is lost or duplicated', async () => {
    const writers = new Writers();
    await writers.write();
    await roles.redis.kill();
    await until('MySQL has the authority', async () => (await mode()) === 'DIRECT');
    // Some accounts may wait for the journal; all others can be used.
    await first.request('POST', '/v1/accounts', { accountId: 'outside', currency: 'EUR', external: true });
    await first.request('POST', '/v1/accounts', { accountId: 'bob', currency: 'EUR' });
    for (const api of apis) {
      const accounts = { sourceAccount: 'outside', destinationAccount: 'bob' };
      expect(await api.transfer(newUuidV7(Date.now()), '1.00', accounts)).toMatchObject({ status: 201 });
      expect((await api.request('GET', '/readyz')).status).toBe(200);
    }
    expect((await first.request('GET', '/v1/accounts/bob/balance')).json).toMatchObject({
      balance: '2.00',
      source: 'database',
      version: 2,
    });
    expect((await first.request('GET', '/v1/accounts/bob/balance')).json['stale'] ?? false).toBe(false);
    await roles.redis.startAgain();
    await until('Redis has the authority', async () => (await mode()) === 'CACHE');
    await writers.write();
    const acknowledged = await writers.end();
    await expectKept(acknowledged);
    const moves = await roles.db.database.rows<{ mode: string }>('SELECT mode FROM authority_log ORDER BY epoch');
    const wayThere = moves.map(({ mode }) => mode.replace('_2', '')).join(' ');
    expect(wayThere).toMatch(/^DIRECT REBUILDING CACHE CLOSING DIRECT (DIRECT )?REBUILDING CACHE$/);
  });

  it('when Redis is unavailable and a pod is stopped: the pod hands over, and nothing waits for it', async () => {
    const [one, two] = [newUuidV7(Date.now()), newUuidV7(Date.now())];
    const other = apis[1];
    expect(await other?.transfer(one)).toMatchObject({ status: 201 });
    await roles.redis.kill();
    const held = first.transfer(two);
    await other?.stop();
    expect(await held).toMatchObject({ status: 201 });
    expect(await mode()).toBe('DIRECT');
    expect(await roles.db.database.rows('SELECT 1 FROM transfers')).toHaveLength(2);
  });
});

describe('A pod that died just before Redis did', () => {
  it('keeps the ledger closed, with stale reads and no writes, until the journal is available again', async () => {
    expect(await first.transfer('before')).toMatchObject({ status: 201 });
    const { epoch } = await first.context.authority.read();
    await first.context.authority.register('died', epoch);
    await roles.redis.kill();
    await until('the ledger is closed', async () => (await mode()) === 'CLOSING');
    expect((await first.request('GET', '/v1/accounts/ada/balance')).json).toMatchObject({
      source: 'database',
      stale: true,
    });
    expect((await first.transfer('held')).status).toBe(503);
    await until('it rejects requests immediately', async () => {
      const answer = await first.transfer('refused');
      return answer.status === 503 && answer.json['code'] === 'ledger_closed';
    });
    expect(await first.request('GET', '/v1/transfers/held')).toMatchObject({ status: 503 });
    expect((await first.request('GET', '/readyz')).status).toBe(200);
    await roles.redis.startAgain();
    expect(
      await until('it serves again', async () => {
        const answer = await first.transfer('held');
        return answer.status === 201 ? answer.json : null;
      }),
    ).toMatchObject({ destinationVersion: 2 });
    await expectKept(['before', 'held']);
  });
});
