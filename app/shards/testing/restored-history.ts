import { Problem } from '../../domain/problem.ts';
import type { RestoredShard, SurvivingShard } from '../../ledger/ports/restored-shard.ts';
import { type RecoveryReport, ShardRecovery } from '../shard-recovery.ts';
import { type Asked, CrossingHistory } from './crossing-history.ts';
import type { ModelPod, Tampering } from './model-pod.ts';
import { restoredModel, survivingModel } from './model-recovery.ts';
import type { Backup, ModelShard } from './model-shard.ts';

const SETTLE_MS = 30_000;
const LOAD_MS = 120_000;
const PAGE = 7;

/** One rule of a recovery that a test switches off. */
export interface Broken {
  /** Skips the recovery. */
  skips?: boolean;
  restored?(shard: RestoredShard): Partial<RestoredShard>;
  surviving?(shard: SurvivingShard): Partial<SurvivingShard>;
}

/**
 * A random history in which databases of one or two shards are lost, restored from backups taken at any moment, and
 * recovered. Sometimes a recovery is interrupted, and run again.
 */
export class RestoredHistory extends CrossingHistory {
  readonly reports: RecoveryReport[] = [];
  readonly #broken: Broken;
  readonly #restored = new Map<number, Backup>();

  constructor(seed: number, broken: Broken = {}, tampering?: Tampering) {
    super(seed, tampering);
    this.#broken = broken;
    const { random, clock } = this;
    const lost = random.chance(0.25) ? 2 : 1;
    for (let count = 0; count < lost; count++) {
      const shard = random.between(0, this.models.length - 1);
      clock.after(random.between(0, LOAD_MS), () => this.#restored.set(shard, this.model(shard).backup()));
    }
  }

  protected override mayHaveForgotten(shard: number): boolean {
    return this.#restored.has(shard);
  }

  protected model(shard: number): ModelShard {
    const model = this.models[shard];
    if (!model) throw new RangeError(`no shard ${shard}`);
    return model;
  }

  protected override async afterLoad(): Promise<void> {
    const { clock, models } = this;
    for (const model of models) Object.assign(model, { state: 'open', isDatabaseAway: false });
    // After this time, some transfers are still unfinished.
    await clock.pass(this.random.between(0, SETTLE_MS));
    for (const pod of this.pods) pod.killed = true;
    for (const model of models) {
      model.retireAll();
      model.flush();
    }
    for (const [shard, backup] of this.#restored) this.model(shard).restore(backup);
    if (!this.#broken.skips) for (const shard of this.#restored.keys()) await this.#recover(shard);
    const pod = this.startPod();
    await clock.until(Promise.all(this.asked.map((asked) => this.#again(pod, asked))));
  }

  async #recover(shard: number): Promise<void> {
    const { random, models } = this;
    for (let tries = random.chance(0.4) ? 3 : 1; tries > 0; tries--) {
      let pages = tries > 1 ? random.between(0, 6) : Number.POSITIVE_INFINITY;
      const recovery = new ShardRecovery({
        number: shard,
        restored: this.#restoredShard(this.model(shard)),
        others: new Map(
          [...models.entries()].filter(([n]) => n !== shard).map(([n, model]) => [n, this.#surviving(model)]),
        ),
        isDryRun: false,
        page: PAGE,
        async onPage() {
          pages -= 1;
          if (pages < 0) throw new Problem('database_unavailable', 'interrupted');
        },
      });
      await recovery.run().then(
        (report) => this.reports.push(report),
        (error) => {
          if (!(error instanceof Problem)) throw error;
        },
      );
    }
  }

  /** Clients repeat what they sent before the loss, or use its id for another transfer. */
  async #again(pod: ModelPod, { order, from, answers }: Asked): Promise<void> {
    const { random, clock } = this;
    if (random.chance(0.4)) return;
    await clock.sleep(random.between(0, 20_000));
    const isOther = random.chance(0.3) && this.#restored.has(from);
    const answer = await pod.apply(isOther ? { ...order, amount: order.amount + 1 } : order, 'persisted');
    if (answer instanceof Problem) return;
    answers.push({ durability: 'persisted', answer, lossesBefore: 0 });
  }

  #surviving(model: ModelShard): SurvivingShard {
    const own = survivingModel(model);
    return { ...own, ...this.#broken.surviving?.(own) };
  }

  #restoredShard(model: ModelShard): RestoredShard {
    const own = restoredModel(model);
    return { ...own, ...this.#broken.restored?.(own) };
  }
}
