/** A seeded random generator (sfc32): small, fast, and the same on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = 0x9e3779b9;
    for (let round = 0; round < 12; round++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** From 0 to below 1. */
  unit(): number {
    return this.next() / 2 ** 32;
  }
  chance(probability: number): boolean {
    return this.unit() < probability;
  }
  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }
  between(least: number, most: number): number {
    return least + this.unit() * (most - least);
  }
  /** An exponentially distributed number: usually small, occasionally several times the mean. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.unit());
  }
  pick<T>(items: readonly T[]): T {
    const item = items[Math.floor(this.unit() * items.length)];
    if (item === undefined) throw new RangeError('there is nothing to choose from');
    return item;
  }
  /** One of the names, with a probability in proportion to its weight. */
  weighted<Name extends string>(weights: Readonly<Partial<Record<Name, number>>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let at = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      at -= weight;
      if (at < 0) return name;
    }
    return this.pick(entries)[0];
  }
  /** An independent stream, so that the numbers one part draws do not change those of another. */
  fork(): Random {
    return new Random(this.next() * 2 ** 20 + (this.next() & 0xfffff));
  }
  hex(characters: number): string {
    let text = '';
    while (text.length < characters) text += this.next().toString(16).padStart(8, '0');
    return text.slice(0, characters);
  }
}
