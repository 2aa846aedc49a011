import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from './temporary.mjs';

const ROOT = join(import.meta.dirname, '../..');

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Runs one file in a separate project. @returns the errors of each test, and those of the file itself under `''` */
async function run(project: string, name: string, content: string): Promise<Record<string, string>> {
  mkdirSync(join(dir, 'tests'), { recursive: true });
  writeFileSync(join(dir, 'tests', name), `import { expect, test } from 'vitest';\n${content}`);
  const config = {
    include: ['tests/*'],
    setupFiles: [join(ROOT, 'devstack/testing/reach.ts')],
    provide: { project, redisPort: 9, mysqlUrl: 'mysql://no-store.invalid/' },
  };
  writeFileSync(join(dir, 'vitest.config.mjs'), `export default { test: ${JSON.stringify(config)} };`);
  await new Promise((resolve) => {
    const args = ['run', '--root', dir, '--reporter=json', `--outputFile=${dir}/report.json`];
    execFile(join(ROOT, 'node_modules/.bin/vitest'), args, { cwd: dir }, resolve);
  });
  const report = JSON.parse(readFileSync(join(dir, 'report.json'), 'utf8'));
  const [file] = report.testResults as { message: string; assertionResults: Assertion[] }[];
  const errors = file?.assertionResults.map(({ title, failureMessages }) => [title, failureMessages.join('\n')]) ?? [];
  return { '': file?.message ?? '', ...Object.fromEntries(errors) };
}
interface Assertion {
  title: string;
  failureMessages: string[];
}

test('a unit test may use its own servers, and fails if it connects to any other server or starts a process', async () => {
  const errors = await run(
    'unit',
    'a.test.ts',
    `import { spawn, execFileSync } from 'node:child_process';
     import { createServer } from 'node:http';
     import { once } from 'node:events';
     import { connect } from 'node:net';
     import { inject } from 'vitest';
     test('own', async () => {
       const server = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
       await once(server, 'listening');
       expect(await (await fetch('http://127.0.0.1:' + server.address().port)).text()).toBe('hello');
       server.close();
     });
     test('Redis', () => connect(inject('redisPort'), '127.0.0.1'));
     test('caught', () => { try { connect({ port: 3306 }); } catch {} });
     test('command', () => spawn('node', ['--version']));
     test('program', () => execFileSync('/usr/bin/redis-server', ['--version']));`,
  );
  expect(errors).toMatchObject({
    own: '',
    Redis: expect.stringContaining('It connects to 9, which a test of the project "unit" may not do'),
    caught: expect.stringContaining('rename a.test.ts to a.stores.test.ts'),
    command: expect.stringContaining('rename a.test.ts to a.system.test.ts'),
    program: expect.stringContaining('It starts redis-server'),
  });
});

test('a stores test may start store programs, but no others', async () => {
  const errors = await run(
    'stores',
    'b.stores.test.ts',
    `import { spawn, execFileSync } from 'node:child_process';
     test('Redis', () => expect(String(execFileSync('redis-server', ['--version']))).toContain('v='));
     test('command', () => spawn('node', ['--version']));`,
  );
  expect(errors).toMatchObject({
    Redis: '',
    command: expect.stringContaining('rename b.stores.test.ts to b.system.test.ts'),
  });
});

test('a stores test that uses no store fails, because it belongs in the fast project', async () => {
  const content = `test('pure', () => expect(1).toBe(1)); test('other', () => {});`;
  expect((await run('stores', 'c.stores.test.ts', content))['']).toContain('rename c.stores.test.ts to c.test.ts');
});
