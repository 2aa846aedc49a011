/** `npm run test:unit`, `test:stores` and `test:system`: run the tests of one project, or of some of its files. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { flag, readCommandLine, refuse, text } from '../app/config/command-line.mjs';
import { installPrograms } from '../devstack/install/packages.mjs';
import { messageOf, print, UserError } from '../devstack/system/console.mjs';

/** @typedef {readonly (keyof typeof import('../devstack/install/packages.mjs').WANTED)[]} Programs */
/** @type {Readonly<Record<string, Programs>>} */
const PROGRAMS = {
  unit: [],
  stores: ['redis', 'mysql'],
  system: ['redis', 'mysql', 'chromium', 'haproxy', 'promtool'],
};
const PROJECTS = Object.keys(PROGRAMS);

const command = {
  name: 'node scripts/test-project.mjs',
  about:
    'Runs the tests of one project, and installs the programs that they need: unit (*.test.ts, no stores), stores (*.stores.test.ts) or system (*.system.test.ts). For example: npm run test:stores -- app/redis',
  options: {
    watch: flag('run affected tests again after a change, until Ctrl-C'),
    name: text('PATTERN', 'only tests whose full name matches'),
  },
  operands: { label: 'PROJECT [PATH …]', help: `One of ${PROJECTS.join(', ')}; then parts of file paths.`, min: 1 },
};
const { values, operands } = readCommandLine(command);
const [project = '', ...paths] = operands;
const programs = PROGRAMS[project];
if (programs === undefined) refuse(command, `PROJECT must be one of ${PROJECTS.join(', ')}, not "${project}".`);

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @param {Programs} wanted */
async function install(wanted) {
  const logs = mkdtempSync(join(tmpdir(), 'holdfast-install-'));
  await installPrograms(wanted, { logFile: join(logs, 'apt.log') });
  rmSync(logs, { recursive: true });
  if (!wanted.includes('promtool')) return;
  const { buildTools } = await import('../devstack/install/go-tools.mjs');
  buildTools();
}

/** @returns {Promise<number>} exit code */
function runVitest() {
  // Modules that have not changed since the last run are not transformed again.
  const args = [values.watch ? 'watch' : 'run', '--project', project, '--experimental.fsModuleCache', ...paths];
  if (values.name !== undefined) args.push('--testNamePattern', values.name);

  const child = spawn(join(root, 'node_modules', '.bin', 'vitest'), args, { cwd: root, stdio: 'inherit' });
  // Ctrl-C reaches Vitest, too, which stops the stores before it ends.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => {});
  return new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

try {
  await install(programs);
  process.exitCode = await runVitest();
} catch (error) {
  print(error instanceof UserError ? error.message : messageOf(error));
  process.exitCode = 1;
}
