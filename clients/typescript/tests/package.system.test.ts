import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../../../devstack/testing/temporary.mjs';
import { buildClient, sizesIn } from '../../../scripts/clients/build.ts';
import { PrivateStack } from '../../../verification/harness/stack.ts';

const ROOT = join(import.meta.dirname, '../../..');
const README = readFileSync(join(ROOT, 'clients/typescript/README.md'), 'utf8');
const MS_MAX = 600_000;
/** A built file may be at most this many times as large as its README states. */
const GROWTH_MAX = 1.1;

/** A code block with a name after `ts` is a complete program, and is run. */
const examples = [...README.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)].map(([, name = '', code = '']) => ({
  name,
  code,
}));

/** The project of a user who has installed the package. */
let project: string;
let installed: string;
beforeAll(async () => {
  project = temporaryFolder();
  installed = join(project, 'node_modules/@holdfast/client');
  mkdirSync(installed, { recursive: true });
  await buildClient(installed);
  mkdirSync(join(project, 'node_modules/@types'));
  symlinkSync(join(ROOT, 'node_modules/@types/node'), join(project, 'node_modules/@types/node'));
  symlinkSync(join(ROOT, 'node_modules/undici-types'), join(project, 'node_modules/undici-types'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
  for (const { name, code } of examples) writeFileSync(join(project, `${name}.ts`), code);
}, MS_MAX);

const run = (program: string, args: readonly string[], env: Record<string, string> = {}) =>
  promisify(execFile)(program, args, { cwd: project, env: { ...process.env, ...env } });

/** @throws Error with the output of the compiler */
async function check(name: string, settings: object): Promise<void> {
  const file = `tsconfig.${name}.json`;
  writeFileSync(join(project, file), JSON.stringify(settings));
  const checked = run(join(ROOT, 'node_modules/.bin/tsc'), ['--project', file]);
  await checked.catch((error: { stdout?: string }) => {
    throw new Error(error.stdout, { cause: error });
  });
}

describe('The package', () => {
  it('has no dependencies', () => {
    const { dependencies, peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
    expect({ dependencies, peerDependencies }).toEqual({});
  });

  it('is about as large as its README states', () => {
    for (const { file, kib, gzipKib } of sizesIn(installed)) {
      const [, stated, compressed] =
        new RegExp(`\`dist/${file}\`[^|]*\\| ([\\d.]+) KiB \\| ([\\d.]+) KiB`).exec(README) ?? [];
      expect(kib, file).toBeLessThan(Number(stated) * GROWTH_MAX);
      expect(gzipKib, file).toBeLessThan(Number(compressed) * GROWTH_MAX);
    }
  });

  it(
    'has type declarations that strict projects accept, for Node.js and for browsers',
    async () => {
      const strict = { noEmit: true, strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
      const page =
        "import { Holdfast } from '@holdfast/client';\nexport const holdfast = new Holdfast({ url: '', apiKey: '' });\n";
      writeFileSync(join(project, 'page.ts'), page);
      await check('node', {
        compilerOptions: { ...strict, module: 'nodenext', types: ['node'], lib: ['es2023'] },
        files: examples.map(({ name }) => `${name}.ts`),
      });
      const lib = ['es2022', 'dom', 'dom.iterable', 'dom.asynciterable'];
      const browser = { module: 'esnext', moduleResolution: 'bundler', target: 'es2022', types: [], lib };
      await check('browser', { compilerOptions: { ...strict, ...browser }, files: ['page.ts'] });
    },
    MS_MAX,
  );
});

describe('The examples in the README', () => {
  let stack: PrivateStack;
  beforeAll(async () => {
    stack = await PrivateStack.start();
  }, MS_MAX);
  afterAll(() => stack?.[Symbol.asyncDispose](), MS_MAX);

  it.each([
    ['first-transfer', /^posted \S+ \S+Z\n$/],
    ['stored-id', /^posted true\n$/],
    ['many-transfers', /^\{ posted: 2500 \}\n$/],
    ['what-failed', /^\{\n[\s\S]*posted: 1,\n[\s\S]*failed: 1,[\s\S]*\}\n\S+ account_not_found .*nobody.*\n$/],
    ['holds', /^posted CAPTURED\nposted\n$/],
    ['history', /^-?\d+\.\d\d -?\d+\.\d\d\n(.+Z .+\n){0,3}text\/csv.* true\n$/],
    ['feed', /^\d+\.\d\d EUR true\n$/],
    ['webhook', /^verified \[\]\n204 400\n$/],
  ])(
    '%s runs, and prints what is expected',
    async (name, printed) => {
      const { apiKey, api } = stack.file;
      const { stdout, stderr } = await run(join(ROOT, 'node_modules/.bin/tsx'), [`${name}.ts`], {
        API: api[0] ?? '',
        KEY: apiKey,
      });
      expect(stderr).toBe('');
      expect(stdout).toMatch(printed);
    },
    MS_MAX,
  );

  it('are all run', () => {
    expect(examples.map(({ name }) => name)).toEqual([
      'first-transfer',
      'stored-id',
      'many-transfers',
      'what-failed',
      'holds',
      'history',
      'feed',
      'webhook',
    ]);
  });
});
