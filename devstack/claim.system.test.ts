import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { claimFolder } from './claim.mjs';
import { readSettings, type Scope } from './settings.mjs';
import { type StoresFile, writeStoresFile } from './stack-file.mjs';
import { temporaryFolder } from './testing/temporary.mjs';

const STORES: StoresFile = {
  redis: { host: '127.0.0.1', port: 1, pid: 1 },
  mysql: { host: '127.0.0.1', port: 2, user: 'u', password: 'p', database: 'd', pid: 2 },
};

let dir: string;
const others: ChildProcess[] = [];
beforeEach(() => {
  dir = temporaryFolder();
});
afterEach(async () => {
  await Promise.all(others.splice(0).map(end));
  rmSync(dir, { recursive: true });
});

const claim = (scope: Scope) =>
  claimFolder(
    dir,
    { ...readSettings({ STACK_DIR: dir }, '/repo', scope), ports: [] },
    () => false,
    AbortSignal.any([]),
  );

/** Starts another process that claims the folder, and holds the claim until it ends. */
async function startElsewhere(scope: Scope): Promise<ChildProcess> {
  const claimModule = join(import.meta.dirname, 'claim.mjs');
  const code = `const { claimFolder } = await import(${JSON.stringify(claimModule)});
    await claimFolder(${JSON.stringify(dir)}, { scope: '${scope}', ports: [] }, () => false, AbortSignal.any([]));
    console.log('claimed'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  others.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

test('the service alone needs running stores: those of a killed start do not count', async () => {
  writeStoresFile(dir, STORES); // left behind by a start that was killed
  await expect(claim('service')).rejects.toThrow('No stores are running');
});

test('the stores and the service can be claimed by one start each', async () => {
  const stores = await startElsewhere('stores');
  writeStoresFile(dir, STORES);
  await startElsewhere('service');
  await expect(claim('service')).rejects.toThrow('already running');
  await expect(claim('stores')).rejects.toThrow('already running');
  await expect(claim('all')).rejects.toThrow('already running');
  expect(existsSync(join(dir, 'stores.json'))).toBe(true);
  await end(stores);
  // The service waits for its stores. Another start may run them again; it then discards their
  // old addresses.
  await expect(claim('stores')).resolves.toBeNull();
  expect(existsSync(join(dir, 'stores.json'))).toBe(false);
});

test('a whole stack excludes any other start in its folder', async () => {
  await startElsewhere('all');
  writeStoresFile(dir, STORES);
  for (const scope of ['all', 'stores', 'service'] as const) {
    await expect(claim(scope)).rejects.toThrow('already running');
  }
});
