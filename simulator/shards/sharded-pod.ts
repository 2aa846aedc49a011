import type { Clock } from '../../app/kernel/clock.ts';
import type { Holds } from '../../app/ledger/ports/holds.ts';
import type { Ledger } from '../../app/ledger/ports/ledger.ts';
import type { CourierTiming } from '../../app/shards/courier.ts';
import type { CrossingEvents } from '../../app/shards/crossing-events.ts';
import type { Shard } from '../../app/shards/shard.ts';
import { joinShards } from '../../app/shards/sharded.ts';
import type { SimProcess } from '../core/sim-process.ts';
import { CrossingTables, OpeningTables } from '../mysql/crossing-tables.ts';
import { TIMES } from '../world/settings.ts';
import type { ServingPod, SimPod } from '../world/sim-pod.ts';
import type { World } from '../world/world.ts';

export const COURIER_TIMING: CourierTiming = {
  everyMs: 150,
  minAgeMs: 400,
  pageMax: 8,
  inFlightMax: 4,
  openMax: 60,
};

/** The parts of a shard that the layer of a pod uses. */
export type SeenShard = Pick<Shard, 'ledger' | 'holds' | 'database' | 'crossings'>;
/**
 * Changes what the layer of a pod sees of a shard, for example to break a rule on purpose. `around`: the shard's
 * number, and all shards as they are.
 */
export type Seeing = (
  shard: SeenShard,
  clock: Clock,
  around: { number: number; shards: readonly SeenShard[] },
) => SeenShard;

/** A process with a session in every shard, the layer over them, and a courier. */
export class ShardedPod implements ServingPod {
  readonly process: SimProcess;
  /** Its part in each shard. */
  readonly parts: readonly SimPod[];
  readonly ledger: Ledger;
  readonly holds: Holds;

  constructor(deps: { process: SimProcess; worlds: readonly World[]; events: CrossingEvents; seeing: Seeing }) {
    const { process, worlds, events, seeing } = deps;
    this.process = process;
    const added = worlds.map((world) => world.addPod(process));
    this.parts = added.map(({ pod }) => pod);
    const all = added.map(({ pod: { ledger, holds }, mysql, ports }): SeenShard => {
      return { ledger, holds, database: ports.database, crossings: new CrossingTables(mysql) };
    });
    const shards = all.map((shard, number) => {
      const { mysql } = at(added, number);
      const opening = new OpeningTables(mysql);
      const books = {
        openAccounts: opening.openAccounts.bind(opening),
        businessWindows: opening.businessWindows.bind(opening),
      } as unknown as Shard['books'];
      // The simulation does not use these.
      const unused = { holdBooks: books as never, history: books as never };
      const seen = seeing(shard, process, { number, shards: all });
      return { ...seen, books, ...unused, returns: async () => [], isDatabaseAway: () => false };
    });
    const joined = joinShards(shards, {
      clock: process,
      events: { ...events, answered: () => {} },
      processId: process.name,
      courier: COURIER_TIMING,
      requestTimeoutMs: TIMES.requestTimeoutMs,
    });
    this.ledger = joined.ledger;
    this.holds = joined.holds;
    // If one part dies, the whole process dies.
    for (const part of this.parts) part.onDeath(() => this.kill());
    void joined.courier.run(new AbortController().signal);
  }

  kill(): void {
    for (const part of this.parts) part.kill();
  }
  onDeath(listener: () => void): () => void {
    const [first] = this.parts;
    if (!first) throw new RangeError('a pod without shards');
    return first.onDeath(listener);
  }
}

function at<T>(all: readonly T[], index: number): T {
  const one = all[index];
  if (one === undefined) throw new RangeError(`there is no element ${index}`);
  return one;
}
