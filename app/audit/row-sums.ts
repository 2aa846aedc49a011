import { hash, randomBytes } from 'node:crypto';

/** How many buckets there are: a power of two. Each takes 24 bytes, on both sides together. */
const BUCKETS = 2 ** 18;

/**
 * Sums over two sets of texts, in buckets: two buckets are equal exactly if they have the same texts the same number of
 * times, in whatever order the texts come. So two sets of any size are compared in constant memory, and what differs is in
 * the buckets that differ.
 *
 * The hash of a text includes a random key, so nobody can prepare texts whose sums are equal.
 */
export class RowSums {
  readonly #key = randomBytes(16).toString('hex');
  readonly #seed = randomBytes(4).readUInt32LE();
  // Three numbers for each bucket; a sum that exceeds 32 bits wraps around.
  readonly #sums = new Uint32Array(3 * BUCKETS);

  /** @param id determines the bucket @param side 1: in the first set, -1: in the second one */
  add(id: string, text: string, side: 1 | -1): void {
    const digest = hash('sha256', `${this.#key}${id}\n${text}`, 'buffer');
    const at = 3 * this.bucketOf(id);
    for (let part = 0; part < 3; part++) {
      const value = digest.readUInt32LE(4 * part);
      this.#sums[at + part] = (this.#sums[at + part] ?? 0) + side * value;
    }
  }

  /** FNV-1a. */
  bucketOf(id: string): number {
    let state = this.#seed;
    for (let index = 0; index < id.length; index++) state = Math.imul(state ^ id.charCodeAt(index), 16_777_619);
    return (state ^ (state >>> 15)) & (BUCKETS - 1);
  }

  /** The buckets in which the two sets differ, in order. */
  differing(): number[] {
    const buckets: number[] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const at = 3 * bucket;
      if ((this.#sums[at] ?? 0) !== 0 || (this.#sums[at + 1] ?? 0) !== 0 || (this.#sums[at + 2] ?? 0) !== 0)
        buckets.push(bucket);
    }
    return buckets;
  }
}
