/**
 * `npm test`: installs what is missing, runs all tests and checks, and ends with one line, `N passed, N failed`: every
 * test of Vitest, and each other check as one. It continues after a failure, so that one run reports everything.
 */
import { spawn } from 'node:child_process';
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
const { elapsed, messageOf, print, UserError } = await import('../devstack/system/console.mjs');
const { SKIPPED } = await import('./testing/checks.mjs');
const { countTests } = await import('./testing/count.mjs');

/**
 * The time limit for a check that hangs. All tests take 8 minutes, and three times as long if other processes compete
 * for the cores.
 */
const CHECK_MS_MAX = 2 * 3_600_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const temporary = mkdtempSync(join(tmpdir(), 'holdfast-npm-test-'));
const total = { passed: 0, failed: 0 };
/** @type {string[]} */
const faults = [];
let interrupted = false;
/** @type {import('node:child_process').ChildProcess | null} */
let current = null;

for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(name, () => {
    interrupted = true;
    current?.kill('SIGTERM');
  });
}

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Record<string, string>} [env]
 * @returns {Promise<number | null>} its exit code; null if it was killed or could not be started
 */
function run(command, args, env = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, CI: 'true', ...env },
      timeout: CHECK_MS_MAX,
    });
    current = child;
    child.once('error', (error) => {
      console.error(messageOf(error));
      resolve(null);
    });
    child.once('exit', (code) => resolve(code));
  });
}

/** @param {string} name */
function heading(name) {
  console.log(`\n== ${name}\n`);
}

/**
 * @param {string} name
 * @param {string} command
 * @param {...string} args
 */
async function check(name, command, ...args) {
  if (interrupted) return;
  heading(name);
  const since = performance.now();
  const code = await run(command, args);
  if (code === 0) {
    total.passed += 1;
    console.log(`${name}: passed (${elapsed(since)})`);
  } else if (code === SKIPPED) {
    console.log(`${name}: skipped`);
  } else {
    total.failed += 1;
    faults.push(code === null ? `${name} (killed, or could not be started)` : `${name} (exit code ${code})`);
  }
}

/** @param {string} name */
function binary(name) {
  return join(root, 'node_modules', '.bin', name);
}

async function tests() {
  if (interrupted) return;
  heading('Tests and coverage (vitest)');
  const results = join(temporary, 'results.json');
  const coverage = join(root, 'coverage', 'coverage-summary.json');
  rmSync(coverage, { force: true }); // so that a file found afterwards is from this run
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  const chromium = findProgram(...WANTED.chromium.programs);
  const env = chromium === null ? {} : { CHROMIUM_PATH: chromium };
  const code = await run(binary('vitest'), ['run', '--coverage', ...reporters], env);
  const count = countTests(readJson(results), code, existsSync(coverage));
  if (count.skipped > 0) console.log(`${count.skipped} tests were skipped.`);
  total.passed += count.passed;
  total.failed += count.failed;
  faults.push(...count.failedTests.map((test) => test.replace(`${root}/`, '')), ...count.faults);
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

async function everything() {
  await setUp();
  await check('Style (biome)', binary('biome'), 'check', '.');
  await check('Types (tsc)', binary('tsc'), '--noEmit');
  await check('Nothing unused (knip)', binary('knip'));
  await check(
    'Boundaries (dependency-cruiser)',
    binary('depcruise'),
    'app',
    'verification',
    '--config',
    '.dependency-cruiser.cjs',
  );
  await tests();
  const folder = join(root, 'scripts', 'checks');
  const checks = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.mjs')) : [];
  for (const name of checks.sort()) await check(`scripts/checks/${name}`, process.execPath, join(folder, name));
}

try {
  await everything();
} catch (error) {
  total.failed += 1;
  faults.push('the setup');
  print(error instanceof UserError ? error.message : messageOf(error));
}
if (interrupted) {
  total.failed += 1;
  faults.push('interrupted before the end');
}
rmSync(temporary, { recursive: true, force: true });
if (faults.length > 0) console.log(['\nFailed:', ...faults].join('\n  '));
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
