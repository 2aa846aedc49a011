/** Lets a limited number of callers work at the same time; the others wait in the order in which they came. */
export class Gate {
  readonly #max: number;
  readonly #waiting: (() => void)[] = [];
  #working = 0;

  constructor(max: number) {
    this.#max = max;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#working >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#working += 1;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#working -= 1;
    }
  }
}
