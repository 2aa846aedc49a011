import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { signedAnchor } from '../../audit/anchors.ts';
import { audit } from '../../audit/audit.ts';
import { MysqlAuditBooks } from '../../mysql/audit/audit-books.ts';
import { smallLedger } from '../../mysql/audit/testing/small-ledger.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { exportTo } from './export.ts';
import { readKey } from './manifest.ts';
import { shardDirectory, type VerifyOptions, verifyExport } from './verify-export.ts';

let db: TestDatabase;
let root: string;
let directory: string;
let exports = 0;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const options = (): VerifyOptions => ({ accountsMax: 2, anchors: null, key: join(root, 'key.pub') });

beforeAll(async () => {
  db = await migratedDatabase();
  root = await mkdtemp(join(tmpdir(), 'holdfast-audit-'));
  await writeFile(join(root, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
});
afterAll(async () => {
  await db.drop();
  await rm(root, { recursive: true });
});
beforeEach(async () => {
  await smallLedger(db);
  directory = join(root, `export-${++exports}`);
});

const exportAll = () => exportTo(shardDirectory(directory, 0), new MysqlAuditBooks(db.database), privateKey);
/** The export of a ledger of two shards, as if the database belonged to one of them. */
async function exportOf(shard: number, into: number): Promise<void> {
  const source = new MysqlAuditBooks(db.database);
  const scope = await source.begin();
  source.begin = async () => ({ ...scope, shard, shards: 2 });
  await exportTo(shardDirectory(directory, into), source, privateKey);
}
const file = (name: string): string => join(shardDirectory(directory, 0), name);

describe('An export', () => {
  it('is verified without a database, with the same result', async () => {
    const files = await exportAll();
    expect(files).toMatchObject({ accounts: { lines: 4 }, waiting: { lines: 0 } });
    const { clean, faults, ...inDatabase } = await audit(new MysqlAuditBooks(db.database), { accountsMax: 2 });
    const [report] = await verifyExport(directory, options());
    expect(report).toMatchObject({ clean, faults, signatureVerified: true, anchorsMatched: null });
    expect(report).toMatchObject({ ...inDatabase, at: expect.any(Number) });
    expect(clean).toBe(true);
  });

  it('of a ledger that was changed by SQL has the same faults as the ledger', async () => {
    await db.database.rows("UPDATE transfers SET `user` = 'eve' WHERE transaction_id = 't1'");
    await db.database.rows("UPDATE accounts SET balance = balance + 5 WHERE account_id = 'bob'");
    await db.database.rows("UPDATE holds SET captured = captured + 1 WHERE hold_id = 'h1'");
    await exportAll();
    const inDatabase = await audit(new MysqlAuditBooks(db.database), { accountsMax: 2 });
    const [report] = await verifyExport(directory, options());
    expect(inDatabase.faults.map(({ what }) => what)).toEqual(['transfer t1', 'account bob', 'hold h1'].sort(byFault));
    expect(report?.faults).toEqual(inDatabase.faults);
  });

  it('contains the entries that wait to be sealed', async () => {
    await db.database.rows('INSERT INTO unsealed (epoch, payload) SELECT 3, \'["a","key-added","k1",1,{},null]\'');
    expect(await exportAll()).toMatchObject({ waiting: { lines: 1 } });
    expect(await verifyExport(directory, options())).toMatchObject([{ clean: true }]);
  });

  it('can be read only by its owner, and never overwrites another export', async () => {
    await exportAll();
    expect((await stat(file('items.ndjson'))).mode & 0o777).toBe(0o600);
    await expect(exportAll()).rejects.toThrow('is not empty');
  });

  it.each(['log', 'items', 'accounts', 'holds', 'calendar', 'waiting'])(
    'is refused if %s was changed',
    async (name) => {
      await exportAll();
      await appendFile(file(`${name}.ndjson`), '\n');
      await expect(verifyExport(directory, options())).rejects.toThrow('is not the file that was exported');
    },
  );

  it('is refused if the directory of a shard is missing, or is that of another shard', async () => {
    await exportOf(0, 0);
    await expect(verifyExport(directory, options())).rejects.toThrow('it has no directory of shard 1 of 2');
    await expect(verifyExport(directory, options(), 1)).rejects.toThrow('it has no directory of shard 1');
    expect(await verifyExport(directory, options(), 0)).toMatchObject([{ shard: 0, clean: true }]);
    await exportOf(0, 1);
    await expect(verifyExport(directory, options())).rejects.toThrow('contains shard 0 of 2 of ledger');
    await rm(shardDirectory(directory, 1), { recursive: true });
    await exportOf(1, 1);
    expect(await verifyExport(directory, options())).toMatchObject([{ shard: 0 }, { shard: 1 }]);
  });

  it('is compared with the anchors that were signed before it, and not with later ones', async () => {
    await exportAll();
    const { ledgerId, shard, head } = await new MysqlAuditBooks(db.database).begin();
    const anchored = async (position: number, hash: string, at: number) => {
      const anchor = signedAnchor({ ledgerId, shard, position, hash, at }, privateKey);
      await appendFile(join(root, 'anchors'), `${JSON.stringify(anchor)}\n`);
      const [report] = await verifyExport(directory, { ...options(), anchors: join(root, 'anchors') });
      return report;
    };
    const hour = 3_600_000;
    expect(await anchored(head.position, head.hash, Date.now() - hour)).toMatchObject({
      clean: true,
      anchorsMatched: 1,
    });
    const later = await anchored(head.position + 2, 'ab'.repeat(32), Date.now() + hour);
    expect(later).toMatchObject({ clean: true, anchorsMatched: 1, anchorsLater: 1 });
    expect((await anchored(head.position + 1, 'cd'.repeat(32), Date.now() - hour))?.faults).toEqual([
      expect.objectContaining({ what: 'log', problem: expect.stringContaining('the end of the log is missing') }),
    ]);
  });

  it('is not compared with a file that contains no anchors', async () => {
    await exportAll();
    await writeFile(join(root, 'empty'), '{"level":"info","msg":"started"}\n');
    await expect(verifyExport(directory, { ...options(), anchors: join(root, 'empty') })).rejects.toThrow('no anchors');
  });

  it('is refused if its manifest was changed, or is missing', async () => {
    await exportAll();
    const manifest = await readFile(file('manifest.json'), 'utf8');
    await writeFile(file('manifest.json'), manifest.replace('"position": ', '"position":  '));
    await expect(verifyExport(directory, options())).rejects.toThrow('is not signed with this key');
    expect(await verifyExport(directory, { ...options(), key: null })).toMatchObject([{ signatureVerified: false }]);
    await rm(file('manifest.json'));
    await expect(verifyExport(directory, options())).rejects.toThrow('the export is not complete');
  });
});

const byFault = (a: string, b: string): number => ORDER.indexOf(a) - ORDER.indexOf(b);
const ORDER = ['transfer t1', 'account bob', 'hold h1'];

it('A file that is not an Ed25519 key is refused, and not quoted', async () => {
  const path = join(root, 'secret');
  await writeFile(path, 'swordfish');
  const error = await readKey(path, 'private').catch((thrown: unknown) => thrown as Error);
  expect(String(error)).toContain('is not a private Ed25519 key in PEM');
  expect(String(error)).not.toContain('swordfish');
});
