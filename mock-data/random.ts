/**
 * Randomness that is the same on every machine: everything in a generated bank follows from its seed text. sfc32 (Chris
 * Doty-Humphrey, PractRand): 128 bits of state, a few shifts and adds per 32 bits, no known defects.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: string) {
    this.a = hash32(`a:${seed}`);
    this.b = hash32(`b:${seed}`);
    this.c = hash32(`c:${seed}`);
    // The first dozen outputs are discarded, as the author advises, because they still resemble the seed.
    for (let round = 0; round < 12; round++) this.u32();
  }

  /** 32 random bits as an unsigned integer. */
  u32(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1) with 53 bits: with 32 bits the tail of a log-normal distribution would be visibly coarse. */
  uniform(): number {
    return ((this.u32() >>> 5) * 0x4000000 + (this.u32() >>> 6)) / 0x20000000000000;
  }

  /** An integer in [0, below). */
  int(below: number): number {
    return Math.floor(this.uniform() * below);
  }

  /**
   * A log-normally distributed number: half of all values are below the median; sigma is the spread of the logarithm.
   */
  logNormal(median: number, sigma: number): number {
    // Box–Muller; 1 − u, because the logarithm of 0 is not finite.
    const normal = Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform());
    return median * Math.exp(sigma * normal);
  }
}

/**
 * FNV-1a over UTF-16 units, then MurmurHash3's finalizer: short seeds that differ in one digit must differ everywhere.
 */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return finalise(hash);
}

/**
 * A number in [0, 1) determined by (seed, index, trait) alone: permanent traits of a customer (salary, employer, rent)
 * are recomputed each time instead of stored, so a million customers cost no memory.
 */
export function trait(seed: number, index: number, salt: number): number {
  return finalise(seed ^ Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca77)) / 0x100000000;
}

function finalise(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * Zipf's law over ranks 0 … size − 1: rank r is picked in proportion to 1 / (r + 1)^exponent. That creates the hot
 * accounts.
 */
export class Zipf {
  private readonly cumulative: Float64Array;

  constructor(size: number, exponent: number) {
    this.cumulative = new Float64Array(size);
    let sum = 0;
    for (let rank = 0; rank < size; rank++) {
      sum += (rank + 1) ** -exponent;
      this.cumulative[rank] = sum;
    }
  }

  /** The rank at `u` in [0, 1). */
  at(u: number): number {
    return pickCumulative(this.cumulative, u);
  }
}

/** The first index whose cumulative sum exceeds the fraction `u` (in [0, 1)) of the total. */
export function pickCumulative(cumulative: Float64Array, u: number): number {
  const target = u * (cumulative.at(-1) ?? 0);
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cumulative[middle] ?? 0) > target) high = middle;
    else low = middle + 1;
  }
  return low;
}
