/** Who does what happens: a process that is dead does nothing, one that is paused puts it off. */
export interface Owner {
  readonly alive: boolean;
  /** Whether it does it now. */
  takes(happening: Happening): boolean;
}

/** Something that will happen at a moment of virtual time. */
export interface Happening {
  atMs: number;
  /** Breaks ties: what was planned first happens first. */
  number: number;
  action: () => void;
  /** Null: the world's. */
  owner: Owner | null;
  cancelled: boolean;
}

const BEFORE = (a: Happening, b: Happening): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);

/**
 * Virtual time. One thing happens at a time; after each, everything that promises make of it runs dry before the next, so
 * that the same plan gives the same run, whatever the machine does.
 */
export class Scheduler {
  nowMs = 0;
  /** How many things have happened. */
  steps = 0;
  #heap: Happening[] = [];
  #numbers = 0;
  #hash = 0x811c9dc5;

  /** The run so far, in a number: two runs of one seed must agree on it. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
  mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0), 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }

  at(atMs: number, action: () => void, owner: Owner | null = null): Happening {
    const happening = { atMs: Math.max(atMs, this.nowMs), number: this.#numbers++, action, owner, cancelled: false };
    this.#push(happening);
    return happening;
  }
  after(ms: number, action: () => void, owner: Owner | null = null): Happening {
    return this.at(this.nowMs + ms, action, owner);
  }
  /** What was put off happens now, behind all that is planned for this very moment. */
  again(happening: Happening): void {
    happening.atMs = this.nowMs;
    happening.number = this.#numbers++;
    this.#push(happening);
  }

  /** Lets things happen until `enough` says so (asked after each), or nothing is left, or the time is up. */
  run(untilMs: number, enough: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      // A tick begins only when the microtasks of the one before are done; planned from a microtask, it is the only one.
      const next = () => process.nextTick(step);
      const step = () => {
        try {
          const happening = enough() ? undefined : this.#pop(untilMs);
          if (!happening) {
            if (!enough()) this.nowMs = Math.max(this.nowMs, untilMs);
            return resolve();
          }
          this.nowMs = happening.atMs;
          this.steps += 1;
          this.mix(happening.atMs * 1024);
          this.mix(happening.number);
          if (happening.owner === null || happening.owner.takes(happening)) happening.action();
          queueMicrotask(next);
        } catch (error) {
          reject(error);
        }
      };
      next();
    });
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(happening);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Happening;
      if (!BEFORE(happening, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = happening;
  }

  #pop(untilMs: number): Happening | undefined {
    for (;;) {
      const first = this.#heap[0];
      if (!first || first.atMs > untilMs) return undefined;
      this.#removeFirst();
      if (!first.cancelled && (first.owner === null || first.owner.alive)) return first;
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const moved = heap.pop() as Happening;
    const { length } = heap;
    if (length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && BEFORE(heap[child + 1] as Happening, heap[child] as Happening)) child += 1;
      const below = heap[child] as Happening;
      if (!BEFORE(below, moved)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = moved;
  }
}
