import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { temporaryFolder } from '../testing/temporary.mjs';
import { endOrphans, findOrphans, partOf } from './orphans.mjs';
import { launch } from './process.mjs';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

const inA = (stack: string) => stack === '/a';

test.each([
  ['marked for this stack', 'PATH=/bin\0HOLDFAST_STACK=/a\0HOLDFAST_PART=redis\0', 'redis'],
  ['of another stack', 'HOLDFAST_STACK=/a/b\0HOLDFAST_PART=redis\0', null],
  ['with the folder in a different variable', 'STACK_DIR=/a\0HOLDFAST_PART=redis\0', null],
  ['without a part', 'HOLDFAST_STACK=/a\0', null],
  ['with an unknown part', 'HOLDFAST_STACK=/a\0HOLDFAST_PART=editor\0', null],
  ['that has ended (a zombie)', '', null],
])('a process %s', (_name, environ, part) => {
  expect(partOf(environ, inA)).toBe(part);
});

test('finds only processes of this stack, and ignores what cannot be read', () => {
  for (const [pid, environ] of [
    ['101', 'HOLDFAST_STACK=/a\0HOLDFAST_PART=api\0'],
    ['102', 'HOLDFAST_STACK=/c\0HOLDFAST_PART=api\0'],
    ['self', 'HOLDFAST_STACK=/a\0HOLDFAST_PART=api\0'],
  ] as const) {
    mkdirSync(join(dir, pid));
    writeFileSync(join(dir, pid, 'environ'), environ);
  }
  mkdirSync(join(dir, '103'));
  expect(findOrphans(inA, dir)).toEqual([{ pid: 101, part: 'api' }]);
});

test('ends a process that was left behind, by force if necessary', async () => {
  const left = launch({
    name: 'a process that ignores SIGTERM',
    part: 'keeper',
    command: process.execPath,
    args: ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log("deaf")'],
    stack: dir,
    logFile: join(dir, 'log'),
    answers: async () => true,
    readyMsMax: 1000,
    stopMsMax: 1000,
  });
  expect(await endOrphans((stack) => stack === dir, { stopMsMax: 100 })).toEqual([{ pid: left.pid, part: 'keeper' }]);
  expect(await left.ended).toMatch(/^SIG(KILL|TERM)$/);
  expect(findOrphans((stack) => stack === dir)).toEqual([]);
});
