import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { CacheError, type CacheKeeper, type KeeperCaller } from '../ledger/cache/port.ts';
import type { Logger } from '../log.ts';
import type { Authority, Mode } from '../store/authority-store.ts';
import type { Cursor } from '../store/flush-store.ts';
import type { Session } from '../store/pool.ts';
import type { Flusher } from '../sync/flusher.ts';
import { provableNode, type ServerFacts, type ServerIdentity, unfitness } from './redis-server.ts';

/** What a keeper needs of the authority's table. */
export interface KeeperAuthority {
  read(): Promise<Authority>;
  move(
    from: Authority,
    to: Omit<Authority, 'epoch'>,
    by: { keeper: string; reason: string },
    also?: (session: Session, epoch: number) => Promise<void>,
  ): Promise<Authority | null>;
  /** The highest seq that any pod of this epoch has reported. */
  observedIn(epoch: number): Promise<number>;
}

interface KeeperDependencies {
  keeperId: string;
  authority: KeeperAuthority;
  cache: CacheKeeper;
  cursor(): Promise<Cursor>;
  flusher: Flusher;
  /** Which server answers: asked all the time, so it must cost next to nothing. */
  identify(): Promise<ServerIdentity>;
  inspect(): Promise<ServerFacts>;
  /** Deletes what is left of epochs before this one in Redis. */
  sweepEpochsBefore(epoch: number): Promise<void>;
  clock: Clock;
  logger: Logger;
  onAuthority(authority: Authority): void;
}

/** How far back ids are looked up after an activation, at least, ms: no bucket of ids is older. */
const M_BEHIND_MS = 60_000;

/**
 * Moves the authority, one step at a time; each step is a compare-and-set in MySQL, so any number of keepers may try.
 *
 *   DIRECT ──► REBUILDING ──► CACHE ──(another server answers)──► CLOSING ──(journal read to its end)──► REBUILDING
 *
 * It never guesses: while the old journal cannot be shown to be whole, the authority stays where it is.
 */
export class Keeper {
  readonly #deps: KeeperDependencies;
  #lastComplaint = '';

  constructor(deps: KeeperDependencies) {
    this.#deps = deps;
  }

  /** Looks where the authority is, and takes the next step, if there is one. @throws when a store is away */
  async step(): Promise<Authority> {
    const authority = await this.#deps.authority.read();
    this.#deps.onAuthority(authority);
    switch (authority.mode) {
      case 'DIRECT':
        return this.#rebuild(authority, await this.#deps.inspect());
      case 'REBUILDING':
        return this.#activate(authority, await this.#deps.inspect());
      case 'CACHE':
        return this.#watch(authority, await this.#deps.identify());
      case 'CLOSING':
        return this.#settle(authority, await this.#deps.inspect());
    }
  }

  async #rebuild(authority: Authority, facts: ServerFacts): Promise<Authority> {
    if (!this.#fit(facts)) return authority;
    return this.#move(authority, 'REBUILDING', nobody, 'a fit Redis is there');
  }

  /**
   * Begins the next epoch on this Redis. The script activates once: a keeper that died between the script and the row is
   * taken over with the marker that it left.
   */
  async #activate(authority: Authority, facts: ServerFacts): Promise<Authority> {
    if (!this.#fit(facts)) return authority;
    const { cache, clock } = this.#deps;
    const epoch = authority.epoch + 1;
    const { idTimeMax } = await this.#deps.cursor();
    const m = Math.max(idTimeMax, clock.now() - M_BEHIND_MS);
    // All that is older is settled; a full memory could not begin an epoch beside it.
    await this.#deps.sweepEpochsBefore(epoch);
    const marker = await cache.activate(epoch, facts.replid, randomBytes(16).toString('hex'), m);
    const server = { cacheEpoch: epoch, redisNode: provableNode(facts), replid: facts.replid, marker };
    return this.#move(authority, 'CACHE', server, 'activated', async (session) => {
      await session.run('UPDATE flush_cursor SET epoch = ?, seq = 0 WHERE shard = 0', [epoch]);
      await session.run('DELETE FROM pods WHERE epoch < ?', [epoch]);
    });
  }

  async #watch(authority: Authority, facts: ServerIdentity): Promise<Authority> {
    if (facts.replid === authority.replid && facts.role === 'master') {
      this.#lastComplaint = '';
      return authority;
    }
    return this.#move(authority, 'CLOSING', serverOf(authority), `Redis answers as ${facts.role} ${facts.replid}`);
  }

  /**
   * Reads what is left of the old epoch's journal. The fence goes up first: scripts of the old epoch may still be running
   * while it is read.
   */
  async #settle(authority: Authority, facts: ServerFacts): Promise<Authority> {
    const { cache, flusher, logger } = this.#deps;
    const { cacheEpoch, marker } = authority;
    if (cacheEpoch === null) return this.#move(authority, 'REBUILDING', nobody, 'nothing to settle');
    if (!this.#provenSame(authority, facts)) return authority;
    const fence = await cache.fence(authority.epoch, facts.replid);
    if (fence !== authority.epoch) return this.#complain(authority, `the fence of this Redis is at ${fence}`);
    const caller: KeeperCaller = { fenceEpoch: authority.epoch, epoch: cacheEpoch, replid: facts.replid };
    const cursor = await this.#deps.cursor();
    const start = await cache.journal(caller, cursor.seq, 1).catch((error: unknown) => {
      if (error instanceof CacheError && error.reason === 'lost') return null;
      throw error;
    });
    if (start?.marker !== marker) return this.#complain(authority, 'this Redis does not carry the marker of the epoch');
    const observed = await this.#deps.authority.observedIn(cacheEpoch);
    if (start.head.seq < Math.max(cursor.seq, observed)) {
      return this.#complain(authority, 'this Redis knows less than MySQL, or than its pods have seen');
    }
    const end = await flusher.drain(caller, authority.epoch);
    logger.info({ epoch: cacheEpoch, seq: end }, 'the journal is settled');
    return this.#move(authority, 'REBUILDING', nobody, `epoch ${cacheEpoch} settled at ${end}`, async (session) => {
      const [row] = await session.rows<{ epoch: number; seq: number }>(
        'SELECT epoch, seq FROM flush_cursor WHERE shard = 0 FOR UPDATE',
      );
      if (row?.epoch !== cacheEpoch || row.seq !== end)
        throw new Error(`the cursor is at ${row?.epoch}/${row?.seq}, not ${cacheEpoch}/${end}`);
    });
  }

  /** Whether this is the server of the epoch, or the same node restarted with its own disk. */
  #provenSame(authority: Authority, facts: ServerFacts): boolean {
    if (facts.role !== 'master') return this.#refuse('this Redis is a replica');
    if (facts.replid === authority.replid) return true;
    if (!authority.redisNode) {
      return this.#refuse(
        'nothing proves that this Redis is the one of the epoch: it had no name, or could have replicas',
      );
    }
    if (provableNode(facts) !== authority.redisNode)
      return this.#refuse('this Redis is another node, or has replicas now');
    return true;
  }

  #fit(facts: ServerFacts): boolean {
    const wrong = unfitness(facts);
    return wrong.length === 0 || this.#refuse(`this Redis may not hold the ledger: ${wrong.join('; ')}`);
  }

  #complain(authority: Authority, complaint: string): Authority {
    this.#refuse(complaint);
    return authority;
  }

  /** Says once why nothing moves. */
  #refuse(complaint: string): false {
    if (complaint !== this.#lastComplaint) this.#deps.logger.error({ complaint }, 'the authority cannot move');
    this.#lastComplaint = complaint;
    return false;
  }

  async #move(
    from: Authority,
    mode: Mode,
    server: Omit<Authority, 'epoch' | 'mode'>,
    reason: string,
    also?: (session: Session, epoch: number) => Promise<void>,
  ): Promise<Authority> {
    const { authority, keeperId, logger, onAuthority } = this.#deps;
    const moved = await authority.move(from, { mode, ...server }, { keeper: keeperId, reason }, also);
    if (!moved) return authority.read();
    this.#lastComplaint = '';
    logger.info({ epoch: moved.epoch, mode, reason }, 'the authority has moved');
    onAuthority(moved);
    return moved;
  }
}

const nobody = { cacheEpoch: null, redisNode: null, replid: null, marker: null };
const serverOf = ({ cacheEpoch, redisNode, replid, marker }: Authority) => ({ cacheEpoch, redisNode, replid, marker });
