import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AnchorCheck, anchorIn } from '../../audit/anchors.ts';
import { audit } from '../../audit/audit.ts';
import { until } from '../../kernel/testing/until.ts';
import { MysqlAuditBooks } from '../../mysql/audit/audit-books.ts';
import { anchoringOf, signingKeyOf } from '../anchoring.ts';
import { RolesUnderTest } from '../testing/roles-under-test.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
let roles: RolesUnderTest;
let files: string;
let receiver: Server;
let received: string[];
let answer: number;

beforeAll(async () => {
  roles = await RolesUnderTest.start();
  files = await mkdtemp(join(tmpdir(), 'holdfast-anchors-'));
  await writeFile(join(files, 'key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(join(files, 'wrong'), 'swordfish');
  receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      received.push(body);
      response.writeHead(answer).end();
    });
  });
  receiver.listen(0, '127.0.0.1');
  await until('it listens', () => receiver.listening);
});
afterAll(async () => {
  await roles.stop();
  receiver.close();
  await rm(files, { recursive: true });
});
beforeEach(() => {
  received = [];
  answer = 204;
});
afterEach(() => roles.stopRoles());

const settings = () => ({
  AUDIT_SIGNING_KEY_FILE: join(files, 'key'),
  AUDIT_ANCHOR_FILE: join(files, 'anchors'),
  AUDIT_ANCHOR_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/anchors`,
});

/** A keeper that anchors, and a log with a transfer. */
async function keeperWithLog(id: string) {
  const keeper = await roles.keeper(settings());
  const api = await roles.api();
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  await api.transfer(id);
  const log = keeper.context.sealedLog;
  await until('it is in the log', async () => {
    const entries = (await log.read(0, { rows: 1000, bytes: 1e8 })).flatMap((row) => row.entries);
    return entries.some((entry) => entry.kind === 'transfer' && entry.order.transactionId === id);
  });
  return keeper.context;
}

describe('A keeper with a signing key', () => {
  it('delivers anchors to its log, a file and a URL, which an audit can compare with the log', async () => {
    const context = await keeperWithLog('anchored-1');
    await anchoringOf(context, privateKey).round();
    const lines = (await readFile(join(files, 'anchors'), 'utf8')).trim().split('\n');
    const anchor = anchorIn(lines.at(-1) ?? '');
    expect(anchorIn(received.at(-1) ?? '')).toEqual(anchor);
    const logged = context.lines.filter(({ msg }) => msg === 'anchor of the sealed log');
    expect(anchorIn(JSON.stringify(logged.at(-1)))).toEqual(anchor);
    const books = new MysqlAuditBooks(context.database);
    const check = new AnchorCheck(anchor ? [anchor] : [], publicKey, await books.begin());
    expect(await audit(books, { accountsMax: 10, anchors: check })).toMatchObject({ faults: [] });
    expect(check.matched).toBe(1);
    expect(await context.process.metrics.text()).toMatch(/holdfast_audit_last_anchor_timestamp_seconds 1[\d.]+e?/);
  });

  it('delivers an anchor to the other places if one of them fails', async () => {
    const context = await keeperWithLog('anchored-2');
    answer = 503;
    const before = (await readFile(join(files, 'anchors'), 'utf8')).length;
    await expect(anchoringOf(context, privateKey).round()).rejects.toThrow('the receiver of anchors answered 503');
    expect((await readFile(join(files, 'anchors'), 'utf8')).length).toBeGreaterThan(before);
  });
});

it('A keeper does not start with a file that is not a key, and does not quote it', async () => {
  const context = await roles.context({ ROLE: 'keeper', AUDIT_SIGNING_KEY_FILE: join(files, 'wrong') });
  const { config } = context;
  expect(() => signingKeyOf(config)).toThrow('it is not a private Ed25519 key in PEM');
  expect(() => signingKeyOf(config)).not.toThrow('swordfish');
  await context[Symbol.asyncDispose]();
});
