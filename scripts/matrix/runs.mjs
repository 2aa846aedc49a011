/** The runs of the matrix on each set of stores, and how their output is parsed. */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { elapsed } from '../../devstack/system/console.mjs';

/** All tests that use real stores, except those of the API, which have a separate run. */
const STORE_TESTS = [
  'app/mysql',
  'app/redis',
  'app/integration',
  'app/ledger',
  'app/authority',
  'app/sync',
  'app/journal',
];
/** The API on real stores. */
const CONTRACT_TESTS = [
  'app/roles/tests/api-role',
  'app/roles/tests/keeper-role',
  'app/roles/tests/roles.stores',
  'app/roles/tests/opening-accounts',
  'mock-data/demo',
];
/**
 * Each fault moves the authority, or stops a store while it is working; the last one migrates the schema under load.
 */
const FAULTS = [
  'redis-killed',
  'redis-frozen',
  'redis-away',
  'mysql-killed',
  'mysql-away-in-direct',
  'pod-and-redis-killed',
  'roll-behind-haproxy',
];

/**
 * @typedef {object} Run
 * @property {string} name
 * @property {string} program of node_modules/.bin
 * @property {readonly string[]} args
 */

/** @type {Readonly<Record<'stores' | 'contract' | 'faults', Run>>} */
const RUNS = {
  stores: { name: 'store tests', program: 'vitest', args: ['run', '--project', 'stores', ...STORE_TESTS] },
  contract: { name: 'contract', program: 'vitest', args: ['run', ...CONTRACT_TESTS] },
  faults: { name: 'faults', program: 'tsx', args: ['resilience-tests/run.ts', ...FAULTS, '--short'] },
};

/** @typedef {{ passed: boolean, text: string }} Verdict */

/**
 * @param {{ root: string, logFolder: string, set: string, path: string, kind: keyof typeof RUNS }} options
 * @returns {Promise<Verdict>}
 */
export async function runTests({ root, logFolder, set, path, kind }) {
  const since = performance.now();
  const { program, args } = RUNS[kind];
  const { code, output } = await run({ root, program, args, path, logFile: join(logFolder, `${set}-${kind}.log`) });
  return { passed: code === 0, text: `${countIn(kind, output)} (${elapsed(since)})` };
}

/**
 * @param {keyof typeof RUNS} kind
 * @param {string} output
 */
export function countIn(kind, output) {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colors of a terminal
  const plain = output.replace(/\u001b\[[0-9;]*m/g, '');
  if (kind === 'faults') {
    const count = (/** @type {RegExp} */ pattern) => plain.match(pattern)?.length ?? 0;
    const failed = count(/^FAILED /gm);
    return [`${count(/^passed /gm)} passed`, ...(failed > 0 ? [`${failed} failed`] : [])].join(', ');
  }
  const line = /^ *Tests +(.*?)\s*(?:\(\d+\))?$/m.exec(plain)?.[1] ?? 'no test was run';
  return line.replaceAll(' | ', ', ');
}

/**
 * Runs the same build on two sets of stores, alternately.
 * @param {{ root: string, logFolder: string, set: string, folders: string, seconds: number, rounds: number }} options
 * @returns {Promise<Verdict & { figures: Record<string, [theirs: number, ours: number]> }>} ours: with this machine's
 * own stores
 */
export async function compare({ root, logFolder, set, folders, seconds, rounds }) {
  const args = ['loadtest/run.ts', '--only', 'single', '--against-programs', folders];
  const sizes = ['--seconds', String(seconds), '--rounds', String(rounds)];
  const logFile = join(logFolder, `${set}-load.log`);
  const path = process.env['PATH'] ?? '';
  const { code, output } = await run({ root, program: 'tsx', args: [...args, ...sizes], path, logFile });
  const figures = figuresIn(output);
  return {
    passed: code === 0 && figures['/s'] !== undefined,
    text: code === 0 ? 'reconciliation without drift' : 'failed',
    figures,
  };
}

/**
 * @param {string} output a table of `loadtest/run.ts --against…`: this, other, ratio
 * @returns {Record<string, [theirs: number, ours: number]>}
 */
export function figuresIn(output) {
  /** @type {Record<string, [number, number]>} */
  const figures = {};
  for (const [, name = '', ours, theirs] of output.matchAll(/^\| ([^|]+) \| ([\d.]+) \| ([\d.]+) \|/gm)) {
    figures[name] = [Number(theirs), Number(ours)];
  }
  return figures;
}

/**
 * @param {{ root: string, program: string, args: readonly string[], path: string, logFile: string }} options
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function run({ root, program, args, path, logFile }) {
  return new Promise((resolve) => {
    const log = createWriteStream(logFile);
    const env = { ...process.env, PATH: path, CI: 'true' };
    const child = spawn(join(root, 'node_modules', '.bin', program), args, {
      cwd: root,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        log.write(text);
      });
    }
    child.once('error', (error) => log.write(String(error)));
    child.once('close', (code) => {
      log.end();
      resolve({ code, output });
    });
  });
}
