import { readCommandLine, refuse } from '../config/command-line.mjs';
import { ConfigError, loadConfig } from '../config/config.ts';
import { NotLogged, rebuildIndex } from './search/rebuild.ts';

/** `npm run search`, or `node dist/app/tools/search.js` in the image: rebuilds the search index from the books. */
const command = {
  name: 'npm run search --',
  about: 'Rebuilds the index of transfers and accounts from the books.',
  options: {},
  operands: {
    label: 'COMMAND',
    help: 'rebuild empties the index, and fills it again; searches are refused until it is complete. resume continues a rebuild that was interrupted.',
    choices: ['rebuild', 'resume'],
    min: 1,
    max: 1,
  },
  environment: { 'MYSQL_URL, SEARCH_MYSQL_URL, SHARDS, …': 'the settings of the ledger: docs/configuration.md' },
};

const PROGRESS_MS = 5_000;
/** EX_CONFIG of sysexits.h, as in main.ts. */
const EXIT_CONFIG = 78;

const [word] = readCommandLine(command).operands;
if (word !== 'rebuild' && word !== 'resume') refuse(command, 'COMMAND must be rebuild or resume.');
let shownAt = performance.now();
try {
  // The command needs no Redis.
  await rebuildIndex(loadConfig({ REDIS_URL: 'redis://unused', ...process.env, ROLE: 'search' }), word, (progress) => {
    if (performance.now() < shownAt + PROGRESS_MS) return;
    shownAt = performance.now();
    console.error(`Shard ${progress.shard}: ${progress.state.toLowerCase()}`);
  });
  console.log('The index is complete.');
} catch (error) {
  if (!(error instanceof ConfigError) && !(error instanceof NotLogged)) throw error;
  console.error(error.message);
  process.exitCode = EXIT_CONFIG;
}
