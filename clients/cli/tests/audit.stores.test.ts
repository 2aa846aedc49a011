import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { signedAnchor } from '../../../app/audit/anchors.ts';
import { MysqlAuditBooks } from '../../../app/mysql/audit/audit-books.ts';
import { smallLedger } from '../../../app/mysql/audit/testing/small-ledger.ts';
import { migratedDatabase, type TestDatabase } from '../../../app/mysql/testing/test-database.ts';
import { exportTo } from '../../../app/tools/audit/export.ts';
import { shardDirectory } from '../../../app/tools/audit/verify-export.ts';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { run } from '../src/run.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
let db: TestDatabase;
let folder: string;
beforeAll(async () => {
  db = await migratedDatabase();
  await smallLedger(db);
  folder = temporaryFolder();
  writeFileSync(join(folder, 'key.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
  const books = new MysqlAuditBooks(db.database);
  const { ledgerId, shard, head } = await books.begin();
  const anchor = signedAnchor({ ledgerId, shard, position: head.position, hash: head.hash, at: 0 }, privateKey);
  writeFileSync(join(folder, 'anchors'), `${JSON.stringify(anchor)}\n`);
  await exportTo(shardDirectory(join(folder, 'export'), 0), books, privateKey);
});
afterAll(() => db.drop());

async function holdfast(...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const machine = { env: {}, home: folder, stdout, stderr, stdin: Readable.from([]) };
  const code = await run(args, { ...machine, signal: new AbortController().signal });
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, out: text(stdout), err: text(stderr) };
}
const verify = (...more: string[]) =>
  holdfast('audit', 'verify', join(folder, 'export'), '--key', join(folder, 'key.pub'), ...more);

it('An export is verified without a service and without a database', async () => {
  const verified = await verify('--anchors', join(folder, 'anchors'));
  expect(verified).toMatchObject({ code: 0, err: '' });
  expect(verified.out).toMatch(/^Ledger [\s\S]*1 anchors agree with the log\.\nEverything agrees\.\n$/);
  const { code, out } = await verify('--json');
  expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ shard: 0, clean: true, faults: [] })]);
});

it('Differences are printed, with an exit code of their own', async () => {
  await db.database.rows("UPDATE transfers SET `user` = 'eve' WHERE transaction_id = 't1'");
  const other = join(folder, 'changed');
  await exportTo(shardDirectory(other, 0), new MysqlAuditBooks(db.database), privateKey);
  const { code, out } = await holdfast('audit', 'verify', other, '--key', join(folder, 'key.pub'));
  expect([code, out]).toEqual([3, expect.stringContaining('transfer t1 (position')]);
});

it('An export that was changed is refused', async () => {
  expect(await verify('--shard', '1')).toMatchObject({
    code: 4,
    err: expect.stringContaining('no directory of shard 1'),
  });
  appendFileSync(join(shardDirectory(join(folder, 'export'), 0), 'items.ndjson'), '\n');
  expect(await verify()).toMatchObject({ code: 4, err: expect.stringContaining('is not the file that was exported') });
  expect((await holdfast('audit', 'verify', folder, '--anchors', 'x')).code).toBe(2);
});
