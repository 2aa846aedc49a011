import type { Config } from '../../config/config.ts';
import { configOfShard } from '../../config/shard-config.ts';
import { systemClock } from '../../kernel/clock.ts';
import { OwnLedger } from '../../mysql/connection/own-ledger.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { MysqlSearchIndex } from '../../mysql/search/mysql-search-index.ts';
import { prepareIndexes } from '../../roles/search-wiring.ts';
import { Projector } from '../../search/projector.ts';
import type { IndexState } from '../../search/search-index.ts';

const CONNECTIONS_MAX = 4;

/** An index cannot follow a ledger that has no log. */
export class NotLogged extends Error {}

interface Progress {
  shard: number;
  state: IndexState['state'];
  /** The number of entries added in this run. */
  entries: number;
}

/**
 * Empties the index of every shard, fills it from the books, and follows the log to its end. If the rebuild is
 * interrupted, `resume` continues it, and so does a process with the role `search`. While such a process runs, both
 * take turns.
 * @param how `rebuild` begins with an empty index; `resume` continues
 */
export async function rebuildIndex(
  config: Config,
  how: 'rebuild' | 'resume',
  onProgress: (progress: Progress) => void = () => {},
): Promise<void> {
  await prepareIndexes(config);
  const ledger = { id: null };
  const numbers = Array.from({ length: config.ledger.shards }, (_, shard) => shard);
  await Promise.all(numbers.map((shard) => rebuildShard(config, shard, { how, ledger, onProgress })));
}

interface Rebuilding {
  how: 'rebuild' | 'resume';
  ledger: { id: string | null };
  onProgress(progress: Progress): void;
}

async function rebuildShard(config: Config, shard: number, { how, ledger, onProgress }: Rebuilding): Promise<void> {
  const { mysql, search } = configOfShard(config, shard);
  const own = new OwnLedger({ shard, shards: config.ledger.shards }, ledger);
  await using books = new Database({ ...mysql, connectionsMax: CONNECTIONS_MAX, ledger: own });
  await using separate = search.mysqlUrl
    ? new Database({ ...mysql, url: search.mysqlUrl, connectionsMax: CONNECTIONS_MAX, ledger: own })
    : null;
  const index = new MysqlSearchIndex({ books, index: separate ?? books });
  if (!(await index.isLogged()))
    throw new NotLogged('This ledger has no sealed log yet: move it to format 2 first (docs/operation.md).');
  if (how === 'rebuild') while (!(await index.restart(await index.state(), 'EMPTYING')));
  let entries = 0;
  let isAtEnd = false;
  const projector = new Projector({
    index,
    clock: systemClock,
    hasPending: false,
    events: {
      moved({ state }, added) {
        entries += added;
        isAtEnd = state === 'READY' && added === 0;
        onProgress({ shard, state, entries });
      },
      restarted() {},
    },
  });
  while (!isAtEnd) {
    const waitMs = await projector.step();
    if (!isAtEnd && waitMs > 0) await systemClock.sleep(waitMs);
  }
}
