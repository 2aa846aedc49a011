import { bucketEnd, placeOf } from '../../domain/ids.ts';

const highest = (ids: Map<string, number>): number => Math.max(0, ...ids.values());

/** The ids that the model of an epoch remembers, each with its seq: UUIDv7s by time, all others by generation. */
export class ModelIds {
  /** All later UUIDv7s are remembered; for other ids, MySQL may have to be queried. */
  lookupHorizon: number;
  readonly #buckets = new Map<number, Map<string, number>>();
  #others = new Map<string, number>();
  #olderOthers = new Map<string, number>();

  constructor(lookupHorizon: number) {
    this.lookupHorizon = lookupHorizon;
  }

  /** The bucket of an id after the horizon; the id of a group has a `+` before it. */
  #bucketOf(id: string): number | null {
    const { bucket, time } = placeOf(id.replace('+', ''));
    return time > this.lookupHorizon ? bucket : null;
  }

  areRemembered(id: string): boolean {
    return this.#bucketOf(id) !== null;
  }

  /** @param key the key under which the id is stored */
  seqOf(id: string, key = id): number | undefined {
    const bucket = this.#bucketOf(id);
    if (bucket !== null) return this.#buckets.get(bucket)?.get(key);
    return this.#others.get(key) ?? this.#olderOthers.get(key);
  }

  seqOfChange(changeId: string): number | undefined {
    const { bucket } = placeOf(changeId);
    return bucket === null ? undefined : this.#buckets.get(bucket)?.get(`#${changeId}`);
  }

  /** @param key the key under which the id is stored: an account change has a `#` before its id */
  add(id: string, seq: number, key = id): void {
    const bucket = this.#bucketOf(id);
    if (bucket === null) {
      this.#others.set(key, seq);
      return;
    }
    const ids = this.#buckets.get(bucket) ?? new Map<string, number>();
    this.#buckets.set(bucket, ids.set(key, seq));
  }

  /**
   * Forgets buckets that end before `time` and are in MySQL, and, on request, the older generation of other ids.
   * @returns the highest seq that was forgotten, or 0
   */
  forget(buckets: readonly number[], turnOthers: boolean, cursor: number, time: number): number {
    let forgotten = 0;
    for (const bucket of buckets) {
      const last = highest(this.#buckets.get(bucket) ?? new Map());
      if (bucketEnd(bucket) >= time || last > cursor) break;
      forgotten = Math.max(forgotten, last);
      this.#buckets.delete(bucket);
      this.lookupHorizon = Math.max(this.lookupHorizon, bucketEnd(bucket));
    }
    const last = highest(this.#olderOthers);
    if (turnOthers && last <= cursor) {
      forgotten = Math.max(forgotten, last);
      this.#olderOthers = this.#others;
      this.#others = new Map();
    }
    return forgotten;
  }
}
