import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readJson } from '../system/folder.mjs';
import { whileLocked } from '../system/lock.mjs';
import { temporaryFolder } from '../testing/temporary.mjs';
import { installRuntime, runtimeOf } from './runtime.mjs';

const root = join(import.meta.dirname, '..', '..');
const majorOf = (version: string): number => Number.parseInt(version.replace('v', ''), 10);

describe('The Node.js of the pods', () => {
  beforeAll(() => whileLocked(root, () => installRuntime({ root, logFile: join(temporaryFolder(), 'log') })));

  it("is never older than the machine's Node.js, and runs", () => {
    const version = execFileSync(runtimeOf(root), ['--version'], { encoding: 'utf8' });
    expect(majorOf(version)).toBeGreaterThanOrEqual(majorOf(process.version));
  });

  it('is the packaged Node.js if the machine can run it and has an older one', async () => {
    const { dependencies } = readJson(join(root, 'devstack', 'runtime', 'package.json')) as {
      dependencies: Record<string, string>;
    };
    const [[name = '', wanted = ''] = []] = Object.entries(dependencies);
    const ours = name === `node-${process.platform}-${process.arch}` && majorOf(process.version) < majorOf(wanted);
    const version = execFileSync(runtimeOf(root), ['--version'], { encoding: 'utf8' }).trim();
    expect(version).toBe(ours ? `v${wanted}` : process.version);
  });

  it("is the machine's Node.js, without an error, if the packaged one is missing", async () => {
    const folder = temporaryFolder();
    await installRuntime({ root: folder, logFile: join(folder, 'log') });
    expect(runtimeOf(folder)).toBe(process.execPath);
  });
});
