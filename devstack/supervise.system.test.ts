import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keepRunning } from './supervise.mjs';
import { temporaryFolder } from './testing/temporary.mjs';

let dir: string;
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(() => rmSync(dir, { recursive: true }));

const log = () => readFileSync(join(dir, 'log'), 'utf8');
const keep = (script: string, delayMs = 0) =>
  keepRunning(
    {
      name: 'a program',
      part: 'api',
      command: process.execPath,
      args: ['-e', script],
      stack: dir,
      logFile: join(dir, 'log'),
      answers: async () => log().includes('runs'),
      readyMsMax: 60_000,
      stopMsMax: 60_000,
    },
    { onNewPid: () => {}, signal: new AbortController().signal, delayMs: () => delayMs },
  );

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a program is shut down and restarted as often as requested', async () => {
  const kept = await keep(`process.on('SIGTERM', () => { console.log('ended'); process.exit(); });
    setInterval(() => {}, 1000); console.log('runs');`);
  const pids = [kept.pid()];
  for (const times of [1, 2]) {
    await kept.restart();
    await expect.poll(() => log().match(/runs/g)?.length).toBe(times + 1);
    expect(log().match(/ended/g)?.length).toBe(times);
    pids.push(kept.pid());
  }
  expect(new Set(pids).size).toBe(3);
  expect(await kept.stop()).toBe(true);
});

test('a requested restart does not wait for the delay that follows a crash', async () => {
  const forever = 2 ** 31 - 1;
  const kept = await keep(`console.log('runs'); setInterval(() => {}, 1000);`, forever);
  const before = kept.pid();
  process.kill(Number(before), 'SIGKILL');
  await expect.poll(() => isRunning(Number(before))).toBe(false);
  await kept.restart();
  await expect.poll(kept.pid).not.toBe(before);
  await expect.poll(() => log().match(/runs/g)?.length).toBe(2);
  await kept.stop();
});
