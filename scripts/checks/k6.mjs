/**
 * Checks whether k6 can still run loadtest/k6: every scenario is bundled into an archive, a wrong variable is rejected,
 * and one scenario runs for a few seconds against its own stack, with consistent books.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readCommandLine } from '../../app/config/command-line.mjs';
import { findTool, ROOT, runTool } from '../../devstack/install/go-tools.mjs';
import { SKIPPED } from '../testing/checks.mjs';

readCommandLine({
  name: 'node scripts/checks/k6.mjs',
  about: 'Bundles every k6 scenario, and runs one for a few seconds.',
  options: {},
});

const SCENARIOS = join(ROOT, 'loadtest', 'k6', 'scenarios');

/** @param {string} text */
function fault(text) {
  console.error(text);
  process.exitCode = 1;
}

function archives() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-k6-'));
  try {
    for (const name of readdirSync(SCENARIOS)) {
      const { ok, stderr } = runTool('k6', ['archive', '-O', join(folder, `${name}.tar`), join(SCENARIOS, name)]);
      if (ok) console.log(`${name}: packed`);
      else fault(`${name}: ${stderr}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refusesNonsense() {
  const { ok, stderr } = runTool('k6', [
    'archive',
    '-O',
    '/dev/null',
    '-e',
    'RATE=many',
    join(SCENARIOS, 'mixed-day.ts'),
  ]);
  if (ok || !stderr.includes('RATE must be a whole number')) fault(`RATE=many was not rejected: ${stderr}`);
  else console.log('RATE=many is rejected');
}

/** A low rate and generous limits, because this only tests whether k6 works, on a machine that may be busy. */
function runs() {
  const args = [
    'loadtest/k6/run.ts',
    'mixed-day',
    '--seconds',
    '5',
    '--rate',
    '50',
    '--accounts',
    '100',
    '--patience',
    '50',
  ];
  const { status } = spawnSync(join(ROOT, 'node_modules', '.bin', 'tsx'), args, {
    cwd: ROOT,
    stdio: 'inherit',
    timeout: 240_000,
  });
  if (status !== 0) fault(`k6 exited with code ${status} in mixed-day`);
}

if (findTool('k6') === null) {
  console.log('Neither Go 1.21 or newer nor k6 is installed: not checked.');
  process.exitCode = SKIPPED;
} else {
  archives();
  refusesNonsense();
  runs();
}
