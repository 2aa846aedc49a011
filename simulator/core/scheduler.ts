/** The process that handles an event: a dead one does nothing, a paused one postpones it. */
export interface Owner {
  readonly alive: boolean;
  /** Whether the event runs now. */
  takes(happening: Happening): boolean;
}

/** An event at a moment of virtual time. */
export interface Happening {
  atMs: number;
  /** Breaks ties: the event that was planned first runs first. */
  number: number;
  action: () => void;
  /** The process that handles the event; null for an event of the world. */
  owner: Owner | null;
  cancelled: boolean;
}

/** Its callbacks are cheaper than those of `queueMicrotask`, which tracks each callback as a resource. */
const RESOLVED = Promise.resolve();

const BEFORE = (a: Happening, b: Happening): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.number < b.number);

/**
 * Virtual time. Events run one at a time; after each, all promise callbacks that it caused are completed before the
 * next one, so that the same plan always gives the same run, on any machine.
 */
export class Scheduler {
  nowMs = 0;
  /** How many events have run. */
  steps = 0;
  #heap: Happening[] = [];
  #numbers = 0;
  #hash = 0x811c9dc5;

  /** A hash of the run so far: two runs of the same seed must have the same hash. */
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
  /** Runs a postponed event now, after all events planned for this moment. */
  again(happening: Happening): void {
    happening.atMs = this.nowMs;
    happening.number = this.#numbers++;
    this.#push(happening);
  }

  /**
   * Runs events until `enough` returns true (it is called after each event), until none is left, or until the time is
   * up.
   */
  run(untilMs: number, enough: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      // A tick begins only after the microtasks of the previous one, and there is at most one, because it is planned
      // from a microtask.
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
          void RESOLVED.then(next);
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
