import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiUnderTest, keyWith } from '../../../app/api/testing/api-under-test.ts';
import { Problem } from '../../../app/domain/problem.ts';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { COMMANDS } from '../src/commands/all.ts';
import { run } from '../src/run.ts';

const KEY = keyWith('balances:read', 'accounts:write', 'transfers:write', 'ops');

let api: ApiUnderTest;
let home: string;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.clock.time = Date.now();
  api.ledger.open('world', { external: true });
  api.ledger.open('ada', { balance: 100_000, name: 'Ada' });
  api.ledger.open('bob');
  home = temporaryFolder();
  writeFileSync(join(home, 'key'), `${KEY}\n`);
  expect(await holdfast(`profile add test --url ${api.url} --key-file ${join(home, 'key')}`)).toMatchObject({
    code: 0,
  });
});
afterAll(() => api.stop());

/** Runs a command line as a shell would, without quotes. */
async function holdfast(line: string, { env = {}, stdin = '', signal = new AbortController().signal } = {}) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const args = line.split(' ').filter((word) => word !== '');
  const machine = { env, home, stdout, stderr, stdin: Readable.from([stdin]), signal };
  const code = await run(args, machine);
  const text = (stream: PassThrough) => String(stream.read() ?? '');
  const out = text(stdout);
  return {
    code,
    out,
    err: text(stderr),
    json: () =>
      out
        .trim()
        .split('\n')
        .map((one) => JSON.parse(one)),
  };
}

const TRANSFER = 'transfers create --from ada --to bob --currency EUR';

describe('holdfast', () => {
  it('lists its commands, and explains each', async () => {
    const overview = await holdfast('');
    expect(overview.code).toBe(0);
    for (const { path } of COMMANDS) {
      expect(overview.out).toContain(path);
      expect(await holdfast(`${path} --help`)).toMatchObject({
        code: 0,
        out: expect.stringContaining(`holdfast ${path}`),
      });
    }
  });
  it.each([
    ['nonsense', /no command "nonsense"/],
    ['transfers destroy', /no command "transfers destroy"/],
    ['status --no-such-option', /Unknown option/],
    ['accounts show', /ACCOUNT is missing/],
    ['transfers create --from ada', /--to is missing/],
    ['accounts set ada', /Nothing to change/],
    ['accounts set ada --status ASLEEP', /must be one of/],
    [`${TRANSFER} --amount 1 --metadata x`, /NAME=VALUE/],
    ['status --profile other', /no profile "other"/],
    ['status --url http://elsewhere', /is for http/],
  ])('refuses "%s" with exit code 2', async (line, message) => {
    const { code, err, out } = await holdfast(line);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });

  it('opens accounts, and shows them', async () => {
    expect(await holdfast('accounts open eve --currency EUR --name Eve --overdraft-limit 5')).toMatchObject({
      code: 0,
    });
    const { out } = await holdfast('accounts show eve');
    expect(out).toMatch(/^account +eve\nname +Eve\nstatus +ACTIVE\nbalance +0\.00 EUR\n/);
    expect((await holdfast('accounts show eve --json')).json()).toMatchObject([
      { accountId: 'eve', overdraftLimit: '5.00' },
    ]);
    expect(await holdfast('accounts set eve --status FROZEN')).toMatchObject({
      code: 0,
      out: expect.stringContaining('FROZEN'),
    });
    expect(await holdfast('accounts balance eve ada nobody')).toMatchObject({
      code: 4,
      out: expect.stringMatching(/^ACCOUNT +BALANCE +HELD +AVAILABLE +CURRENCY\neve .*\nada +1000\.00 .*\n$/s),
      err: 'Not found: nobody\n',
    });
  });

  it('transfers once under an id', async () => {
    const first = await holdfast(`${TRANSFER} --amount 1 --id mine --reference one --metadata a=b=c`);
    expect(first).toMatchObject({ code: 0, err: 'Transaction id: mine\n' });
    expect(first.out).toMatch(/^posted +mine\n/);
    const [again] = (await holdfast(`${TRANSFER} --amount 1 --id mine --reference one --metadata a=b=c --json`)).json();
    expect(again).toMatchObject({ outcome: 'posted', transfer: { replayed: true } });
    expect((await holdfast('transfers show mine --json')).json()).toMatchObject([
      { reference: 'one', metadata: { a: 'b=c' } },
    ]);
    expect(await holdfast('transfers show mine')).toMatchObject({
      code: 0,
      out: expect.stringContaining('metadata a'),
    });
    expect(await holdfast('transfers reverse mine')).toMatchObject({ code: 0 });
  });
  it('has an exit code for each kind of outcome', async () => {
    expect(await holdfast(`${TRANSFER} --amount 1 --id mine2`)).toMatchObject({ code: 0 });
    expect(await holdfast(`${TRANSFER} --amount 1000000`)).toMatchObject({
      code: 3,
      out: expect.stringContaining('insufficient_funds'),
    });
    expect(await holdfast(`${TRANSFER} --amount 1.001`)).toMatchObject({
      code: 4,
      err: expect.stringContaining('/amount'),
    });
    expect(await holdfast('transfers show nothing')).toMatchObject({
      code: 4,
      err: expect.stringContaining('transfer_not_found'),
    });
    api.ledger.failures.set('apply', new Problem('ledger_closed', 'closed', { retryAfterSeconds: 60 }));
    expect(await holdfast(`${TRANSFER} --amount 1`)).toMatchObject({ code: 6 });
    api.ledger.failures.set('apply', new Problem('outcome_unknown', 'late', { retryAfterSeconds: 60 }));
    const unknown = await holdfast(`${TRANSFER} --amount 1 --id late`);
    expect(unknown).toMatchObject({ code: 5, out: expect.stringContaining('--id late --in-doubt') });
    // A reversal has no id to repeat.
    const reversed = await holdfast('transfers reverse mine2');
    expect(reversed).toMatchObject({ code: 5, out: expect.stringMatching(/ with --in-doubt\n$/) });
    api.ledger.failures.set('apply', new Problem('ledger_closed', 'closed', { retryAfterSeconds: 60 }));
    expect(await holdfast('transfers reverse mine2')).toMatchObject({ code: 6 });
    expect(await holdfast('transfers reverse mine2 --in-doubt')).toMatchObject({ code: 5 });
    api.ledger.failures.delete('apply');
    const env = { HOLDFAST_URL: 'http://127.0.0.1:9', HOLDFAST_API_KEY: 'k' };
    expect(await holdfast('status --timeout 1', { env })).toMatchObject({ code: 6 });
  });
  it('prints problems as JSON for programs', async () => {
    const { code, err } = await holdfast('accounts show nobody --json');
    expect(code).toBe(4);
    expect(JSON.parse(err)).toMatchObject({ error: 'account_not_found', problem: { status: 404 } });
  });
  it('shows what a transfer would do', async () => {
    const { code, out } = await holdfast(`${TRANSFER} --amount 1 --dry-run`);
    expect({ code, out: out.split('\n')[0] }).toEqual({ code: 0, out: expect.stringContaining('would be') });
  });

  it('places, shows, captures and voids holds', async () => {
    const place = 'holds place --account ada --to bob --amount 10 --currency EUR --id';
    expect(await holdfast(`${place} h1`)).toMatchObject({ code: 0, out: expect.stringContaining('10.00 EUR') });
    expect(await holdfast('holds capture h1 --amount 4 --keep-rest')).toMatchObject({ code: 0 });
    expect(await holdfast('holds show h1')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/captured +4\.00 EUR/),
    });
    expect(await holdfast('holds void h1')).toMatchObject({ code: 0, out: expect.stringContaining('VOIDED') });
    expect(await holdfast('holds capture h1')).toMatchObject({
      code: 3,
      out: expect.stringContaining('hold_not_open'),
    });
  });

  it('shows the status, what is unsettled, and the audit, and reconciles', async () => {
    expect(await holdfast('status')).toMatchObject({ code: 0, out: 'mode  CACHE\n' });
    expect((await holdfast('unsettled --json')).json()).toEqual([{ frozenAccounts: [] }]);
    expect(await holdfast('audit status')).toMatchObject({ code: 0, out: 'log length  7\n' });
    expect(await holdfast('reconcile')).toMatchObject({ code: 0, out: 'differences  0\n' });
  });

  it('creates, lists, rotates and revokes keys', async () => {
    const created = await holdfast('keys create --user shop --scopes transfers:write,balances:read');
    expect(created).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\S+\n$/),
      err: expect.stringContaining('shop'),
    });
    const [, keyId = ''] = /^Key (\S+) /.exec(created.err) ?? [];
    const list = await holdfast('keys list');
    expect(list.out).toMatch(new RegExp(`\n${keyId} +shop +ACTIVE `));
    expect(list.out).not.toContain(created.out.trim());
    expect(await holdfast(`keys rotate ${keyId} --overlap-hours 1`)).toMatchObject({ code: 0 });
    expect(await holdfast(`keys revoke ${keyId} --reason test`)).toMatchObject({ code: 0 });
    expect(await holdfast('keys revoke no-such-key')).toMatchObject({ code: 4 });
    expect((await holdfast('keys log --limit 1')).out).toMatch(/^TIME .*\n\S+ +REVOKE[^\n]*\n$/i);
  });

  it('writes a statement to a file only if it is complete', async () => {
    api.ledger.open('quiet');
    const [from, to] = [new Date(api.clock.time - 86_400_000), new Date(api.clock.time - 10_000)].map((at) =>
      at.toISOString(),
    );
    const file = join(home, 'quiet.csv');
    expect(await holdfast(`statement quiet --from ${from} --to ${to} --output ${file}`)).toMatchObject({ code: 0 });
    expect(readFileSync(file, 'utf8')).toMatch(/closing_balance/);
    expect((await holdfast(`statement quiet --from ${from} --to ${to}`)).out).toMatch(/^type,/);
    const other = join(home, 'nobody.csv');
    expect(await holdfast(`statement nobody --from ${from} --to ${to} --output ${other}`)).toMatchObject({ code: 4 });
    expect(existsSync(other) || existsSync(`${other}.part`)).toBe(false);
  });
});

describe('Profiles', () => {
  it('are stored in a file that only their owner can read', async () => {
    const file = join(home, '.config/holdfast/profiles.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    chmodSync(file, 0o644);
    expect(await holdfast('status')).toMatchObject({ code: 2, err: expect.stringContaining(`chmod 600 ${file}`) });
    chmodSync(file, 0o600);
  });
  it('are added from standard input, listed without their keys, chosen and removed', async () => {
    const added = await holdfast('profile add prod --url https://ledger.example.com', { stdin: `${KEY}\n` });
    expect(added).toMatchObject({ code: 0 });
    const { out } = await holdfast('profile list');
    expect(out).toMatch(/\* +test /);
    expect(out).toContain('https://ledger.example.com');
    expect(out).not.toContain(KEY);
    await holdfast('profile use prod');
    expect((await holdfast('profile list --json')).json()[0].profiles).toMatchObject([
      { profile: 'prod', current: true },
      { profile: 'test', current: false },
    ]);
    await holdfast('profile use test');
    expect(await holdfast('profile remove prod')).toMatchObject({ code: 0 });
    expect(await holdfast('profile use prod')).toMatchObject({ code: 2 });
  });
  it.each([
    ['no url', 'profile add x', KEY],
    ['a wrong url', 'profile add x --url ftp://x', KEY],
    ['an empty key', 'profile add x --url http://x', ''],
    ['a key of two lines', 'profile add x --url http://x', 'a\nb'],
    ['an invalid name', 'profile add ../x --url http://x', KEY],
    ['a key file that does not exist', 'profile add x --url http://x --key-file /does/not/exist', ''],
  ])('with %s are refused', async (_, line, stdin) => {
    expect(await holdfast(line, { stdin })).toMatchObject({ code: 2 });
  });
  it('warn about keys that are sent unencrypted', async () => {
    const { err } = await holdfast('profile add open --url http://ledger.example.com', { stdin: KEY });
    expect(err).toContain('unencrypted');
    await holdfast('profile remove open');
  });
  it('take precedence over the service in the environment if the command line names them', async () => {
    const env = { HOLDFAST_URL: 'http://127.0.0.1:9', HOLDFAST_API_KEY: 'of another service' };
    expect(await holdfast('status --profile test --timeout 1', { env })).toMatchObject({ code: 0 });
    expect(await holdfast('status --timeout 1', { env })).toMatchObject({ code: 6 });
    // If the environment contains only a key, it is used for the profile.
    const key = { HOLDFAST_API_KEY: keyWith('balances:read') };
    expect(await holdfast('status --profile test', { env: key })).toMatchObject({ code: 4 });
  });
  it('are not needed if the environment contains the address and the key', async () => {
    const env = { HOLDFAST_URL: api.url, HOLDFAST_API_KEY: KEY, HOLDFAST_PROFILES: '/does/not/exist' };
    expect(await holdfast('status', { env })).toMatchObject({ code: 0 });
  });
});

describe('Completion', () => {
  const complete = async (...words: string[]) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const signal = new AbortController().signal;
    await run(['__complete', ...words], { env: {}, home, stdout, stderr, stdin: Readable.from([]), signal });
    return String(stdout.read() ?? '')
      .trim()
      .split('\n');
  };
  it.each([
    [['acc'], ['accounts']],
    [['accounts', 'b'], ['accounts balance'.slice(9)]],
    [['transfers', 'create', '--am'], ['--amount']],
    [
      ['accounts', 'set', 'ada', '--status', ''],
      ['ACTIVE', 'CLOSED', 'FROZEN', 'SUSPENDED'],
    ],
    [['status', '--profile', ''], ['test']],
    [['profile', 'use', 't'], ['test']],
    [['completion', 'z'], ['zsh']],
    [['nonsense', ''], ['']],
  ])('of %j is %j', async (words, expected) => {
    expect(await complete(...words)).toEqual(expected);
  });
  it('does not offer an option twice', async () => {
    expect(await complete('status', '--json', '--')).not.toContain('--json');
  });
});
