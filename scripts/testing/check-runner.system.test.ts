import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckRunner } from './check-runner.mjs';

let folder: string;
let written: string[];
let runner: CheckRunner;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-checks-'));
  written = [];
  runner = new CheckRunner({ root: folder, folder, msMax: 600_000, write: (text) => void written.push(text) });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const shell = (name: string, script: string) => ({ name, command: 'sh', args: ['-c', script] });
const resultOf = ({ passed, failed, faults }: CheckRunner) => ({ passed, failed, faults });

describe('checks', () => {
  it('are counted: passed, failed, skipped, killed, or not startable', async () => {
    await runner.all([
      shell('good', 'exit 0'),
      shell('bad', 'exit 3'),
      shell('absent', 'exit 77'),
      shell('dead', 'kill -9 $$'),
      { name: 'missing', command: join(folder, 'no-such-program'), args: [] },
    ]);
    expect(resultOf(runner)).toEqual({
      passed: 1,
      failed: 3,
      faults: expect.arrayContaining([
        'bad (exit code 3)',
        'dead (killed, or could not be started)',
        'missing (killed, or could not be started)',
      ]),
    });
  });

  it('print their output as a whole, with both streams in order, although they run at the same time', async () => {
    // Each check waits for the other one, so neither could end if they ran one after the other.
    const meet = (own: string, other: string) =>
      `echo ${own} 1; touch ${own}; until [ -e ${other} ]; do sleep 0.01; done; echo ${own} 2 >&2; echo ${own} 3`;
    await runner.all([shell('first', meet('a', 'b')), shell('second', meet('b', 'a'))]);
    expect(resultOf(runner)).toEqual({ passed: 2, failed: 0, faults: [] });
    expect(written).toHaveLength(3);
    expect(written).toContainEqual(expect.stringMatching(/^\n== first\n\na 1\na 2\na 3\nfirst: passed \(/));
    expect(written).toContainEqual(expect.stringMatching(/^\n== second\n\nb 1\nb 2\nb 3\nsecond: passed \(/));
  });

  it('that are interrupted count as failed, and no other check is started', async () => {
    const waits = (name: string) => shell(name, `echo > ${name}; exec sleep 3600`);
    const running = runner.all(Array.from({ length: 300 }, (_, index) => waits(`check-${index}`)));
    await expect.poll(() => written.length).toBe(1);
    runner.interrupt();
    await running;
    expect(runner.passed).toBe(0);
    expect(runner.failed).toBeGreaterThan(0);
    expect(runner.failed).toBeLessThan(300);
    await runner.all([shell('late', 'exit 0')]);
    expect(runner.passed).toBe(0);
  });
});
