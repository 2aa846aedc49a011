import type { Clock } from '../kernel/clock.ts';
import type { LedgerEvents } from '../ledger/ports/ledger-events.ts';
import { Courier, type CourierTiming } from './courier.ts';
import type { CrossingEvents } from './crossing-events.ts';
import { CrossingReader } from './crossing-reader.ts';
import { CrossingWalk } from './crossing-walk.ts';
import { Legs } from './legs.ts';
import { ShardedReturnedMoney } from './returned-money.ts';
import { type Shard, ShardMap } from './shard.ts';
import { ShardSearch } from './shard-search.ts';
import { ShardedBooks } from './sharded-books.ts';
import { ShardedHistory } from './sharded-history.ts';
import { ShardedHolds } from './sharded-holds.ts';
import { ShardedLedger } from './sharded-ledger.ts';
import { TransitAccounts } from './transit-accounts.ts';

export interface ShardedDependencies {
  clock: Clock;
  /** Receives only the answers to transfers between shards, because each shard reports its own answers. */
  events: CrossingEvents & Pick<LedgerEvents, 'answered'>;
  /** The name of this process. */
  processId: string;
  courier: CourierTiming;
  requestTimeoutMs: number;
}

/**
 * Creates the ports that an API uses for several shards, and the courier of the process. @param shards in order of their
 * numbers
 */
export function joinShards(shards: readonly Shard[], deps: ShardedDependencies) {
  const { clock, events, processId, requestTimeoutMs } = deps;
  const map = new ShardMap(shards);
  const transits = new TransitAccounts({ shards: map, clock });
  const legs = new Legs({ shards: map, transits, clock });
  const parts = { shards: map, legs, transits, clock, events };
  const courier = new Courier({ ...parts, holder: processId, timing: deps.courier });
  const walk = new CrossingWalk({ ...parts, isFull: (to) => courier.isFull(to), requestTimeoutMs });
  const reader = new CrossingReader(parts);
  const search = new ShardSearch({ shards: map, clock, requestTimeoutMs });
  const books = new ShardedBooks(map);
  return {
    ledger: new ShardedLedger({ ...parts, walk, reader, search }),
    books,
    history: new ShardedHistory({ shards: map, clock }),
    holds: new ShardedHolds({ shards: map, search }),
    holdBooks: books,
    returnedMoney: new ShardedReturnedMoney(map),
    courier,
  };
}
