import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { AuthorityStore } from '../../mysql/authority/authority-store.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { ShardedRoles } from '../testing/sharded-roles.ts';

const REASON = { reason: 'wrong prices since this morning' };
const QUICK = { REDIS_LOST_AFTER_MS: '500', REDIS_LOST_BY_PODS_AFTER_MS: '250' };
const REFUSED = { status: 503, json: { code: 'ledger_stopped' } };
const stop = (api: Role) => api.request('POST', '/v1/ops/stop', REASON);
const release = (api: Role) => api.request('POST', '/v1/ops/release', REASON);

describe('An emergency stop', () => {
  let roles: RolesUnderTest;
  let api: Role;
  let keeper: Role;
  beforeEach(async () => {
    roles = await RolesUnderTest.start();
    keeper = await roles.keeper(QUICK);
    api = await roles.api();
    await api.ready();
    await api.worksIn('CACHE');
    await roles.openAccounts(api);
    expect(await api.transfer('before', '10.00')).toMatchObject({ status: 201 });
  });
  afterEach(() => roles.stop());

  it('blocks every kind of change on every pod once it is answered, while reads and the flush continue', async () => {
    const other = await roles.api();
    await other.worksIn('CACHE');
    const hold = { holdId: 'h1', account: 'ada', amount: '1.00', currency: 'EUR' };
    expect(await api.request('POST', '/v1/holds', hold)).toMatchObject({ status: 201 });
    expect(await api.transfer('last')).toMatchObject({ status: 201 });
    expect(await stop(api)).toMatchObject({ status: 200, json: { stopped: true, enforced: true, olderProcesses: [] } });
    const order = { sourceAccount: 'world', destinationAccount: 'ada', amount: '1.00', currency: 'EUR' };
    for (const pod of [api, other]) {
      expect(await pod.transfer('after')).toMatchObject(REFUSED);
      expect(await pod.request('POST', '/v1/transfers/before/reversal')).toMatchObject(REFUSED);
      const group = { groupId: 'g1', transfers: [order, order] };
      expect(await pod.request('POST', '/v1/transfers/group', group)).toMatchObject(REFUSED);
      expect(await pod.request('POST', '/v1/holds', { ...hold, holdId: 'h2' })).toMatchObject(REFUSED);
      expect(
        await pod.request('POST', '/v1/holds/h1/capture', { transactionId: 'c1', destinationAccount: 'world' }),
      ).toMatchObject(REFUSED);
      expect(await pod.request('POST', '/v1/holds/h1/void')).toMatchObject(REFUSED);
      expect(await pod.request('PATCH', '/v1/accounts/ada', { status: 'FROZEN' })).toMatchObject(REFUSED);
      const opening = { accountId: 'new', currency: 'EUR' };
      expect(await pod.request('POST', '/v1/accounts', opening)).toMatchObject(REFUSED);
      // Repeating a transfer that already has an outcome is not a change.
      expect(await pod.transfer('before', '10.00')).toMatchObject({ status: 200 });
      expect(await pod.request('GET', '/v1/transfers/last')).toMatchObject({ status: 200 });
      const balance = await pod.request('GET', '/v1/accounts/ada/balance');
      expect(balance).toMatchObject({ status: 200, json: { balance: '11.00', source: 'cache' } });
      expect(await pod.request('GET', '/v1/ops/status')).toMatchObject({ json: { stopped: true, mode: 'CACHE' } });
    }
    await until('the flush has caught up', async () => {
      const found = await api.request('GET', '/v1/transfers/last');
      return found.json['persisted'] === true;
    });
    expect(await release(other)).toMatchObject({ status: 200, json: { stopped: false, enforced: true } });
    for (const pod of [api, other])
      expect(await pod.transfer(`after-${pod.url.slice(-5)}`)).toMatchObject({ status: 201 });
    expect(await api.transfer('after')).toMatchObject({ status: 201 });
  });

  it('records once who stopped and released the ledger, when and why, even if requests are repeated', async () => {
    for (let times = 0; times < 2; times++) expect(await stop(api)).toMatchObject({ status: 200 });
    for (let times = 0; times < 2; times++) expect(await release(api)).toMatchObject({ status: 200 });
    const { json } = await api.request('GET', '/v1/ops/stop');
    const by = { by: 'bootstrap', ...REASON, at: expect.any(String), correlationId: expect.any(String) };
    expect(json).toMatchObject({
      stopped: false,
      changes: [
        { number: 2, stopped: false, ...by },
        { number: 1, stopped: true, ...by },
      ],
    });
    expect(json['changes']).toHaveLength(2);
  });

  it('that only MySQL has, because the pod that received it crashed, is copied to Redis by other pods', async () => {
    await roles.db.database.rows('UPDATE authority SET stops = stops + 1');
    let attempts = 0;
    await until('it is obeyed', async () => (await api.transfer(`after-${attempts++}`)).status === 503);
    expect(await api.request('GET', '/v1/ops/stop')).toMatchObject({ json: { stopped: true, enforced: true } });
  });

  it('survives the loss of Redis, a restart of every process, and the return to a new Redis', async () => {
    expect(await stop(api)).toMatchObject({ status: 200 });
    await roles.redis.kill();
    await api.worksIn('DIRECT');
    expect(await api.transfer('after')).toMatchObject(REFUSED);
    expect(await api.request('PATCH', '/v1/accounts/ada', { status: 'FROZEN' })).toMatchObject(REFUSED);
    expect(await api.transfer('before', '10.00')).toMatchObject({ status: 200 });
    await roles.stopRoles();
    await roles.keeper(QUICK);
    api = await roles.api();
    await api.ready();
    await api.worksIn('DIRECT');
    expect(await api.transfer('after')).toMatchObject(REFUSED);
    await roles.redis.startAgain();
    await api.worksIn('CACHE');
    expect(await api.transfer('after')).toMatchObject(REFUSED);
    expect(await release(api)).toMatchObject({ status: 200, json: { enforced: true } });
    expect(await api.transfer('after')).toMatchObject({ status: 201 });
  });

  it('is not confirmed while a pod that has not noticed the end of its epoch may still write to Redis', async () => {
    const pods = () =>
      roles.db.database.rows<{ pod_id: string; drained: number }>(
        'SELECT pod_id, drained_at IS NOT NULL AS drained FROM pods',
      );
    await keeper.stop();
    // A pod that has lost MySQL, but not Redis.
    await roles.db.database.rows(
      'INSERT INTO pods (pod_id, epoch, observed_seq, registered_at, heartbeat_at) SELECT ?, epoch, 0, NOW(3), NOW(3) FROM authority',
      ['cut-off'],
    );
    const store = new AuthorityStore(roles.db.database);
    expect(await store.move(await store.read(), 'CLOSING', { keeper: 'test', reason: 'a test' })).not.toBeNull();
    await until('the other pod has handed over', async () =>
      (await pods()).every(({ pod_id, drained }) => drained === 1 || pod_id === 'cut-off'),
    );
    expect(await stop(api)).toMatchObject({ status: 202, json: { stopped: true, enforced: false } });
    expect(await api.request('GET', '/v1/ops/stop')).toMatchObject({ json: { stopped: true, enforced: false } });
    await roles.db.database.rows("UPDATE pods SET drained_at = NOW(3) WHERE pod_id = 'cut-off'");
    expect(await stop(api)).toMatchObject({ status: 200, json: { stopped: true, enforced: true } });
  });

  it('is not ended by a release that was meant for an earlier stop', async () => {
    expect(await stop(api)).toMatchObject({ status: 200, json: { number: 1 } });
    const delayed = { ...REASON, number: 1 };
    expect(await api.request('POST', '/v1/ops/release', delayed)).toMatchObject({ status: 200, json: { number: 2 } });
    // Repeating the release, as if its answer had been lost, changes nothing.
    expect(await api.request('POST', '/v1/ops/release', delayed)).toMatchObject({ status: 200, json: { number: 2 } });
    expect(await stop(api)).toMatchObject({ status: 200, json: { number: 3 } });
    expect(await api.request('POST', '/v1/ops/release', delayed)).toMatchObject({
      status: 409,
      json: { code: 'authority_moved' },
    });
    expect(await api.transfer('after')).toMatchObject(REFUSED);
  });

  it('has taken effect in direct mode by the time it is answered', async () => {
    await roles.redis.kill();
    await api.worksIn('DIRECT');
    expect(await stop(api)).toMatchObject({ status: 200, json: { enforced: true } });
    expect(await api.transfer('after')).toMatchObject(REFUSED);
    expect(await release(api)).toMatchObject({ status: 200 });
    expect(await api.transfer('after')).toMatchObject({ status: 201 });
  });
});

describe('An emergency stop of several shards', () => {
  it('stops transfers inside and between the shards, and reports the state of each shard', async () => {
    const roles = await ShardedRoles.start(2);
    try {
      await roles.keeper();
      const api = await roles.api();
      await api.ready();
      const [here, there] = [roles.accountIn(0, 'a'), roles.accountIn(1, 'b')];
      for (const accountId of [here, there])
        await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', external: true });
      const pay = (id: string, sourceAccount: string, destinationAccount: string) =>
        api.transfer(id, '1.00', { sourceAccount, destinationAccount });
      await until('both shards are open', async () => (await pay('open', here, there)).status < 300);
      const shards = [0, 1].map((shard) => ({ shard, stopped: true, enforced: true }));
      expect(await stop(api)).toMatchObject({ status: 200, json: { stopped: true, enforced: true, shards } });
      expect(await pay('over', here, there)).toMatchObject(REFUSED);
      expect(await pay('back', there, here)).toMatchObject(REFUSED);
      expect(await release(api)).toMatchObject({ status: 200, json: { stopped: false } });
      expect(await pay('over', here, there)).toMatchObject({ status: 201 });
    } finally {
      await roles.stop();
    }
  });
});
