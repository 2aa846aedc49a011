import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const REASON = 'a test of the move to format 2';

let roles: RolesUnderTest;
beforeEach(async () => {
  roles = await RolesUnderTest.start();
});
afterEach(() => roles.stop());

async function serving(): Promise<Role> {
  await roles.keeper();
  const api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  return api;
}
const status = async (api: Role) => (await api.request('GET', '/v1/ops/status')).json;
async function move(api: Role, dryRun: boolean) {
  const { epoch } = await status(api);
  return api.request('POST', '/v1/ops/format', { epoch, dryRun, reason: REASON });
}

describe('A ledger that was never used', () => {
  it('begins in the format of this release, so the command changes nothing', async () => {
    const api = await serving();
    const before = await status(api);
    expect(before).toMatchObject({ mode: 'CACHE', format: 2, formatMax: 2, olderProcesses: [] });
    expect(await move(api, false)).toMatchObject({ status: 200, json: { from: 2, to: 2, done: true } });
    expect((await status(api))['epoch']).toBe(before['epoch']);
  });
});

describe('A ledger of an older release', () => {
  beforeEach(() => roles.db.reset(0, 'DIRECT'));

  it('stays in format 1 until an operator moves it; transfers continue, and none is lost', async () => {
    const api = await serving();
    await roles.db.database.rows("INSERT INTO processes (process_id, redis_seen) VALUES ('old', 1)");
    expect(await status(api)).toMatchObject({
      mode: 'CACHE',
      format: 1,
      formatMax: 2,
      olderProcesses: [{ processId: 'old', role: 'api', silentMs: expect.any(Number) }],
    });
    expect(await move(api, false)).toMatchObject({ status: 409, json: { code: 'authority_moved' } });
    await roles.db.database.rows("DELETE FROM processes WHERE process_id = 'old'");
    expect(await move(api, true)).toMatchObject({ status: 200, json: { dryRun: true, obstacles: [], done: false } });

    const acknowledged: string[] = [];
    let moved = false;
    const writing = (async () => {
      while (!moved) {
        const id = newUuidV7(Date.now());
        const answer = await api.transfer(id, '0.01');
        expect(answer).toMatchObject({ status: 201 });
        acknowledged.push(id);
      }
    })();
    await until('some transfers are posted', () => acknowledged.length > 10);
    expect((await move(api, false)).status).toBeLessThan(203);
    await until('it is in format 2', async () => {
      const now = await status(api);
      return now['format'] === 2 && now['mode'] === 'CACHE';
    });
    const before = acknowledged.length;
    await until('transfers are posted in format 2', () => acknowledged.length > before + 5);
    moved = true;
    await writing;
    const inMysql = async () => {
      const [row] = await roles.db.database.rows<{ n: number }>('SELECT COUNT(*) AS n FROM transfers');
      return row?.n;
    };
    await until('everything is in MySQL', async () => (await inMysql()) === acknowledged.length);
    expect((await api.request('GET', '/metrics')).json['text']).toContain('holdfast_rule_format 2');
  });
});
