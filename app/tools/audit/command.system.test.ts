import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signedAnchor } from '../../audit/anchors.ts';
import { MysqlAuditBooks } from '../../mysql/audit/audit-books.ts';
import { smallLedger } from '../../mysql/audit/testing/small-ledger.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
let db: TestDatabase;
let files: string;
beforeAll(async () => {
  db = await migratedDatabase();
  await smallLedger(db);
  files = await mkdtemp(join(tmpdir(), 'holdfast-audit-'));
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  await writeFile(join(files, 'key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(files, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const { ledgerId, shard, head } = await new MysqlAuditBooks(db.database).begin();
  const anchor = signedAnchor({ ledgerId, shard, position: head.position, hash: head.hash, at: 0 }, privateKey);
  await writeFile(join(files, 'log'), `not JSON\n${JSON.stringify({ msg: 'anchor', anchor })}\n`);
});
afterAll(async () => {
  await db.drop();
  await rm(files, { recursive: true });
});

function run(args: string[], env: Record<string, string> = {}) {
  const tsx = join(ROOT, 'node_modules', '.bin', 'tsx');
  const all = { PATH: process.env['PATH'], ...env };
  return new Promise<{ code: unknown; stdout: string; stderr: string }>((resolve) => {
    execFile(tsx, [join(ROOT, 'app/tools/audit.ts'), ...args], { env: all }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
    );
  });
}

describe('npm run audit', () => {
  it('verifies a database, exports it, and verifies the export without settings', async () => {
    const settings = { MYSQL_URL: db.url };
    const anchored = ['--anchors', join(files, 'log'), '--key', join(files, 'key.pub')];
    const verified = await run(['verify', ...anchored], settings);
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(verified.stdout).toMatch(
      /^Ledger [0-9a-f]{32}, shard 0, up to position \d+ [\s\S]*1 anchors agree with the log\.\nEverything agrees\.\n$/,
    );
    const directory = join(files, 'export');
    expect(await run(['export', directory, '--sign-with', join(files, 'key')], settings)).toMatchObject({ code: 0 });
    expect(await run(['verify', directory, ...anchored])).toMatchObject({
      ...{ code: 0, stdout: expect.stringContaining('Everything agrees.') },
    });
  });

  it('exits with 1 if anything differs, and names it', async () => {
    await db.database.rows("UPDATE transfers SET `reference` = 'x' WHERE transaction_id = 't1'");
    const { code, stdout } = await run(['verify', '--json'], { MYSQL_URL: db.url });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject([
      { clean: false, faults: [{ position: expect.any(Number), what: 'transfer t1' }] },
    ]);
  });

  it('exits with 78 without settings, and with 2 for an unknown command', async () => {
    expect(await run(['verify'])).toMatchObject({ code: 78, stderr: expect.stringContaining('MYSQL_URL is missing') });
    const wrong = await run(['export']);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('COMMAND must be verify') });
  });
});
