/**
 * `npm test`: installs what is missing, runs all tests and checks, and ends with one line, `N passed, N failed`, which
 * counts every Vitest test, and each other check as one. It continues after a failure, so that one run reports
 * everything.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireNodeVersion } from '../devstack/install/node-version.mjs';

requireNodeVersion();
// Imported only now: these modules use features that an old Node.js does not have.
const { readCommandLine } = await import('../app/config/command-line.mjs');
readCommandLine({
  name: 'npm test --',
  about:
    'Installs missing software, and runs every test and check. For some tests only: npm run test:unit, test:stores or test:system.',
  options: {},
});
const { readJson } = await import('../devstack/system/folder.mjs');
const { whileLocked } = await import('../devstack/system/lock.mjs');
const { findProgram, installNpmPackages, installPrograms, WANTED } = await import('../devstack/install/packages.mjs');
const { installRuntime } = await import('../devstack/install/runtime.mjs');
const { messageOf, print, UserError } = await import('../devstack/system/console.mjs');
const { CheckRunner } = await import('./testing/check-runner.mjs');
const { countTests } = await import('./testing/count.mjs');

/** The time limit for a check that hangs: many times what all tests take while other processes compete for the cores. */
const CHECK_MS_MAX = 2 * 3_600_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const temporary = mkdtempSync(join(tmpdir(), 'holdfast-npm-test-'));
const runner = new CheckRunner({ root, folder: temporary, msMax: CHECK_MS_MAX });

for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(name, () => runner.interrupt());
}

/** @param {string} name */
function binary(name) {
  return join(root, 'node_modules', '.bin', name);
}

async function tests() {
  if (runner.interrupted) return;
  runner.write('\n== Tests and coverage (vitest)\n\n');
  const results = join(temporary, 'results.json');
  const coverage = join(root, 'coverage', 'coverage-summary.json');
  rmSync(coverage, { force: true }); // so that a report found afterwards is from this run
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const chromium = findProgram(...WANTED.chromium.programs);
  const env = chromium === null ? {} : { CHROMIUM_PATH: chromium };
  const code = await runner.run(binary('vitest'), ['run', '--coverage', ...reporters], { env });
  const count = countTests(readJson(results), code, existsSync(coverage));
  if (count.skipped > 0) console.log(`${count.skipped} tests were skipped.`);
  runner.passed += count.passed;
  runner.failed += count.failed;
  runner.faults.push(...count.failedTests.map((test) => test.replace(`${root}/`, '')), ...count.faults);
}

async function setUp() {
  const logs = join(temporary, 'logs');
  await whileLocked(root, async () => {
    await installNpmPackages({ root, logFile: join(logs, 'npm.log') });
    await installRuntime({ root, logFile: join(logs, 'runtime.log') });
  });
  await installPrograms(['redis', 'mysql', 'chromium', 'haproxy', 'promtool'], { logFile: join(logs, 'apt.log') });
  // Imported only now, because it uses what npm has just installed. The build runs here, because a first build takes
  // longer than the time limit of a test.
  const { buildTools } = await import('../devstack/install/go-tools.mjs');
  buildTools();
}

/** The longest checks come first. A new check also comes first until it is added here. */
const ORDER = ['image.mjs', 'k6.mjs', 'chart.mjs', 'alerts.mjs'];
const startsAt = (/** @type {string} */ name) => ORDER.indexOf(name);

async function everything() {
  await setUp();
  const boundaries = ['app', 'verification', '--config', '.dependency-cruiser.cjs'];
  // The longest first.
  await runner.all([
    { name: 'Types (tsc)', command: binary('tsc'), args: ['--noEmit'] },
    { name: 'Nothing unused (knip)', command: binary('knip'), args: [] },
    { name: 'Boundaries (dependency-cruiser)', command: binary('depcruise'), args: boundaries },
    { name: 'Style (biome)', command: binary('biome'), args: ['check', '.'] },
  ]);
  await tests();
  const folder = join(root, 'scripts', 'checks');
  const checks = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.mjs')) : [];
  await runner.all(
    checks
      .sort((a, b) => startsAt(a) - startsAt(b))
      .map((name) => ({ name: `scripts/checks/${name}`, command: process.execPath, args: [join(folder, name)] })),
  );
}

try {
  await everything();
} catch (error) {
  runner.failed += 1;
  runner.faults.push('the setup');
  print(error instanceof UserError ? error.message : messageOf(error));
}
if (runner.interrupted) {
  runner.failed += 1;
  runner.faults.push('interrupted before the end');
}
rmSync(temporary, { recursive: true, force: true });
const { passed, failed, faults } = runner;
if (faults.length > 0) console.log(['\nFailed:', ...faults].join('\n  '));
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
