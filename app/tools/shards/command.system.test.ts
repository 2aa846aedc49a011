import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ShardedRoles } from '../../roles/testing/sharded-roles.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
let roles: ShardedRoles;
beforeAll(async () => {
  roles = await ShardedRoles.start(2);
});
afterAll(() => roles.stop());

function run(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const tsx = join(ROOT, 'node_modules', '.bin', 'tsx');
  const all = { PATH: process.env['PATH'], ...env };
  return new Promise((resolve) => {
    execFile(tsx, [join(ROOT, 'app/tools/shards.ts'), ...args], { env: all }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

describe('npm run shards', () => {
  it('needs no store for the commands where and plan', async () => {
    const where = await run(['where', 'cash@acme', '--json'], { SHARDS: '3' });
    expect(JSON.parse(where.stdout)).toEqual([{ account: 'cash@acme', key: 'acme', slot: 11304, shard: 2 }]);
    expect((await run(['plan', '--shards', '3'])).stdout).toContain('{2of3-19177}');
  });

  it('exits with 0 if the stores of a new ledger agree, with 1 if they do not, and with 78 without settings', async () => {
    const right = await run(['check'], roles.settings);
    expect(right).toMatchObject({ code: 0, stderr: '' });
    expect(right.stdout).toMatch(/1 of 2[\s\S]*Everything agrees\.\n$/);
    const [one, two] = roles.databases.map(({ url }) => url);
    const wrong = await run(['check', '--json'], { ...roles.settings, MYSQL_URL: `${two} ${one}` });
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout).faults).toEqual([
      expect.stringContaining('MySQL is shard 1 of 2, not 0 of 2'),
      expect.stringContaining('MySQL is shard 0 of 2, not 1 of 2'),
    ]);
    expect(await run(['check'])).toMatchObject({ code: 78, stderr: expect.stringContaining('MYSQL_URL is missing') });
  });

  it.each([[['where']], [['check', 'ada']], [['recover']], [['mend']]])(
    '%j is rejected with a message',
    async (args) => {
      const { code, stderr } = await run(args);
      expect(code).toBe(2);
      expect(stderr).toContain('COMMAND must be where ACCOUNT…, plan, check, recover SHARD… or split.');
    },
  );
});
