import type { PodSession } from '../authority/pod/pod-session.ts';
import { FORMAT_MAX } from '../domain/authority.ts';
import { isStopped } from '../domain/stop.ts';
import { redisOwnership } from './operator.ts';
import type { ShardContext } from './shard-context.ts';

/** `GET /v1/ops/unsettled` lists more. */
const FROZEN_LISTED_MAX = 100;

/** The status of the whole ledger for operators, read from both stores as far as they respond. */
export class OpsStatus {
  readonly #context: ShardContext;
  readonly #session: PodSession;

  constructor(context: ShardContext, session: PodSession) {
    this.#context = context;
    this.#session = session;
  }

  async read(): Promise<object> {
    const { opsReads, unsettled, detectors } = this.#context;
    const { authority, formats, flushStore } = opsReads;
    const [now, cursor, pods, processes, keepers, olderProcesses, waiting] = await Promise.all([
      authority.read().catch(() => this.#session.authority),
      flushStore.cursor().catch(() => null),
      authority.pods().catch(() => null),
      authority.livePods().catch(() => null),
      authority.keepers().catch(() => null),
      formats.olderProcesses().catch(() => null),
      unsettled.frozen(FROZEN_LISTED_MAX).catch(() => null),
    ]);
    const recovery = now && (await unsettled.recovery(now).catch(() => null));
    return {
      mode: now?.mode ?? 'UNKNOWN',
      epoch: now?.epoch ?? null,
      stopped: now && isStopped(now.stops),
      format: now?.format ?? null,
      formatMax: FORMAT_MAX,
      redisNode: now?.redisNode ?? null,
      cursor: cursor && { epoch: cursor.epoch, seq: cursor.seq },
      // Outside DIRECT, the owner is not read: it is known, or reading it may take long because Redis hangs.
      redisOwner: now?.mode === 'DIRECT' ? await redisOwnership(this.#context) : null,
      journal: await this.#journal(cursor),
      recovery: recovery && progressOf(recovery),
      pods:
        pods?.map(({ podId, epoch, handedOver, retiredSeq, silentMs }) => ({
          podId,
          epoch,
          drained: handedOver,
          retired: retiredSeq !== null,
          silentMs: Math.round(silentMs),
        })) ?? null,
      processes:
        processes?.map(({ processId, redisSeen, silentMs }) => ({
          processId,
          redisSeen,
          silentMs: Math.round(silentMs),
        })) ?? null,
      olderProcesses:
        olderProcesses?.map(({ silentMs, ...process }) => ({ ...process, silentMs: Math.round(silentMs) })) ?? null,
      keepers: keepers?.map(({ keeperId, silentMs }) => ({ keeperId, silentMs: Math.round(silentMs) })) ?? null,
      frozenAccounts: waiting?.items ?? null,
      frozenAccountsTotal: waiting?.total ?? null,
      clock: {
        ledgerTime: new Date(this.#context.ledgerClock.now()).toISOString(),
        offsetSeconds: Math.round(this.#context.ledgerClock.offMs) / 1000,
      },
      breakers: { redis: detectors.redis.state, mysql: detectors.mysql.state },
      pod: {
        podId: this.#session.podId,
        open: this.#session.view() !== null,
        observedSeq: this.#session.view()?.observed ?? null,
        tail: { entries: this.#session.view()?.tail.size ?? 0, bytes: this.#session.view()?.tail.bytes ?? 0 },
        complaints: this.#session.complaints(),
      },
    };
  }

  /**
   * The number of outcomes that are in the journal but not in MySQL, and how long the oldest entry held by this pod has
   * waited.
   */
  async #journal(cursor: { epoch: number; seq: number } | null): Promise<object | null> {
    const { cache, clock } = this.#context;
    const view = this.#session.view();
    if (!view) return null;
    try {
      const { head } = await cache.read(view.caller, []);
      view.observe(head);
      const committed = cursor?.epoch === view.caller.epoch ? cursor.seq : head.cursor;
      const oldest = view.tail.oldestKeptAtMs;
      return {
        seq: head.seq,
        publishedCursor: head.cursor,
        length: Math.max(0, head.seq - committed),
        ageMs: oldest === null ? 0 : Math.round(clock.monotonic() - oldest),
      };
    } catch {
      return null;
    }
  }
}

type Recovery = NonNullable<Awaited<ReturnType<ShardContext['unsettled']['recovery']>>>;

/** The name `bound` in the response is older than `highestKnownSeq` in the code. */
const progressOf = ({ highestKnownSeq, accepted, ...progress }: Recovery): object => ({
  ...progress,
  bound: highestKnownSeq,
  accepted: accepted?.keeper ?? null,
});
