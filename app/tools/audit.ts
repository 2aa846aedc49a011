import { flag, readCommandLine, refuse, text, wholeNumber } from '../config/command-line.mjs';
import { type Config, ConfigError, type Environment, loadConfig } from '../config/config.ts';
import { exportTo } from './audit/export.ts';
import { BadExport, readKey } from './audit/manifest.ts';
import { resultsText } from './audit/print.ts';
import { forDatabases, verifyDatabases } from './audit/verify.ts';
import { shardDirectory, type VerifyResult, verifyExport } from './audit/verify-export.ts';

/**
 * `npm run audit`, or `node dist/app/tools/audit.js` in the image: recomputes the books from the sealed log, in the databases or
 * in an export, and exports both.
 */
const command = {
  name: 'npm run audit --',
  about: 'Recomputes all balances and rows of the books from the sealed log. Writes nothing to the databases.',
  options: {
    anchors: text('FILE', 'for verify: signed anchors, one per line, as keepers write them to their log'),
    key: text('FILE', 'for verify: the public key (PEM) that verifies anchors, and the signature of an export'),
    'sign-with': text('FILE', 'for export: the private Ed25519 key (PEM) that signs the manifest'),
    shard: wholeNumber('only this shard; by default all', { min: 0, max: 1023 }),
    'accounts-at-once': wholeNumber('accounts in memory, about 0.5 KB each; more accounts take more passes', {
      min: 1,
      fallback: 1_000_000,
    }),
    json: flag('print JSON'),
  },
  operands: {
    label: 'COMMAND [DIRECTORY]',
    help: `verify compares the databases of the ledger with their logs; verify DIRECTORY does the same with an export, and
  needs no database. export DIRECTORY writes the books and the log into files, with a signed manifest; they contain personal
  data. Exit code 1: something differs from the log, or an export is incomplete: docs/audit.md.`,
    min: 1,
    max: 2,
  },
  environment: { 'SHARDS, MYSQL_URL, …': 'the settings of the ledger: docs/configuration.md. Redis is not used.' },
};

const EXIT_FAULTS = 1;
/** EX_CONFIG of sysexits.h, as in main.ts. */
const EXIT_CONFIG = 78;
const PROGRESS_MS = 5_000;
/** Required by the settings, but not used. */
const NO_REDIS = { REDIS_URL: 'redis://REDIS_URL' };

const { values, operands } = readCommandLine(command);
const [word, directory] = operands;

function configOf(): Config {
  const given: Environment = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value?.trim()));
  return loadConfig({ ...NO_REDIS, ...given, ROLE: 'keeper' });
}

async function verify(): Promise<void> {
  if (values.anchors !== undefined && values.key === undefined) refuse(command, '--anchors requires --key.');
  const options = {
    accountsMax: values['accounts-at-once'],
    anchors: values.anchors ?? null,
    key: values.key ?? null,
    progress: progressOf(),
  };
  const results: VerifyResult[] =
    directory === undefined
      ? await verifyDatabases(configOf(), values.shard ?? null, options)
      : await verifyExport(directory, options, values.shard ?? null);
  console.log(values.json ? JSON.stringify(results, null, 2) : resultsText(results));
  if (results.some(({ clean }) => !clean)) process.exitCode = EXIT_FAULTS;
}

function progressOf() {
  let shownAt = performance.now();
  return async (stage: string, position: number) => {
    if (performance.now() < shownAt + PROGRESS_MS) return;
    shownAt = performance.now();
    console.error(`${stage}: position ${position}`);
  };
}

async function exportAll(path: string): Promise<void> {
  const keyFile = values['sign-with'];
  if (keyFile === undefined) refuse(command, 'export requires --sign-with.');
  const key = await readKey(keyFile, 'private');
  const exported = await forDatabases(configOf(), values.shard ?? null, async (source, shard) => {
    const files = await exportTo(shardDirectory(path, shard), source, key);
    return { shard, directory: shardDirectory(path, shard), files };
  });
  if (values.json) console.log(JSON.stringify(exported, null, 2));
  else
    for (const { shard, directory: where, files } of exported)
      console.log(
        `Shard ${shard}: ${files.log.lines} rows of the log and ${files.items.lines} rows of the books in ${where}`,
      );
}

try {
  if (word === 'verify') await verify();
  else if (word === 'export' && directory !== undefined) await exportAll(directory);
  else refuse(command, 'COMMAND must be verify, verify DIRECTORY or export DIRECTORY.');
} catch (error) {
  if (!(error instanceof ConfigError) && !(error instanceof BadExport)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof ConfigError ? EXIT_CONFIG : EXIT_FAULTS;
}
