import { flag, readCommandLine, refuse, text, wholeNumber } from '../config/command-line.mjs';
import { type Config, ConfigError, type Environment, loadConfig } from '../config/config.ts';
import { checkOf } from './shards/check.ts';
import { planOf } from './shards/plan.ts';
import { checkText, placesText, planText, progressText, recoverText } from './shards/print.ts';
import { recover } from './shards/recover.ts';
import { CannotSplit, Split } from './shards/split.ts';
import { placesOf } from './shards/where.ts';

/**
 * `npm run shards`, or `node dist/app/tools/shards.js` in the image: shows where accounts and shards are, and whether the
 * stores of all shards agree; recovers shards whose databases were restored from a backup; splits a ledger into more shards.
 * Only `recover` and `split` write.
 */
const command = {
  name: 'npm run shards --',
  about:
    'Shows where accounts and shards are, and whether the stores of all shards agree. Only recover and split write.',
  options: {
    shards: wholeNumber('number of shards; by default SHARDS', { min: 1, max: 1024 }),
    json: flag('print JSON'),
    pods: wholeNumber('for plan: API pods whose connections are counted', { min: 0, fallback: 3 }),
    keepers: wholeNumber('for plan: keepers whose connections are counted', { min: 0, fallback: 2 }),
    'open-seconds': wholeNumber('for check: seconds after which an open crossing is a fault', { min: 0, fallback: 60 }),
    'dry-run': flag('for recover and split: only print what would be done'),
    'to-shards': wholeNumber('for split: number of shards after the split', { min: 2, max: 1024 }),
    'to-mysql-url': text('URL', 'for split: where the new databases are, with {shard}, or one URL for each'),
    finish: flag('for split: make a verified split final'),
    undo: flag('for split: undo the split and reopen the old databases'),
    'allow-connections': flag('for recover: proceed despite other connections, if they do not belong to Holdfast'),
  },
  operands: {
    label: 'COMMAND [ACCOUNT… or SHARD…]',
    help: `where ACCOUNT… prints the shard of accounts. plan prints where the shards are, and how many connections their
  servers need; Sentinels and clusters in REDIS_URL are queried. check compares the stores of all shards with the settings and
  with each other; exit code 1: something is wrong. recover SHARD… makes shards whose databases were restored from a backup
  agree with the others, before they open again: docs/shards.md; exit code 1: legs contradict each other; 75: it cannot start now, and nothing was done. split copies
  a ledger at rest into new databases: docs/shards.md; exit code 1: the ledger cannot be split, or not yet.`,
    min: 1,
  },
  environment: {
    SHARDS: 'number of shards',
    'REDIS_URL, MYSQL_URL, …': 'the settings of the ledger: docs/configuration.md',
  },
};

const EXIT_FAULTS = 1;
/** EX_TEMPFAIL of sysexits.h: nothing was done. */
const EXIT_NOT_NOW = 75;
const PROGRESS_MS = 5_000;
/** EX_CONFIG of sysexits.h, as in main.ts. */
const EXIT_CONFIG = 78;
/** Without URLs, a plan shows slots and hash tags only. */
const NO_URLS = { REDIS_URL: 'redis://REDIS_URL', MYSQL_URL: 'mysql://MYSQL_URL/holdfast_{shard}' };

const { values, operands } = readCommandLine(command);
const [word, ...rest] = operands;
const print = (result: object, text: string) => console.log(values.json ? JSON.stringify(result, null, 2) : text);

function configOf(fallback: Environment = {}): Config {
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim()));
  const number = values.shards === undefined ? {} : { SHARDS: String(values.shards) };
  return loadConfig({ ...fallback, ...given, ...number, ROLE: 'keeper' });
}

async function runRecover(texts: readonly string[]): Promise<void> {
  const config = configOf();
  const { shards } = config.ledger;
  const unknown = texts.find((one) => !/^\d{1,4}$/.test(one) || Number(one) >= shards);
  if (unknown !== undefined) refuse(command, `SHARD must be a number from 0 to ${shards - 1}, not "${unknown}".`);
  let shownAt = performance.now();
  const result = await recover(config, texts.map(Number), {
    isDryRun: values['dry-run'],
    allowsConnections: values['allow-connections'],
    onProgress(shard, report) {
      if (performance.now() < shownAt + PROGRESS_MS) return;
      shownAt = performance.now();
      console.error(progressText(shard, report));
    },
  });
  print(result, recoverText(result));
  if (result.reasons.length > 0) process.exitCode = EXIT_NOT_NOW;
  else if (result.shards.some(({ report }) => report.contradictions > 0)) process.exitCode = EXIT_FAULTS;
}

try {
  if (word === 'where' && rest.length > 0) {
    const places = placesOf(rest, configOf(NO_URLS).ledger.shards);
    print(places, placesText(places));
  } else if (word === 'plan' && rest.length === 0) {
    const plan = await planOf(configOf(NO_URLS), values);
    print(plan, planText(plan));
  } else if (word === 'check' && rest.length === 0) {
    const check = await checkOf(configOf(), values['open-seconds']);
    print(check, checkText(check));
    if (check.faults.length > 0) process.exitCode = EXIT_FAULTS;
  } else if (word === 'recover' && rest.length > 0) await runRecover(rest);
  else if (word === 'split' && rest.length === 0) await split();
  else refuse(command, 'COMMAND must be where ACCOUNT…, plan, check, recover SHARD… or split.');
} catch (error) {
  if (!(error instanceof ConfigError) && !(error instanceof CannotSplit)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAULTS;
}

async function split(): Promise<void> {
  const { 'to-shards': shards, 'to-mysql-url': mysqlUrl, 'dry-run': dryRun, finish, undo } = values;
  if (shards === undefined || mysqlUrl === undefined) refuse(command, 'split requires --to-shards and --to-mysql-url.');
  if ([dryRun, finish, undo].filter(Boolean).length > 1)
    refuse(command, '--dry-run, --finish and --undo exclude one another.');
  await using work = new Split({ config: configOf(), shards, mysqlUrl, log: (line) => console.log(line) });
  if (dryRun) await work.check();
  else if (finish) await work.finish();
  else if (undo) await work.undo();
  else await work.prepare();
}
