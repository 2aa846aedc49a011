import type { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import {
  type BatchFull,
  type BatchItem,
  type BatchName,
  type BatchPage,
  type BatchRecords,
  type BatchState,
  type BatchSummary,
  type RecordedItem,
  replaces,
} from '../../ledger/ports/batch-records.ts';

/** Records of batches in memory, for testing the shapes of the API. */
export class MemoryBatches implements BatchRecords {
  readonly batches = new Map<string, Map<string, RecordedItem>>();
  /** What every call throws. */
  failure: Problem | BatchFull | Error | null = null;
  readonly #clock: Pick<Clock, 'now'>;

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async record(batch: BatchName, items: readonly BatchItem[]): Promise<void> {
    if (this.failure) throw this.failure;
    const recorded = this.#of(batch) ?? new Map<string, RecordedItem>();
    this.batches.set(keyOf(batch), recorded);
    for (const item of items) {
      const before = recorded.get(item.transactionId);
      if (before && !replaces(item.state, before.state)) continue;
      recorded.set(item.transactionId, { ...item, recordedAt: this.#clock.now() });
    }
  }

  async summary(batch: BatchName): Promise<BatchSummary | null> {
    if (this.failure) throw this.failure;
    const recorded = this.#of(batch);
    if (!recorded) return null;
    const times = [...recorded.values()].map(({ recordedAt }) => recordedAt);
    const count = (state: BatchState) => [...recorded.values()].filter((item) => item.state === state).length;
    return {
      counts: {
        POSTED: count('POSTED'),
        REJECTED: count('REJECTED'),
        FAILED: count('FAILED'),
        UNDECIDED: count('UNDECIDED'),
      },
      firstRecordedAt: Math.min(...times),
      lastRecordedAt: Math.max(...times),
    };
  }

  async items(batch: BatchName, { state, afterTransactionId, limit }: BatchPage): Promise<RecordedItem[]> {
    if (this.failure) throw this.failure;
    return [...(this.#of(batch)?.values() ?? [])]
      .filter((item) => (state === null || item.state === state) && item.transactionId > afterTransactionId)
      .sort((a, b) => (a.transactionId < b.transactionId ? -1 : 1))
      .slice(0, limit);
  }

  #of(batch: BatchName): Map<string, RecordedItem> | undefined {
    return this.batches.get(keyOf(batch));
  }
}

const keyOf = ({ postedBy, batchId }: BatchName): string => `${postedBy} ${batchId}`;
