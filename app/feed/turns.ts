/** Every fourth turn goes to the caller that has waited longest, so that no caller waits until a long sweep ends. */
const OLDEST_EVERY = 4;

interface Waiting {
  position: number;
  begin: () => void;
}

/**
 * Lets one reader of the log work at a time. The turns sweep over the waiting readers from the one farthest behind to
 * the end of the log, so readers at different positions meet and continue together. With equal shares, many readers
 * would each read more slowly than the log grows, and never reach its end.
 */
export class Turns {
  readonly #waiting: Waiting[] = [];
  #isTaken = false;
  #sweepAt = 0;
  #turns = 0;

  /** Resolves when the turn of a reader at this position begins. It must call `end` afterwards. */
  async begin(position: number): Promise<void> {
    if (this.#isTaken) await new Promise<void>((begin) => this.#waiting.push({ position, begin }));
    else this.#isTaken = true;
  }

  end(): void {
    const index = this.#nextIndex();
    const [next] = this.#waiting.splice(index, 1);
    if (next) next.begin();
    else this.#isTaken = false;
  }

  #nextIndex(): number {
    this.#turns += 1;
    if (this.#turns % OLDEST_EVERY === 0) return 0;
    const isAhead = ({ position }: Waiting) => position >= this.#sweepAt;
    let found = 0;
    for (const [index, one] of this.#waiting.entries()) {
      const best = this.#waiting[found] ?? one;
      if (isAhead(one) === isAhead(best) ? one.position < best.position : isAhead(one)) found = index;
    }
    this.#sweepAt = this.#waiting[found]?.position ?? 0;
    return found;
  }
}
