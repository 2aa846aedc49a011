import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { buildCli } from '../../../scripts/clients/build.ts';
import { PrivateStack } from '../../../verification/harness/stack.ts';

const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const MS_MAX = 600_000;
const blocks = [...README.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

/** The built file, in a folder without the packages of this repository. */
let folder: string;
let stack: PrivateStack;
beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(join(folder, 'bin'));
  symlinkSync(await buildCli(folder), join(folder, 'bin/holdfast'));
  stack = await PrivateStack.start();
  mkdirSync(join(folder, '.local'));
  writeFileSync(join(folder, '.local/api-key'), stack.file.apiKey);
}, MS_MAX);
afterAll(() => stack?.[Symbol.asyncDispose](), MS_MAX);

const bash = (script: string) =>
  promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env: { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, XDG_CONFIG_HOME: folder },
  });

describe('The built command line', () => {
  it(
    'works as the first steps of its README show',
    async () => {
      const steps = blocks.find((block) => block.includes('profile add')) ?? '';
      const { stdout } = await bash(steps.replace('http://127.0.0.1:8080', stack.file.api[0] ?? ''));
      expect(stdout).toMatch(/^Stored local in .*profiles\.json\.\nACCOUNT +BALANCE/);
      expect(stdout).toMatch(/\nposted +\S+\n/);
      expect(stdout).toMatch(/\n\S+Z +transfer +-12\.34 +\S+ +demo-bob +Invoice 7 +\S+\n/);
      expect(stdout).toMatch(/\nWrote january\.csv\.\n/);
      expect(stdout).toMatch(/\nmode +CACHE/);
      expect(readFileSync(join(folder, 'january.csv'), 'utf8')).toMatch(/\nclosing_balance/);
    },
    MS_MAX,
  );
  it(
    'imports a file, and lists what failed, as its README shows',
    async () => {
      const { stdout } = await bash(blocks.find((block) => block.includes('holdfast import')) ?? '');
      expect(stdout).toMatch(/^1 of 2 payments are posted\.\n/);
      expect(stdout).toMatch(/\n\S+ +FAILED +account_not_found +.*nobody/);
    },
    MS_MAX,
  );
  it(
    'makes a payment in a loop, as its README shows',
    async () => {
      const loop = blocks.find((block) => block.includes('new-id')) ?? '';
      const { stdout } = await bash(loop);
      expect(stdout).toMatch(/^posted +\S+\n/);
    },
    MS_MAX,
  );
  it(
    'repeats a payment in this loop while its outcome is unknown, and while the service is unavailable',
    async () => {
      const loop = blocks.find((block) => block.includes('new-id')) ?? '';
      const stub = `echo 0 >runs; sleep() { :; }
        holdfast() {
          [ "$1" = new-id ] && { echo an-id; return; }
          local run=$(cat runs); echo $((run + 1)) >runs; echo "$*" >>sent
          case $run in 0) return 6 ;; 1) return 5 ;; esac
        }`;
      await bash(`${stub}\n${loop}`);
      const sent = readFileSync(join(folder, 'sent'), 'utf8').trim().split('\n');
      expect(sent.map((line) => line.includes('--id an-id --in-doubt'))).toEqual([false, true, true]);
    },
    MS_MAX,
  );
  it(
    'keeps its exit code if nobody reads its output',
    async () => {
      const refused = 'holdfast transfers create --from demo-alice --to demo-bob --amount 99999999 --currency EUR';
      await expect(bash(`${refused} | head -c 0`)).rejects.toMatchObject({ code: 3 });
    },
    MS_MAX,
  );
  it(
    'completes words in bash',
    async () => {
      const complete = (words: string, at: number) =>
        `COMP_WORDS=(${words}); COMP_CWORD=${at}; _holdfast; echo "\${COMPREPLY[*]}"`;
      const { stdout } = await bash(
        `eval "$(holdfast completion bash)"; ${complete('holdfast acc', 1)}; ${complete('holdfast accounts set ada --status ""', 5)}`,
      );
      expect(stdout).toBe('accounts\nACTIVE CLOSED FROZEN SUSPENDED\n');
    },
    MS_MAX,
  );
});
