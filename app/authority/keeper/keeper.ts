import type { Authority, Mode, MovedBy } from '../../domain/authority.ts';
import { Problem } from '../../domain/problem.ts';
import { CacheError, type CacheKeeper, type FenceCaller, type Ownership } from '../../journal/cache-port.ts';
import { CursorConflictError } from '../../journal/cursor.ts';
import type { Recovery } from '../../journal/recovery/recovery.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Logger } from '../../kernel/log.ts';
import type { Flusher } from '../../sync/flusher.ts';
import type { EpochRecoveryStore, KeeperAuthority } from '../authority-ports.ts';
import type { ServerFacts } from '../server-facts.ts';
import { Complaints, messageOf } from './complaints.ts';
import { activateEpoch } from './epoch-activation.ts';
import { EpochFence } from './epoch-fence.ts';
import { EpochRecovery } from './epoch-recovery.ts';
import { decide, type KeeperSituation, type KeeperStep, type KeeperTiming } from './keeper-decision.ts';
import { countVote, type ReachabilityVote } from './reachability-vote.ts';
import { RedisInspection } from './redis-inspection.ts';
import { RedisOwnership } from './redis-ownership.ts';
import { ServingCheck } from './serving-check.ts';

interface KeeperDependencies {
  keeperId: string;
  authority: KeeperAuthority;
  recoveryStore: EpochRecoveryStore;
  cache: CacheKeeper;
  flusher: Flusher;
  inspect(): Promise<ServerFacts>;
  /** Deletes the remaining keys of earlier epochs from Redis. */
  sweepEpochsBefore(epoch: number, caller: FenceCaller): Promise<void>;
  clock: Clock;
  logger: Logger;
  timing: KeeperTiming;
  onAuthority(authority: Authority): void;
  onRedisOwner(state: Ownership['state']): void;
}

/** With each further loss of Redis within this time, a keeper waits longer before it trusts Redis again, ms. */
const FLAPPING_MS = 5 * 60_000;

/** The result of a step: where the authority is now, or a further situation to decide on. */
type Outcome = Authority | KeeperSituation;

/**
 * Moves the authority, one step at a time; each step is a compare-and-set in MySQL, so any number of keepers may try.
 *
 *   DIRECT ──► REBUILDING ──► CACHE ──(Redis is lost or replaced)──► CLOSING ──(recovered)──► REBUILDING, or DIRECT
 *
 * `decide` in keeper-decision.ts defines the states and what follows from them; this class reads the facts, calls it,
 * and carries out the result. It never guesses: while the old journal cannot be shown to be complete and not every pod
 * has handed over what it knows, the ledger stays closed.
 */
export class Keeper {
  readonly #deps: KeeperDependencies;
  readonly #complaints: Complaints;
  readonly #inspection: RedisInspection;
  readonly #ownership: RedisOwnership;
  readonly #serving: ServingCheck;
  readonly #fence: EpochFence;
  readonly #recovery: EpochRecovery;
  #activationRefusedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: KeeperDependencies) {
    this.#deps = deps;
    this.#complaints = new Complaints(deps.logger);
    this.#inspection = new RedisInspection({ ...deps, complaints: this.#complaints });
    this.#ownership = new RedisOwnership(deps);
    this.#serving = new ServingCheck({ ...deps, inspection: this.#inspection, ownership: this.#ownership });
    this.#fence = new EpochFence({ ...deps, ownership: this.#ownership, complaints: this.#complaints });
    this.#recovery = new EpochRecovery({ ...deps, cursor: () => deps.authority.cursor() });
  }

  /** Reads where the authority is, and takes the next step, if there is one. @throws when MySQL is unavailable */
  async step(): Promise<Authority> {
    const authority = await this.#deps.authority.read();
    this.#deps.onAuthority(authority);
    let outcome: Outcome = await this.#situation(authority);
    while ('state' in outcome) outcome = await this.#carryOut(decide(outcome), authority);
    return outcome;
  }

  #situation(authority: Authority): Promise<KeeperSituation> {
    switch (authority.mode) {
      case 'CACHE':
        return this.#whileServing(authority);
      case 'CLOSING':
        return this.#whileClosing(authority);
      case 'DIRECT':
        return authority.cacheEpoch === null ? this.#whileDirect() : this.#whileFrozen(authority);
      case 'REBUILDING':
        return this.#whileRebuilding(authority);
    }
  }

  async #whileServing(authority: Authority): Promise<KeeperSituation> {
    const refusal = await this.#serving.refusalOf(authority);
    const vote = await this.#vote();
    const { lostForMs, steadyForMs } = this.#inspection.watch;
    return { state: 'serving', refusal, lostForMs, steadyForMs, vote, timing: this.#deps.timing };
  }

  async #whileClosing(authority: Authority): Promise<KeeperSituation> {
    if (authority.cacheEpoch === null) {
      const server = await this.#inspection.inspectQuickly();
      return { state: 'nothing-to-recover', fit: this.#inspection.isFit(server) };
    }
    const recovery = await this.#deps.recoveryStore.recovery(authority);
    if (recovery?.accepted) return { state: 'loss-accepted', by: recovery.accepted };
    return { state: 'closing', recovery, server: await this.#inspection.inspectQuickly() };
  }

  async #whileFrozen(authority: Authority): Promise<KeeperSituation> {
    const recovery = await this.#deps.recoveryStore.recovery(authority);
    if (recovery?.accepted) return { state: 'loss-accepted', by: recovery.accepted };
    return { state: 'frozen', server: await this.#inspection.inspect() };
  }

  async #whileDirect(): Promise<KeeperSituation> {
    const { clock, timing } = this.#deps;
    const server = await this.#inspection.inspect();
    const fit = this.#inspection.isFit(server);
    return {
      state: 'direct',
      fit,
      losses: fit ? await this.#losses() : 0,
      steadyForMs: this.#inspection.watch.steadyForMs,
      sinceRefusedMs: clock.monotonic() - this.#activationRefusedAt,
      timing,
      replid: server?.replid ?? '',
    };
  }

  async #whileRebuilding({ ageMs }: Authority): Promise<KeeperSituation> {
    const server = await this.#inspection.inspect();
    const { lostForMs } = this.#inspection.watch;
    const { timing } = this.#deps;
    return { state: 'rebuilding', server, fit: this.#inspection.isFit(server), ageMs, lostForMs, timing };
  }

  async #carryOut(step: KeeperStep, authority: Authority): Promise<Outcome> {
    switch (step.kind) {
      case 'stayWell':
        this.#complaints.clear();
        return authority;
      case 'stay':
        return authority;
      case 'complain':
        this.#complaints.add(step.complaint);
        return authority;
      case 'move': {
        const happened = step.refusal === undefined ? '' : await this.#serving.explain(step.refusal);
        return this.#move(authority, step.to, step.reason + happened);
      }
      case 'recoverFromJournal':
        return this.#whenJournalFails(() => this.#recoverFromJournal(authority, step.server, step.recovery));
      case 'finishRecovery':
        return this.#whenJournalFails(() => this.#finishRecovery(authority, step.to, step.end));
      case 'recoverFromPods':
        return this.#recoverFromPods(authority);
      case 'recoverAcceptingLoss':
        return this.#recoverAcceptingLoss(authority, step.by);
      case 'recoverFrozen':
        return this.#recoverFrozen(authority, step.server);
      case 'askPods':
        return { state: 'steady', vote: await this.#vote(), replid: step.replid };
      case 'checkOwner':
        return { state: 'candidate', obstacle: await this.#ownership.obstacle(step.replid) };
      case 'activate':
        return this.#activate(authority, step.server);
      case 'giveUpActivation':
        this.#activationRefusedAt = this.#deps.clock.monotonic();
        return this.#move(authority, 'DIRECT', step.reason);
    }
  }

  /** Writes the rest of the epoch's journal to MySQL, if this is the epoch's Redis and it has lost nothing. */
  async #recoverFromJournal(authority: Authority, server: ServerFacts, recovery: Recovery | null): Promise<Outcome> {
    if (!(await this.#fence.isProven(authority, server))) return { state: 'journal-unavailable' };
    const caller = await this.#fence.raise(authority, server);
    if (!caller) return { state: 'journal-unavailable' };
    // Once a recovery from the pods has begun, MySQL may have entries above the cursor, which the flush does not expect.
    const end = await (recovery
      ? this.#recovery.fromJournal(authority, caller)
      : this.#recovery.byFlushing(authority, caller));
    if (end === null) return authority;
    const fit = this.#inspection.isFit(server);
    const losses = fit ? await this.#losses() : 0;
    const vote = fit ? await this.#vote() : countVote([]);
    return { state: 'journal-recovered', end, fit, losses, vote, ageMs: authority.ageMs };
  }

  async #finishRecovery(authority: Authority, to: 'REBUILDING' | 'DIRECT', end: number): Promise<Authority> {
    const by = this.#by(`epoch ${authority.cacheEpoch} recovered from its journal at ${end}`);
    return this.#confirm(await this.#deps.recoveryStore.finishFromJournal(authority, to, end, by), by);
  }

  /**
   * Errors of MySQL and conflicts with another keeper are thrown, to be retried; any other error means that the journal
   * is unusable.
   */
  async #whenJournalFails(recover: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await recover();
    } catch (error) {
      if (error instanceof Problem || error instanceof CursorConflictError) throw error;
      this.#complaints.add(`the epoch cannot be recovered from its journal: ${messageOf(error)}`);
      return { state: 'journal-unavailable' };
    }
  }

  /**
   * Recovers from what the pods have handed over. The authority stays where it is, with a complaint, until every pod
   * has handed over.
   */
  async #recoverFromPods(authority: Authority): Promise<Authority> {
    const by = this.#by('recovered from what the pods handed over');
    const page = await this.#recovery.fromPods(authority, by);
    if (page === null) return this.#deps.authority.read();
    if ('authority' in page) return this.#moved(page.authority, by.reason);
    if ('notHandedOver' in page) {
      const pods = page.notHandedOver.slice(0, 10).join(', ');
      this.#complaints.add(`closed until these pods hand over what they know: ${pods}`);
    } else if ('unexplained' in page) {
      const gap = JSON.stringify(page.unexplained);
      this.#complaints.add(`closed: more is missing than the attempts in doubt explain: ${gap}`);
    }
    return authority;
  }

  /** Carries out an operator's decision if the process that received it has died. */
  async #recoverAcceptingLoss(authority: Authority, by: MovedBy): Promise<Authority> {
    const page = await this.#recovery.acceptingLoss(authority, by);
    if (page === null) return this.#deps.authority.read();
    return 'working' in page ? authority : this.#moved(page.authority, by.reason);
  }

  /**
   * In DIRECT with frozen accounts, the epoch's Redis may return; the accounts are then recovered from its journal.
   * Every pod has handed over, so a server is the right one when it has the marker and everything that any pod has
   * acknowledged.
   */
  async #recoverFrozen(authority: Authority, server: ServerFacts): Promise<Authority> {
    const caller = await this.#fence.raise(authority, server).catch((error: unknown) => {
      this.#complaints.add(`frozen accounts wait for the journal: ${messageOf(error)}`);
      return null;
    });
    if (!caller) return authority;
    const end = await this.#recovery.fromJournal(authority, caller);
    if (end === null) return authority;
    const by = this.#by(`frozen accounts recovered from the journal of epoch ${caller.epoch}`);
    return this.#confirm(await this.#deps.recoveryStore.unfreezeFromJournal(authority, end, by), by);
  }

  async #activate(authority: Authority, server: ServerFacts): Promise<Outcome> {
    const { recoveryStore, timing } = this.#deps;
    const { idTimeMax } = await this.#deps.authority.cursor();
    const activated = await activateEpoch(this.#deps, authority, server, idTimeMax).catch((error: unknown) => ({
      error,
    }));
    if ('error' in activated) {
      const { error } = activated;
      const reason = messageOf(error);
      this.#complaints.add(`this Redis cannot begin epoch ${authority.epoch + 1}: ${reason}`);
      const refused = error instanceof CacheError && error.kind === 'refused';
      return { state: 'activation-failed', reason, refused, ageMs: authority.ageMs, timing };
    }
    const by = this.#by('activated');
    return this.#confirm(await recoveryStore.activate(authority, activated, by), by);
  }

  async #vote(): Promise<ReachabilityVote> {
    return countVote(await this.#deps.authority.livePods());
  }
  #losses(): Promise<number> {
    return this.#deps.authority.closingsWithin(FLAPPING_MS);
  }

  #by(reason: string): MovedBy {
    return { keeper: this.#deps.keeperId, reason };
  }
  async #move(from: Authority, to: Exclude<Mode, 'CACHE'>, reason: string): Promise<Authority> {
    const by = this.#by(reason);
    return this.#confirm(await this.#deps.authority.move(from, to, by), by);
  }
  /** @param moved null when another process moved the authority first */
  #confirm(moved: Authority | null, { reason }: MovedBy): Promise<Authority> | Authority {
    return moved ? this.#moved(moved, reason) : this.#deps.authority.read();
  }
  #moved(authority: Authority, reason: string): Authority {
    this.#complaints.clear();
    this.#deps.logger.info({ epoch: authority.epoch, mode: authority.mode, reason }, 'the authority has moved');
    this.#deps.onAuthority(authority);
    return authority;
  }
}
