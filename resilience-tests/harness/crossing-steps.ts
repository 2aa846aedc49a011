import { legIdOf } from '../../app/domain/crossing.ts';
import { newUuidV7 } from '../../app/domain/ids.ts';
import { Client } from '../../verification/harness/client.ts';
import { sleep, until } from '../../verification/harness/time.ts';
import { Load } from '../../verification/load/load.ts';
import type { ShardTowns } from '../../verification/load/shard-population.ts';
import type { Scene } from './hypothesis.ts';
import { holdFlush, type ShardedGround, setHotAccounts } from './sharded.ts';

/** Where the outcome of a leg is stored. Redis keeps an id for a while after its outcome is in MySQL. */
interface LegSeen {
  redis: boolean;
  mysql: 'POSTED' | 'REJECTED' | null;
}
export type LegsSeen = Readonly<Record<'out' | 'in' | 'back', LegSeen>>;
export const isAnywhere = ({ redis, mysql }: LegSeen): boolean => redis || mysql !== null;

/** The number of transfers that are sent to the pod for each step. */
const SENT = 6;
const REACHED_MS_MAX = 8_000;
/** Long enough for the client to notice that its connection is broken. */
const BROKEN_MS = 100;
/** ARGV: ids. Returns, for each id, whether any hash of ids contains it. */
const HAS_IDS = `local found = {}
for i = 1, #ARGV do found[i] = 0 end
for _, key in ipairs(redis.call('KEYS', '*:ids:*')) do
  for i = 1, #ARGV do if redis.call('HEXISTS', key, ARGV[i]) == 1 then found[i] = 1 end end
end
return found`;

/** Sends transfers between two shards through the first pod, stops them at one step, and kills the pod at this step. */
export class CrossingSteps implements Disposable {
  readonly #scene: Scene<ShardedGround>;
  readonly #from: number;
  readonly #to: number;
  readonly #client: Client;
  readonly #load: Load;
  readonly #heals = new Map<string, () => void>();
  #ids: string[] = [];

  constructor(scene: Scene<ShardedGround>, { from, to }: { from: number; to: number }) {
    const { ground, recorder, population } = scene;
    this.#scene = scene;
    this.#from = from;
    this.#to = to;
    this.#client = new Client(() => [ground.stack.pod(0).url], ground.stack.file.apiKey);
    this.#load = new Load(this.#client, recorder, population);
  }

  /** Sends new transfers between accounts that have money. They are answered once MySQL has all their legs. */
  send(): void {
    const { towns } = this.#scene.population as ShardTowns;
    const hot = (shard: number) =>
      towns[shard]?.accounts.find(({ accountId }) => accountId.includes('EUR-hot-'))?.accountId ?? '';
    const content = { source: hot(this.#from), destination: hot(this.#to), amount: 1, currency: 'EUR' };
    this.#ids = Array.from({ length: SENT }, () => newUuidV7(Date.now()));
    for (const transactionId of this.#ids)
      void this.#load.transfer({ transactionId, content, durability: 'persisted' });
  }

  /** Prevents the keepers from writing to the MySQL of a shard. */
  holdFlush(shard: number): void {
    this.#heals.set(`flush ${shard}`, holdFlush(this.#scene.ground.stack, shard));
  }
  releaseFlush(shard: number): void {
    this.#heals.get(`flush ${shard}`)?.();
    this.#heals.delete(`flush ${shard}`);
  }
  /** Blocks the first pod's requests to the Redis of a shard. */
  holdRedis(shard: number): void {
    const { stack } = this.#scene.ground;
    const link = stack.wire(stack.pod(0), 'redis', shard);
    link.hold('requests');
    this.#heals.set(`redis ${shard}`, () => link.heal());
  }
  async freezeDestination(): Promise<void> {
    await setHotAccounts(this.#scene, this.#to, 'FROZEN');
    this.#heals.set('frozen', () => {});
  }

  /** Waits until one of the transfers is at a step. */
  async until(what: string, isAt: (legs: LegsSeen) => boolean): Promise<void> {
    await until(what, REACHED_MS_MAX, async () => (await this.#at(isAt)).length > 0);
  }

  /** Kills the pod. @returns how many of the transfers were at the step and had not been answered */
  async kill(isAt: (legs: LegsSeen) => boolean): Promise<number> {
    const { ground, recorder } = this.#scene;
    const at = await this.#at(isAt);
    await ground.stack.pod(0).kill();
    await sleep(BROKEN_MS);
    const isBroken = (id: string) => {
      const [first] = recorder.of(id).attempts;
      return first?.answer.kind === 'unknown' && Number.isFinite(first.endedAt);
    };
    return at.filter(isBroken).length;
  }

  /** Ends all faults. Frozen accounts are unfrozen only after they have refused a transfer. */
  async heal(): Promise<void> {
    const isFrozen = this.#heals.delete('frozen');
    for (const heal of this.#heals.values()) heal();
    this.#heals.clear();
    if (!isFrozen) return;
    await this.until('the destination has refused a transfer', (legs) => legs.in.mysql === 'REJECTED');
    await setHotAccounts(this.#scene, this.#to, 'ACTIVE');
  }

  /** The transfers that are at a step. */
  async #at(isAt: (legs: LegsSeen) => boolean): Promise<string[]> {
    const [from, to] = [this.#from, this.#to];
    const leg = (name: 'out' | 'in' | 'back') => this.#ids.map((id) => legIdOf(id, name, from));
    const [out, back, into] = await Promise.all([
      this.#seen(from, leg('out')),
      this.#seen(from, leg('back')),
      this.#seen(to, leg('in')),
    ]);
    return this.#ids.filter((_, index) => {
      const [one, two, three] = [out[index], into[index], back[index]];
      return one && two && three && isAt({ out: one, in: two, back: three });
    });
  }

  async #seen(shard: number, ids: readonly string[]): Promise<LegSeen[]> {
    const { stack } = this.#scene.ground;
    const [inRedis, rows] = await Promise.all([
      stack.redis(shard).call('EVAL', HAS_IDS, '0', ...ids) as Promise<number[]>,
      stack.query(shard, 'SELECT transaction_id, `status` FROM transfers WHERE transaction_id IN (?)', [ids]),
    ]);
    const statuses = new Map(rows.map((row) => [String(row['transaction_id']), String(row['status'])]));
    return ids.map((id, index) => ({
      redis: inRedis[index] === 1,
      mysql: (statuses.get(id) ?? null) as LegSeen['mysql'],
    }));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
