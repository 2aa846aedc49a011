import type { KeeperCaller } from '../../app/journal/cache-port.ts';
import type { SimProcess } from '../core/sim-process.ts';
import type { RedisClient } from '../redis/redis-client.ts';

/** Mean time between two calls, ms. */
const PAUSE_MS = 120;
const EPOCHS_AHEAD_MAX = 2;

/**
 * A keeper of another ledger that was connected to this Redis by mistake. It does not check the owner before it acts,
 * so only the scripts can refuse it. It ignores a Redis that has never held a ledger, because the first ledger to claim
 * such a Redis owns it.
 */
export class ForeignKeeper {
  readonly process: SimProcess;
  readonly #redis: RedisClient;
  readonly #onAllowed: (what: string) => void;

  constructor(process: SimProcess, redis: RedisClient, onAllowed: (what: string) => void) {
    this.process = process;
    this.#redis = redis;
    this.#onAllowed = onAllowed;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.process.sleep(-Math.log(1 - this.process.random()) * PAUSE_MS);
      // It expects to be refused.
      await this.#act().catch(() => {});
    }
  }

  async #act(): Promise<void> {
    const redis = this.#redis;
    const { replid } = await redis.inspect();
    // From here on, only this server counts: every script compares the replid.
    const { state, fence } = await redis.ownership(replid);
    if (state === 'free' || fence === null) return;
    const epoch = fence + this.#whole(EPOCHS_AHEAD_MAX);
    const format = this.#whole(1) === 0 ? 1 : 2;
    const caller: KeeperCaller = { fenceEpoch: fence, epoch: fence, format, replid };
    const marker = 'of another ledger';
    const calls: readonly [name: string, call: () => Promise<unknown>][] = [
      ['fence', () => redis.fence(epoch, replid)],
      ['activate', () => redis.activate({ epoch, format }, replid, marker, this.process.now())],
      ['sweep', () => redis.sweepEpochsBefore(epoch, { fenceEpoch: fence, replid })],
      ['publish', () => redis.publish(caller, this.#whole(50), this.#whole(50))],
      ['forget', () => redis.forget(caller, [], true)],
      ['retire', () => redis.retire(caller, 'pod1')],
      ['register', () => redis.register({ epoch: fence, format, replid, podId: 'foreign pod' }, marker)],
    ];
    const [name, call] = calls[this.#whole(calls.length - 1)] ?? calls[0] ?? [];
    if (name === undefined || call === undefined) return;
    await call();
    this.#onAllowed(name);
  }

  #whole(max: number): number {
    return Math.floor(this.process.random() * (max + 1));
  }
}
