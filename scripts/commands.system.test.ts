import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../devstack/testing/temporary.mjs';

const ROOT = join(import.meta.dirname, '..');
const FOLDERS = [
  'app',
  'clients',
  'devstack',
  'importer',
  'loadtest',
  'mock-data',
  'resilience-tests',
  'scripts',
  'simulator',
  'verification',
];
/** A start through tsx takes seconds on a busy machine. */
const MS_MAX = 180_000;
/** Programs that are started only by the commands, never by users, and that need arguments. */
const CHILDREN = /^loadtest\/ceiling\/|^(resilience-tests|verification)\/harness\//;

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)),
).filter((path) => /\.(ts|mjs)$/.test(path) && !/\.test\.ts$|node_modules/.test(path));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

/** The commands of package.json, and every other file that reads a command line. */
const commands = [
  ...Object.values(scripts),
  ...sources
    .filter((path) => /\bread(Write)?Command(Line)?\(/.test(read(path)) && path !== 'app/config/command-line.mjs')
    .filter((path) => !/\/options\.ts$/.test(path) && !Object.values(scripts).some((line) => line.includes(path)))
    .map((path) => `${path.endsWith('.ts') ? 'tsx' : 'node'} ${path}`),
];

interface Outcome {
  code: number | string | null | undefined;
  stdout: string;
  stderr: string;
}

function run(command: string, option: string, folder: string): Promise<Outcome> {
  const env = { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`, STACK_DIR: folder };
  // The command tsx does the same, but starts two processes.
  const direct = command.replace(/^tsx /, 'exec node --import tsx ');
  return new Promise((resolve) => {
    execFile('sh', ['-c', `${direct} ${option}`], { cwd: ROOT, env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test('the list of commands includes those that users run', () => {
  expect(commands).toEqual(
    expect.arrayContaining([
      'exec node scripts/start.mjs',
      'tsx resilience-tests/run.ts',
      'tsx loadtest/sizing.ts',
      'tsx loadtest/protocol-cost.ts',
      'tsx resilience-tests/restart-time.ts',
      'tsx app/main.ts',
      'node scripts/checks/alerts.mjs',
      'node scripts/chart/manifests.mjs',
    ]),
  );
});

test.concurrent.each(commands)(
  '%s --help prints the help, and starts nothing',
  async (command) => {
    const folder = join(temporaryFolder(), 'stack');
    const { code, stdout, stderr } = await run(command, '--help', folder);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: .*\n\n[\s\S]+Options\n[\s\S]*--help/);
    expect(existsSync(folder)).toBe(false);
  },
  MS_MAX,
);

/** Only the commands of package.json: the others share the code, and a start of tsx takes half a second. */
test.concurrent.each(Object.values(scripts))(
  '%s rejects an unknown option, and starts nothing',
  async (command) => {
    const folder = join(temporaryFolder(), 'stack');
    const { code, stdout, stderr } = await run(command, '--no-such-option', folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Unknown option '--no-such-option'\.\nTry: .* --help\n$/);
    expect(existsSync(folder)).toBe(false);
  },
  MS_MAX,
);

test('no other file reads a command line', () => {
  const others = sources.filter((path) => /parseArgs|process\.argv(?!\[1\])/.test(read(path)));
  const allowed =
    /^app\/config\/command-line\.mjs$|^app\/main\.ts$|^loadtest\/(k6\/)?run\.ts$|^resilience-tests\/kubernetes\/run\.ts$/;
  expect(others.filter((path) => !allowed.test(path) && !CHILDREN.test(path))).toEqual([]);
});
