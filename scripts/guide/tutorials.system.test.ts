import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../devstack/testing/temporary.mjs';
import { PrivateStack } from '../../verification/harness/stack.ts';
import { buildCli, buildClient } from '../clients/build.ts';

const ROOT = join(import.meta.dirname, '../..');
const GUIDE = join(ROOT, 'docs/guide');
const MS_MAX = 900_000;

/** A folder like a checkout in which the command line has been built and the ledger is running. */
let folder: string;
let stack: PrivateStack;
beforeAll(async () => {
  folder = temporaryFolder();
  await buildCli(join(folder, 'clients/cli'));
  await buildClient(join(folder, 'node_modules/@holdfast/client'));
  symlinkSync(join(ROOT, 'docs'), join(folder, 'docs'));
  mkdirSync(join(folder, '.local'));
  stack = await PrivateStack.start();
  writeFileSync(join(folder, '.local/api-key'), stack.file.apiKey);
}, MS_MAX);
afterAll(() => stack?.[Symbol.asyncDispose](), MS_MAX);

const url = () => stack.file.api[0] ?? '';
const blocksOf = (page: string) =>
  [...readFileSync(join(GUIDE, `${page}.md`), 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
    ([, code = '']) => code,
  );
const commandsOf = (page: string) => blocksOf(page).join('\n');
/** The tutorials use the command line as it is set up by the first commands of the tutorial on card payments. */
const setUp = () => blocksOf('card-payment')[0] ?? '';

/** Runs a script as a user would, in a shell that exits if a command fails. */
async function bash(script: string): Promise<string> {
  const local = script.replaceAll('http://127.0.0.1:8080', url()).replace('npm run --silent build:clients', 'true');
  const env = { ...process.env, API: url(), KEY: stack.file.apiKey };
  const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', local], { cwd: folder, env });
  return stdout;
}

describe('Every command of the tutorial', () => {
  it(
    '"Your first transfer" works',
    async () => {
      const printed = await bash(commandsOf('first-transfer'));
      expect(printed).toMatch(/^\{"accountId":"demo-alice"/);
      expect(printed).toMatch(/3f2a8c5b7e01"[^\n]*"replayed":false[^\n]*\n[^\n]*3f2a8c5b7e01"[^\n]*"replayed":true/);
      expect(printed).toMatch(/"amount":"2\.50"/);
      expect(await bash(readFileSync(join(GUIDE, 'examples/first-transfer.sh'), 'utf8'))).toMatch(
        /"status":"POSTED".*"replayed":false/,
      );
    },
    MS_MAX,
  );
  it('"Your first transfer" that retries reports no payment as refused if the first answer was lost', async () => {
    const statuses = [0, 401];
    const server = createServer((request, response) => {
      const status = statuses.shift() ?? 500;
      if (status === 0) request.socket.destroy();
      else response.writeHead(status).end('{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const API = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const pay = () =>
      promisify(execFile)('sh', [join(GUIDE, 'examples/payment-with-retries.sh'), 'an-id', 'a', 'b', '1', 'EUR'], {
        cwd: folder,
        env: { ...process.env, API, KEY: 'key' },
      });
    await expect(pay()).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('is not known') });
    statuses.push(401);
    await expect(pay()).rejects.toMatchObject({ code: 1, stdout: '{}' });
    server.close();
  });
  it(
    '"Your first transfer" works in TypeScript',
    async () => {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      writeFileSync(join(folder, 'example.ts'), readFileSync(join(GUIDE, 'examples/first-transfer.ts')));
      const example = `${join(ROOT, 'node_modules/.bin/tsx')} example.ts`;
      expect(await bash(`ID=in-typescript ${example}; ID=in-typescript ${example}`)).toBe(
        'posted in-typescript new\nposted in-typescript replayed\n',
      );
    },
    MS_MAX,
  );
  it(
    '"A card payment" works',
    async () => {
      const printed = await bash(commandsOf('card-payment'));
      expect(printed).toMatch(/card-customer +100\.00 +40\.00 +60\.00/);
      expect(printed).toMatch(/insufficient_funds/);
      expect(printed).toMatch(/card-customer +74\.50 +0\.00 +74\.50/);
      expect(printed).toMatch(/card-shop +25\.50/);
      expect(printed).toMatch(/CAPTURED/);
    },
    MS_MAX,
  );
  it(
    '"A payroll" works',
    async () => {
      const printed = await bash(`${setUp()}\n${commandsOf('payroll')}`);
      expect(printed).toMatch(/3 of 3 rows are valid/);
      expect(printed).toMatch(/2 of 3 payments are posted[\s\S]*not all are paid: exit code 3/);
      expect(printed).toMatch(/FAILED +account_not_found/);
      expect(printed).toMatch(/3 of 3 payments are posted/);
      expect(printed).toMatch(/pay-ada +2500\.00[^\n]*\npay-bob +2600\.00/);
    },
    MS_MAX,
  );
  it(
    '"Reading a history" works',
    async () => {
      await bash(`${setUp()}\nholdfast transfers create --from world --to demo-bob --amount 1 --currency EUR`);
      const printed = await bash(`${setUp()}\n${commandsOf('reading-history')}`);
      expect(printed).toMatch(/"balance":"37\.50"/);
      expect(printed).toMatch(/\n\S+Z +transfer +50\.00 +\S+ +world +Gift/);
      expect(printed).toMatch(/Wrote statement\.csv/);
      expect(printed).toMatch(/holdfast\.account\.opened +read-ada/);
    },
    MS_MAX,
  );
  it(
    '"Going to production" works',
    async () => {
      const printed = await bash(`${setUp()}\n${commandsOf('going-to-production')}`);
      expect(printed).toMatch(/shop-key +shop +ACTIVE/);
      expect(printed).toMatch(/demo-alice +\d/);
      expect(printed).toMatch(/mode +CACHE/);
      expect(printed).not.toContain(readFileSync(join(folder, 'shop.key'), 'utf8').trim());
      for (const file of ['shop.key', 'shop-2.key']) expect(statSync(join(folder, file)).mode & 0o077).toBe(0);
    },
    MS_MAX,
  );
});
