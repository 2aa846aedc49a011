import { randomBytes } from 'node:crypto';
import type { Authority, Mode, MovedBy } from '../domain/authority.ts';
import { Problem } from '../domain/problem.ts';
import { CacheError, type CacheKeeper, type KeeperCaller, type Ownership } from '../journal/cache-port.ts';
import { Overtaken } from '../journal/cursor.ts';
import type { Recovery } from '../journal/recovery/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import type { Flusher } from '../sync/flusher.ts';
import type { KeeperAuthority, Settlement } from './authority-ports.ts';
import { EpochRecovery } from './epoch-recovery.ts';
import { lowerLookupHorizon } from './lookup-horizon.ts';
import { type Opinion, opinionOf } from './opinion.ts';
import { RedisOwnership } from './redis-ownership.ts';
import { RedisWatch } from './redis-watch.ts';
import {
  explainReplid,
  InspectionRefused,
  provableNode,
  replidRisks,
  type ServerFacts,
  unfitness,
} from './server-facts.ts';

/** When the authority moves; being wrong about it costs time, never money. */
export interface KeeperTiming {
  /** Redis is lost when this keeper cannot reach it for so long, ms, and the pods do not contradict. */
  lostAfterMs: number;
  /** Redis is lost when most pods cannot reach it for so long, ms. */
  lostByPodsAfterMs: number;
  /** After a loss Redis has to be steady for so long, ms, before the authority goes back; longer with every further loss. */
  steadyAfterMs: number;
}

interface KeeperDependencies {
  keeperId: string;
  authority: KeeperAuthority;
  settlement: Settlement;
  cache: CacheKeeper;
  flusher: Flusher;
  inspect(): Promise<ServerFacts>;
  /** Deletes what is left of epochs before this one in Redis. */
  sweepEpochsBefore(epoch: number, caller: Omit<KeeperCaller, 'epoch'>): Promise<void>;
  clock: Clock;
  logger: Logger;
  timing: KeeperTiming;
  onAuthority(authority: Authority): void;
  onRedisOwner(state: Ownership['state']): void;
}

/** How far back ids are looked up after an activation, at least, ms: no bucket of ids is older. */
const M_BEHIND_MS = 60_000;
/** How long a settled ledger waits for its pods to find Redis again, before it opens directly on MySQL instead, ms. */
const REOPEN_WAIT_MS = 3_000;
/** A Redis that is lost again and again within this time is believed later each time, ms. */
const FLAPPING_MS = 5 * 60_000;
const FLAPPING_DOUBLINGS_MAX = 3;
/** A Redis that refuses an epoch, because it knows of later ones, is not asked again at once, ms. */
const REFUSED_WAIT_MS = 10_000;
const COMPLAINTS_MAX = 100;
/** How long an inspection may take while a ledger is closing, ms: for a Redis that was there, and for one that was lost. */
const HANGING_MS = 1_000;
const INSPECTION_MS_MAX = 250;
const NO_ENTRIES_AFTER = Number.MAX_SAFE_INTEGER - 1;
/** How scripts refuse a server by its role or its `master_replid`. */
const REPLID_REFUSALS = new Set(['demoted', 'other_server']);

/**
 * Moves the authority, one step at a time; each step is a compare-and-set in MySQL, so any number of keepers may try.
 *
 *   DIRECT ──► REBUILDING ──► CACHE ──(Redis is lost, or another)──► CLOSING ──(settled)──► REBUILDING, or DIRECT
 *
 * It never guesses: while neither the old journal can be shown to be whole, nor every pod has brought what it knows, the
 * ledger stays closed.
 */
export class Keeper {
  readonly #deps: KeeperDependencies;
  readonly #watch: RedisWatch;
  readonly #ownership: RedisOwnership;
  readonly #recovery: EpochRecovery;
  /** What was said since the authority last moved, or was well. */
  readonly #said = new Set<string>();
  #serves: { epoch: number; runId: string } | null = null;
  #activationFailedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: KeeperDependencies) {
    this.#deps = deps;
    this.#watch = new RedisWatch(deps.clock);
    this.#ownership = new RedisOwnership(deps);
    this.#recovery = new EpochRecovery({ ...deps, cursor: () => deps.authority.cursor() });
  }

  /** Looks where the authority is, and takes the next step, if there is one. @throws when MySQL is away */
  async step(): Promise<Authority> {
    const authority = await this.#deps.authority.read();
    this.#deps.onAuthority(authority);
    switch (authority.mode) {
      case 'CACHE':
        return this.#guard(authority);
      case 'CLOSING':
        return this.#settle(authority);
      case 'DIRECT':
        return authority.cacheEpoch === null ? this.#return(authority) : this.#unfreeze(authority);
      case 'REBUILDING':
        return this.#activate(authority);
    }
  }

  /** Sees whether Redis still is the server of the epoch, for this keeper and for the pods. */
  async #guard(authority: Authority): Promise<Authority> {
    const { epoch, replid, marker } = authority;
    if (replid === null) throw new Error(`epoch ${epoch} of the cache names no server`);
    const caller: KeeperCaller = { fenceEpoch: epoch, epoch, replid };
    const other = await this.#watch.look(async () => {
      const found = await this.#deps.cache.journal(caller, NO_ENTRIES_AFTER, 1).catch(refusal);
      if (!(found instanceof CacheError)) {
        await this.#remember(epoch, replid);
        return found.marker === marker ? null : 'another marker';
      }
      const claimed = found.reason === 'unclaimed' && (await this.#ownership.claim(authority, replid));
      return claimed ? null : found.reason;
    });
    const { lostAfterMs, lostByPodsAfterMs } = this.#deps.timing;
    const opinion = await this.#opinion();
    // A keeper may be the only one that was led to another server; but what it cannot reach it cannot flush either.
    if (other && (!opinion.mostReachRedis || this.#watch.steadyForMs >= lostByPodsAfterMs)) {
      return this.#move(
        authority,
        'CLOSING',
        `Redis is not the server of the epoch: ${other}${await this.#whatHappened(other)}`,
      );
    }
    if (this.#watch.lostForMs >= lostAfterMs && !opinion.mostReachRedis) {
      return this.#move(authority, 'CLOSING', 'Redis cannot be reached');
    }
    if (opinion.mostHaveLostRedisForMs >= lostByPodsAfterMs) {
      return this.#move(authority, 'CLOSING', 'most pods cannot reach Redis');
    }
    if (this.#watch.lostForMs === 0) this.#said.clear();
    return authority;
  }

  /** The process that serves the epoch, read once, to explain later what happened to it. */
  async #remember(epoch: number, replid: string): Promise<void> {
    if (this.#serves?.epoch === epoch) return;
    const facts = await this.#deps.inspect().catch(() => null);
    if (facts?.replid !== replid) return;
    this.#serves = { epoch, runId: facts.runId };
    const risks = replidRisks(facts);
    if (risks.length > 0) this.#deps.logger.warn({ risks }, 'this Redis can cause unnecessary switch-overs');
  }

  /** A Redis that refuses for another reason (its fence, its marker) has the same master_replid as before. */
  async #whatHappened(refusedAs: string): Promise<string> {
    if (!REPLID_REFUSALS.has(refusedAs)) return '';
    // Not worth a delay, because it serves only the log.
    const tooLate = this.#deps.clock.sleep(INSPECTION_MS_MAX).then(() => null);
    const facts = await Promise.race([this.#deps.inspect().catch(() => null), tooLate]);
    return facts ? ` (${explainReplid(facts, this.#serves?.runId ?? null)})` : '';
  }

  /** By the journal when the epoch's own Redis answers, else by what the pods have drained; whichever way is open first. */
  async #settle(authority: Authority): Promise<Authority> {
    if (authority.cacheEpoch === null) {
      const facts = await this.#inspectQuickly();
      return this.#move(authority, this.#isFit(facts) ? 'REBUILDING' : 'DIRECT', 'nothing to settle');
    }
    const recovery = await this.#deps.settlement.recovery(authority);
    if (recovery?.accepted) return this.#giveUp(authority, recovery.accepted);
    const facts = await this.#inspectQuickly();
    if (facts) {
      const moved = await this.#settleByJournal(authority, facts, recovery).catch((error: unknown) => {
        // What only MySQL or another keeper stands in the way of is tried again; a journal that is no good leaves the other way.
        if (error instanceof Problem || error instanceof Overtaken) throw error;
        return this.#complain(`the journal cannot be settled: ${error instanceof Error ? error.message : error}`);
      });
      if (moved) return moved;
    }
    return (await this.#settleByFold(authority)) ?? authority;
  }

  /** By what the pods have drained. Null, and a complaint, while somebody is missing; null while there is more to do, too. */
  async #settleByFold(authority: Authority): Promise<Authority | null> {
    const by = this.#by('settled by what the pods have drained');
    const step = await this.#recovery.byFold(authority, by);
    if (step === null) return this.#deps.authority.read();
    if ('working' in step) return null;
    if ('undrained' in step) {
      return this.#complain(`closed until these pods bring what they know: ${step.undrained.slice(0, 10).join(', ')}`);
    }
    if ('unexplained' in step) {
      const gap = JSON.stringify(step.unexplained);
      return this.#complain(`closed: more is missing than the attempts in doubt explain ${gap}`);
    }
    return this.#moved(step.authority, by.reason);
  }

  /** Carries out an operator's decision if the process that received it has died. */
  async #giveUp(authority: Authority, by: MovedBy): Promise<Authority> {
    const step = await this.#recovery.byLoss(authority, by);
    if (step === null) return this.#deps.authority.read();
    return 'working' in step ? authority : this.#moved(step.authority, by.reason);
  }

  /**
   * Reads what is left of the epoch's journal, when this is the epoch's Redis and nothing of it is lost. The fence goes up
   * first: scripts of the old epoch may still be running while it is read. Null when this way is not open.
   */
  async #settleByJournal(
    authority: Authority,
    facts: ServerFacts,
    recovery: Recovery | null,
  ): Promise<Authority | null> {
    const { settlement } = this.#deps;
    const { cacheEpoch } = authority;
    if (cacheEpoch === null || !(await this.#isProven(authority, facts))) return null;
    const caller = await this.#fenced(authority, facts);
    if (!caller) return null;
    // Once a fold has begun, MySQL may have entries above the cursor, which the flush does not expect.
    const end = await (recovery
      ? this.#recovery.byJournal(authority, caller)
      : this.#recovery.byFlush(authority, caller));
    if (end === null) return authority;
    const to = await this.#whereTo(authority, facts);
    if (!to) return authority;
    const by = this.#by(`epoch ${cacheEpoch} settled by its journal at ${end}`);
    const moved = await settlement.settleByJournal(authority, to, end, by);
    return moved ? this.#moved(moved, by.reason) : this.#deps.authority.read();
  }

  /** A Redis that has restarted goes on at once, when the pods find it too; one that flaps has to prove itself in DIRECT. */
  async #whereTo(authority: Authority, facts: ServerFacts): Promise<'REBUILDING' | 'DIRECT' | null> {
    if (!this.#isFit(facts) || (await this.#deps.authority.closingsWithin(FLAPPING_MS)) > 2) return 'DIRECT';
    const opinion = await this.#opinion();
    if (opinion.live === 0 || opinion.mostReachRedis) return 'REBUILDING';
    return authority.ageMs < REOPEN_WAIT_MS ? null : 'DIRECT';
  }

  /**
   * DIRECT with frozen accounts: when the epoch's Redis comes back, its journal settles them. Every pod has drained, so a
   * server is the right one when it carries the marker and knows all that any pod has been told.
   */
  async #unfreeze(authority: Authority): Promise<Authority> {
    const { settlement } = this.#deps;
    const recovery = await settlement.recovery(authority);
    if (recovery?.accepted) return this.#giveUp(authority, recovery.accepted);
    const facts = await this.#inspect();
    if (facts?.role !== 'master') return authority;
    const caller = await this.#fenced(authority, facts).catch((error: unknown) => {
      this.#complain(`frozen accounts wait for the journal: ${error instanceof Error ? error.message : error}`);
      return null;
    });
    if (!caller) return authority;
    const end = await this.#recovery.byJournal(authority, caller);
    if (end === null) return authority;
    const by = this.#by(`frozen accounts settled by the journal of epoch ${caller.epoch}`);
    const moved = await settlement.settleLate(authority, end, by);
    return moved ? this.#moved(moved, by.reason) : this.#deps.authority.read();
  }

  /** Raises the fence, and makes sure that the epoch's journal is there and whole. Null, and a complaint, when it is not. */
  async #fenced(authority: Authority, facts: ServerFacts): Promise<KeeperCaller | null> {
    const { cache } = this.#deps;
    const epoch = authority.cacheEpoch;
    if (epoch === null) return null;
    await this.#ownership.claim(authority, facts.replid);
    const fence = await cache.fence(authority.epoch, facts.replid);
    if (fence !== authority.epoch) return this.#complain(`the fence of this Redis is at ${fence}`);
    const caller: KeeperCaller = { fenceEpoch: authority.epoch, epoch, replid: facts.replid };
    const found = await cache.journal(caller, NO_ENTRIES_AFTER, 1).catch(refusal);
    if (found instanceof CacheError || found.marker !== authority.marker) {
      return this.#complain('this Redis does not carry the marker of the epoch');
    }
    const [cursor, observed] = await Promise.all([
      this.#deps.authority.cursor(),
      this.#deps.authority.observedIn(epoch),
    ]);
    if (found.head.seq < Math.max(cursor.seq, observed, authority.bound ?? 0)) {
      return this.#complain('this Redis knows less than MySQL, or than its pods have seen');
    }
    return caller;
  }

  /** Whether this is the server of the epoch, or one that can have lost nothing of it that any pod was told. */
  async #isProven(authority: Authority, facts: ServerFacts): Promise<boolean> {
    if (facts.role !== 'master') return this.#refuse('this Redis is a replica');
    if (facts.replid === authority.replid) return true;
    const fit = unfitness(facts).length === 0;
    if (fit && authority.redisNode && provableNode(facts) === authority.redisNode) return true;
    if (authority.cacheEpoch !== null && (await this.#deps.authority.allDrained(authority.cacheEpoch))) return true;
    return this.#refuse('nothing proves that this Redis is the one of the epoch, and not every pod has drained');
  }

  /** DIRECT, and nothing waits: back to the cache when a fit Redis is there, steadily, for this keeper and for most pods. */
  async #return(authority: Authority): Promise<Authority> {
    const { clock } = this.#deps;
    const facts = await this.#inspect();
    if (!this.#isFit(facts)) return authority;
    const losses = await this.#deps.authority.closingsWithin(FLAPPING_MS);
    const { steadyAfterMs } = this.#deps.timing;
    const needed = losses === 0 ? 0 : steadyAfterMs * 2 ** Math.min(losses - 1, FLAPPING_DOUBLINGS_MAX);
    if (this.#watch.steadyForMs < needed) return authority;
    if (clock.monotonic() - this.#activationFailedAt < REFUSED_WAIT_MS) return authority;
    const opinion = await this.#opinion();
    if (opinion.live > 0 && !opinion.mostReachRedis) return authority;
    const obstacle = await this.#ownership.obstacle(facts.replid);
    if (obstacle) return this.#complain(obstacle) ?? authority;
    return this.#move(authority, 'REBUILDING', 'a fit Redis is there');
  }

  /**
   * Begins the next epoch on this Redis. The script activates once: a keeper that died between the script and the row is
   * taken over with the marker that it left.
   */
  async #activate(authority: Authority): Promise<Authority> {
    const { cache, clock, settlement, timing } = this.#deps;
    const facts = await this.#inspect();
    if (!this.#isFit(facts)) {
      const waited = Math.min(authority.ageMs, facts ? Number.POSITIVE_INFINITY : this.#watch.lostForMs);
      return waited < timing.lostAfterMs
        ? authority
        : this.#move(authority, 'DIRECT', 'no fit Redis is there any more');
    }
    const epoch = authority.epoch + 1;
    const { idTimeMax } = await this.#deps.authority.cursor();
    const m = Math.max(idTimeMax, clock.now() - M_BEHIND_MS);
    let marker: string;
    try {
      // First the fence: no late command may make anew what is swept. All that is older is settled, and a full memory could not
      // begin an epoch beside it.
      await cache.fence(authority.epoch, facts.replid);
      await this.#deps.sweepEpochsBefore(epoch, { fenceEpoch: authority.epoch, replid: facts.replid });
      marker = await cache.activate(epoch, facts.replid, randomBytes(16).toString('hex'), m);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#complain(`this Redis does not begin epoch ${epoch}: ${reason}`);
      const refused = error instanceof CacheError && error.kind === 'refused';
      if (!refused && authority.ageMs < timing.lostAfterMs) return authority;
      this.#activationFailedAt = clock.monotonic();
      return this.#move(authority, 'DIRECT', `Redis does not begin the epoch: ${reason}`);
    }
    await lowerLookupHorizon(this.#deps, { fenceEpoch: epoch, epoch, replid: facts.replid });
    const server = { cacheEpoch: epoch, redisNode: provableNode(facts), replid: facts.replid, marker };
    const by = this.#by('activated');
    const moved = await settlement.activate(authority, server, by);
    return moved ? this.#moved(moved, by.reason) : this.#deps.authority.read();
  }

  /** A Redis that hangs must not hold up a step for as long as a command may take: not to answer at once is not to answer. */
  async #inspectQuickly(): Promise<ServerFacts | null> {
    const tooLate = this.#deps.clock.sleep(this.#watch.lostForMs > 0 ? INSPECTION_MS_MAX : HANGING_MS).then(() => null);
    return Promise.race([this.#inspect(), tooLate]);
  }

  /** What this Redis is, or null while it cannot be reached. */
  async #inspect(): Promise<ServerFacts | null> {
    let facts: ServerFacts | null = null;
    await this.#watch.look(async () => {
      facts = await this.#deps.inspect();
      return unfitness(facts).length > 0 ? 'unfit' : facts.replid;
    });
    // It answers, and refuses the question: that does not pass by waiting.
    const { trouble } = this.#watch;
    if (trouble instanceof InspectionRefused) this.#complain(`Redis cannot be inspected: ${trouble.message}`);
    return facts;
  }

  async #opinion(): Promise<Opinion> {
    return opinionOf(await this.#deps.authority.livePods());
  }

  #isFit(facts: ServerFacts | null): facts is ServerFacts {
    if (!facts) return false;
    const wrong = unfitness(facts);
    return wrong.length === 0 || this.#refuse(`this Redis may not hold the ledger: ${wrong.join('; ')}`);
  }

  #complain(complaint: string): null {
    this.#refuse(complaint);
    return null;
  }

  /** Says once why nothing moves. */
  #refuse(complaint: string): false {
    if (!this.#said.has(complaint)) this.#deps.logger.error({ complaint }, 'the authority cannot move');
    if (this.#said.size < COMPLAINTS_MAX) this.#said.add(complaint);
    return false;
  }

  #by(reason: string): MovedBy {
    return { keeper: this.#deps.keeperId, reason };
  }

  async #move(from: Authority, mode: Exclude<Mode, 'CACHE'>, reason: string): Promise<Authority> {
    const moved = await this.#deps.authority.move(from, mode, this.#by(reason));
    return moved ? this.#moved(moved, reason) : this.#deps.authority.read();
  }

  #moved(authority: Authority, reason: string): Authority {
    this.#said.clear();
    this.#deps.logger.info({ epoch: authority.epoch, mode: authority.mode, reason }, 'the authority has moved');
    this.#deps.onAuthority(authority);
    return authority;
  }
}

/** A refusal by the prologue is an answer; any other failure is none. */
function refusal(error: unknown): CacheError {
  if (error instanceof CacheError && error.kind === 'refused') return error;
  throw error;
}
