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
import { auditStatus, SharedSelfCheck } from '../self-check.ts';
import { RolesUnderTest } from '../testing/roles-under-test.ts';
import type { ContextUnderTest } from '../testing/test-context.ts';

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

/** A keeper that delivers anchors, and a log that contains a transfer. */
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

async function metric(context: ContextUnderTest, name: string): Promise<number> {
  const text = await context.process.metrics.text();
  return Number(new RegExp(`^holdfast_${name} (.*)$`, 'm').exec(text)?.[1]);
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

  it('exports the time since which it has delivered no anchor, even if it has never delivered one', async () => {
    answer = 503;
    const startedAt = Date.now() / 1000;
    const { context } = await roles.keeper(settings());
    await until('the time is exported', async () => {
      return (await metric(context, 'audit_last_anchor_timestamp_seconds')) >= startedAt - 1;
    });
  });

  it('delivers an anchor to the other places if one of them fails', async () => {
    const context = await keeperWithLog('anchored-2');
    answer = 503;
    const before = (await readFile(join(files, 'anchors'), 'utf8')).length;
    await expect(anchoringOf(context, privateKey).round()).rejects.toThrow('the receiver of anchors answered 503');
    expect((await readFile(join(files, 'anchors'), 'utf8')).length).toBeGreaterThan(before);
  });
});

describe('The self-check of a keeper', () => {
  it('is stored and exported, and operators see its result', async () => {
    const context = await keeperWithLog('checked-1');
    const check = new SharedSelfCheck(context);
    const [first] = await context.sealedLog.stored(0, { rows: 1, bytes: 1 });
    await check.showLatest();
    expect(await metric(context, 'audit_last_success_timestamp_seconds')).toBe((first?.sealedAt ?? 0) / 1000);
    expect(await auditStatus(context)).toMatchObject({ lastCheck: null, lastSuccessAt: null, hashesWalkedAt: null });
    const report = await check.run(new AbortController().signal);
    expect(report).toMatchObject({ clean: true, complete: true, walked: true, faults: [] });
    const status = await auditStatus(context);
    expect(status).toMatchObject({
      log: { length: expect.any(Number), hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
      lastCheck: { clean: true, finishedAt: expect.any(String) },
      ...{ lastSuccessAt: expect.any(String), hashesWalkedAt: expect.any(String) },
    });
    expect(await metric(context, 'audit_faults')).toBe(0);
    const succeededAt = await metric(context, 'audit_last_success_timestamp_seconds');
    expect(succeededAt).toBeGreaterThan(1_700_000_000);

    await roles.db.database.rows("UPDATE accounts SET `name` = 'Eve'");
    await roles.db.database.rows('DELETE FROM audit_runs WHERE clean = 0');
    await roles.db.database.rows('UPDATE audit_runs SET checked_position = 0, checked_hash = REPEAT(CHAR(0), 32)');
    await roles.db.database.rows("UPDATE audit_runs SET checked_sealed_at = '1970-01-01'");
    expect(await check.run(new AbortController().signal)).toMatchObject({ clean: false });
    expect(context.messages('error')).toContain('the sealed log does not agree with the books');
    expect(await metric(context, 'audit_faults')).toBeGreaterThan(0);
    expect(await metric(context, 'audit_last_success_timestamp_seconds')).toBe(succeededAt);
  });

  it('runs when it is due, in one keeper', async () => {
    const context = await keeperWithLog('checked-2');
    const signal = new AbortController().signal;
    const everySecond = {
      ...context,
      config: { ...context.config, audit: { ...context.config.audit, cron: '* * * * * *' } },
    };
    await roles.db.database.rows('DELETE FROM audit_runs');
    await Promise.all([0, 1].map(() => new SharedSelfCheck(everySecond).whenDue(signal)));
    const runs = await roles.db.database.rows('SELECT 1 FROM audit_runs');
    expect(runs.length).toBeGreaterThan(0);
  });
});

it('A keeper does not start if the key file contains no key, and does not quote the file', async () => {
  const context = await roles.context({ ROLE: 'keeper', AUDIT_SIGNING_KEY_FILE: join(files, 'wrong') });
  const { config } = context;
  expect(() => signingKeyOf(config)).toThrow('it is not a private Ed25519 key in PEM');
  expect(() => signingKeyOf(config)).not.toThrow('swordfish');
  await context[Symbol.asyncDispose]();
});
