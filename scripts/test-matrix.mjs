/**
 * `npm run test:matrix`: runs the store tests on stores that users may run instead of this machine's: MySQL 9 with
 * Valkey 9, and MySQL 9 with Redis 8, from Debian unstable. Not part of `npm test`, because it downloads about 150 MB
 * and takes half an hour.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { choice, readCommandLine, some, text, wholeNumber } from '../app/config/command-line.mjs';
import { requireProgram } from '../devstack/install/packages.mjs';
import { messageOf, print, UserError } from '../devstack/system/console.mjs';
import { compare, runTests } from './matrix/runs.mjs';
import { makeStores, programsOf, versionIn } from './matrix/stores.mjs';

/** @typedef {'stores' | 'contract' | 'faults' | 'load'} Kind */
/** @type {readonly Kind[]} */
const KINDS = ['stores', 'contract', 'faults', 'load'];
/** @type {Readonly<Record<string, readonly import('./matrix/stores.mjs').StoreName[]>>} */
const SETS = { 'mysql-valkey': ['mysql', 'valkey'], 'mysql-redis': ['mysql', 'redis'] };
/** @type {Readonly<Record<string, string>>} */
const NAMES = { mysql: 'MySQL', valkey: 'Valkey', redis: 'Redis' };

const LOAD_FIGURES = ['/s', 'p99, ms', 'flush lag p50, ms', 'flush lag p99, ms'];

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const { values } = readCommandLine({
  name: 'npm run test:matrix --',
  about:
    'Runs the store tests, the contract, six switch-over faults, an upgrade under load and a short load test on MySQL 9, Valkey 9 and Redis 8 from Debian unstable, compares throughput and flush lag with the stores of this machine, and prints a table.',
  options: {
    folder: text(
      'FOLDER',
      'folder in which to unpack the stores, once, as root, with debootstrap (~/.cache/holdfast-matrix)',
      join(homedir(), '.cache', 'holdfast-matrix'),
    ),
    set: choice(['mysql-valkey', 'mysql-redis'], 'one set of stores (both)'),
    only: some(KINDS, 'only these runs'),
    seconds: wholeNumber('duration of each turn of the load test', { min: 1, max: 600, fallback: 10 }),
    rounds: wholeNumber('rounds of the load test', { min: 1, max: 100, fallback: 3 }),
  },
});

/** @param {'redis' | 'mysql'} key */
function ownVersion(key) {
  const text = execFileSync(requireProgram(key), ['--version'], { encoding: 'utf8' });
  const name = key === 'redis' ? 'Redis' : /mariadb/i.test(text) ? 'MariaDB' : 'MySQL';
  return `${name} ${versionIn(text)}`;
}

/** @returns {Promise<boolean>} whether everything passed */
async function main() {
  const { folder, seconds, rounds } = values;
  const sets = values.set === undefined ? Object.keys(SETS) : [values.set];
  const kinds = values.only ?? KINDS;
  const stores = resolve(folder, 'root');
  const logFolder = resolve(folder, 'logs');
  mkdirSync(logFolder, { recursive: true });
  await makeStores(stores);
  const own = `${ownVersion('mysql')}, ${ownVersion('redis')}`;
  const lines = [];
  let passed = true;
  for (const set of sets) {
    const found = (SETS[set] ?? []).map((name) => ({ name, ...programsOf(stores, name) }));
    const title = found.map(({ name, version }) => `${NAMES[name]} ${version}`).join(', ');
    const folders = found.map((one) => one.folder).join(delimiter);
    const path = `${folders}${delimiter}${process.env['PATH']}`;
    for (const kind of kinds) {
      print(`${title}: ${kind} …`);
      const where = { root, logFolder, set };
      if (kind === 'load') {
        const compared = await compare({ ...where, folders, seconds, rounds });
        passed &&= compared.passed;
        lines.push(...loadLines(title, own, compared));
      } else {
        const verdict = await runTests({ ...where, path, kind });
        passed &&= verdict.passed;
        lines.push(`| ${title} | ${kind} | ${shown(verdict)} |`);
      }
    }
  }
  console.log(`\n| stores | what | ${new Date().toISOString().slice(0, 10)} |\n|---|---|---|\n${lines.join('\n')}`);
  if (!passed) console.error(`\nThe logs are in ${logFolder}.`);
  return passed;
}

/** @param {import('./matrix/runs.mjs').Verdict} verdict */
function shown({ passed, text: details }) {
  return passed ? details : `**failed**: ${details}`;
}

/**
 * @param {string} title
 * @param {string} own the stores of this machine
 * @param {Awaited<ReturnType<typeof compare>>} compared
 */
function loadLines(title, own, compared) {
  return [
    `| ${title} | load | ${shown(compared)} |`,
    ...LOAD_FIGURES.map((name) => {
      const [theirs, ours] = compared.figures[name] ?? [Number.NaN, Number.NaN];
      return `| ${title} | single transfers, ${name} | ${theirs} (${own}: ${ours}) |`;
    }),
  ];
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  print(error instanceof UserError ? error.message : messageOf(error));
  process.exitCode = 1;
}
