import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ApiUnderTest, keyWith } from '../../../app/api/testing/api-under-test.ts';
import { shardOfAccount } from '../../../app/domain/account-shard.ts';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { run } from '../src/run.ts';

const KEY = keyWith('balances:read', 'accounts:write', 'transfers:write', 'ops');

let api: ApiUnderTest;
let sharded: ApiUnderTest;
let home: string;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.clock.time = Date.now();
  api.ledger.open('world', { external: true });
  api.ledger.open('ada');
  const { ops } = api.deps;
  const shards = [
    { shard: 0, mode: 'CACHE', epoch: 3, journal: { length: 7, ageMs: 90 }, pods: [{}, {}], keepers: [{}] },
    { shard: 1, problem: { code: 'database_unavailable', detail: 'MySQL is unavailable' } },
  ];
  sharded = await ApiUnderTest.start({ ops: { ...ops, status: async () => ({ mode: 'MIXED', shards }) } });
  home = temporaryFolder();
});
afterAll(() => Promise.all([api.stop(), sharded.stop()]));

async function holdfast(line: string, { url = api.url, signal = new AbortController().signal } = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const env = { HOLDFAST_URL: url, HOLDFAST_API_KEY: KEY };
  const code = await run(line.split(' '), { env, home, stdout, stderr, stdin: Readable.from([]), signal });
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  return { code, out: text(stdout), err: text(stderr) };
}

describe('A list', () => {
  it('of transfers is printed as a table, with the filters of the command', async () => {
    await holdfast('transfers create --from world --to ada --amount 1.00 --currency EUR --id list-1');
    const outcome = await api.ledger.outcome('list-1');
    const place = { at: outcome.acceptedAt, transactionId: 'list-1' };
    api.search.transferPage = { items: [{ place, outcome, state: 'decided' }], next: null, asOf: 0 };
    const { code, out } = await holdfast(
      'transfers list --account ada --counterparty world --metadata n=a=b --currency EUR --min-amount 1.00 --limit 500',
    );
    expect([code, out]).toEqual([
      0,
      expect.stringMatching(/^ACCEPTED .*\n\S+ +POSTED +world +ada +1\.00 +EUR .*list-1\n$/),
    ]);
    expect(api.search.transferQuery).toMatchObject({
      filter: { account: 'ada', counterparty: 'world', metadata: { key: 'n', value: 'a=b' }, amountMin: 100 },
      order: 'desc',
      limit: 200,
    });
    expect(JSON.parse((await holdfast('transfers list --json')).out)).toMatchObject({ transactionId: 'list-1' });
    expect((await holdfast('transfers list --metadata x')).code).toBe(2);
    expect((await holdfast('transfers list --counterparty x')).err).toContain('requires account');
  });

  it('of accounts is printed as a table', async () => {
    const account = {
      ...{ accountId: 'ada', currency: 'EUR', external: false, name: 'Ada', overdraftLimit: 0, openedAt: 0 },
      ...{ status: 'ACTIVE' as const, balance: 1250, held: 50, version: 2, settingsVersion: 1 },
    };
    api.search.accountPage = { items: [account], next: null, asOf: 0 };
    const { out } = await holdfast('accounts list --prefix a --status ACTIVE');
    expect(out).toMatch(/^ACCOUNT .*\nada +ACTIVE +12\.50 +0\.50 +EUR +Ada\n$/);
    expect(api.search.accountQuery).toMatchObject({ prefixes: ['a'], status: 'ACTIVE', order: 'asc', limit: 20 });
  });
});

describe('An import', () => {
  const HEADER = 'sourceAccount,destinationAccount,amount,currency';
  const file = (name: string, ...rows: string[]) => {
    const path = join(home, name);
    writeFileSync(path, [HEADER, ...rows, ''].join('\n'));
    return path;
  };
  const row = (destination: string) => `world,${destination},1.00,EUR`;

  it('posts the payments of a file, and lists the items of its batch that failed', async () => {
    const path = file('some.csv', row('ada'), row('nobody'), row('ada'));
    const { code, out } = await holdfast(`import ${path} --batch friday`);
    expect(code).toBe(3);
    expect(out).toMatch(/^2 of 3 payments are posted\.\n1 not accepted/);
    expect((await holdfast('batches show friday')).out).toMatch(
      /^batch +friday\nitems +3\nposted +2\nrejected +0\nfailed +1\n/,
    );
    const failed = await holdfast('batches items friday --status FAILED');
    expect(failed.out).toMatch(/^TRANSFER .*\n\S+ +FAILED +account_not_found +\S.*nobody.*\n$/);
    expect(await holdfast('batches items friday --status REJECTED')).toMatchObject({
      out: '',
      err: 'There are none.\n',
    });
    expect(await holdfast('batches show no-such-batch')).toMatchObject({ code: 4 });
    const { out: json } = await holdfast(`import ${path} --batch friday --json`);
    expect(JSON.parse(json)).toMatchObject({ exitCode: 3, results: `${path}.results.csv` });
  });
  it('of a valid file succeeds, even the second time', async () => {
    const path = file('good.csv', row('ada'));
    expect(await holdfast(`import ${path}`)).toMatchObject({ code: 0 });
    expect(await holdfast(`import ${path}`)).toMatchObject({ code: 0 });
    // The results of this ledger are not replaced by those of another ledger.
    const results = readFileSync(`${path}.results.csv`, 'utf8');
    const other = await holdfast(`import ${path}`, { url: sharded.url });
    expect(other).toMatchObject({ code: 4, err: expect.stringContaining('--same-ledger') });
    expect(readFileSync(`${path}.results.csv`, 'utf8')).toBe(results);
  });
  it('of an invalid file sends nothing', async () => {
    const path = file('wrong.csv', 'world,ada,one,EUR');
    expect(await holdfast(`import ${path}`)).toMatchObject({
      code: 4,
      err: expect.stringContaining('Nothing was sent'),
    });
    expect(await holdfast(`import ${path} --dry-run`)).toMatchObject({
      code: 4,
      out: expect.stringContaining('0 of 1'),
    });
    expect(await holdfast(`import ${path} --batch a/b`)).toMatchObject({ code: 2 });
  });
  it('that is not finished asks the user to run it again', async () => {
    const gone = await ApiUnderTest.start();
    const { url } = gone;
    await gone.stop();
    const late = await holdfast(`import ${file('late.csv', row('ada'))} --timeout 1`, { url });
    expect(late).toMatchObject({ code: 5, err: expect.stringMatching(/Run the same command again/) });
  });
});

describe('Shards', () => {
  it('are shown one per line, including those that do not answer', async () => {
    const { code, out } = await holdfast('shards', { url: sharded.url });
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
      'SHARD MODE EPOCH JOURNAL AGE MS PODS KEEPERS FROZEN PROBLEM',
      '0 CACHE 3 7 90 2 1 ?',
      '1 ? ? ? ? ? ? ? MySQL is unavailable',
      '',
    ]);
    expect((await holdfast('shards')).out).toMatch(/\n +0 +CACHE /);
  });
  it('have accounts', async () => {
    const accounts = ['ada', 'bob', 'eve', 'kim'];
    const { out } = await holdfast(`shards --json ${accounts.join(' ')}`, { url: sharded.url });
    const places = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(places).toEqual(accounts.map((accountId) => ({ accountId, shard: shardOfAccount(accountId, 2) })));
    expect((await holdfast('shards ada')).out).toMatch(/^ACCOUNT +SHARD\nada +0\n$/);
  });
});

describe('The emergency stop', () => {
  it('is set and released with a reason, and shown', async () => {
    expect(await holdfast('stop')).toMatchObject({ code: 2, err: expect.stringContaining('--reason is missing') });
    const stopped = await holdfast('stop --reason wrong-prices-since-nine');
    expect([stopped.code, stopped.out]).toEqual([
      0,
      expect.stringMatching(/^state +stopped\nconfirmed +yes\nnumber +1\n$/),
    ]);
    expect(await holdfast('release --reason prices-are-corrected')).toMatchObject({ code: 2 });
    expect(await holdfast('release --reason prices-are-corrected --number 1')).toMatchObject({ code: 0 });
    expect((await holdfast('stops')).out).toMatch(/^state +open\n/);
  });
  it('is not complete until the stores have confirmed it', async () => {
    const state = { stopped: true, enforced: false, number: 1, changes: [], olderProcesses: ['old-pod'] };
    vi.spyOn(api.deps.ops, 'setStopped').mockResolvedValueOnce(state);
    const answer = await holdfast('stop --reason wrong-prices-since-nine');
    expect(answer).toMatchObject({ code: 5, err: expect.stringContaining('the same command again') });
    expect(answer.out).toMatch(/confirmed +not yet\n[\s\S]*do not obey +old-pod/);
  });
});

describe('A new key', () => {
  it('whose answers are all lost is named, so that it can be revoked', async () => {
    const deaf = createServer((request) => request.resume().on('end', () => request.socket.destroy()));
    await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
    const lost = await holdfast('keys create --user shop --scopes ops --id key-7 --timeout 1', { url });
    expect(lost).toMatchObject({ code: 5, out: '' });
    expect(lost.err).toContain('holdfast keys revoke key-7');
    const json = await holdfast('keys rotate key-7 --json --timeout 1', { url });
    expect(JSON.parse(json.err)).toMatchObject({
      error: 'OutcomeUnknownError',
      keyId: expect.stringMatching(/^\S{36}$/),
    });
    deaf.close();
  });
});
