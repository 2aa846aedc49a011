import type { PrivateStack, StackFile } from '../resilience-tests/harness/stack.ts';
import { openAccounts } from './bank.ts';
import type { Found, Part } from './parts/part.ts';

/** A stack that parts are run against, and what they found there: per part, a result per round. */
export class Contender {
  readonly name: string;
  readonly #own: PrivateStack;
  readonly #found = new Map<string, Found[]>();

  constructor(name: string, own: PrivateStack) {
    this.name = name;
    this.#own = own;
  }

  get stack(): StackFile {
    return this.#own.file;
  }

  async prepare(accounts: number): Promise<void> {
    await openAccounts(this.stack, accounts);
  }

  async run(part: Part, options: { accounts: number; seconds: number }): Promise<Found> {
    const latest = new Map(
      [...this.#found].flatMap(([name, rounds]) => rounds.slice(-1).map((found) => [name, found])),
    );
    const found = await part.run({ stack: this.stack, ...options, found: latest });
    this.#found.set(part.name, [...(this.#found.get(part.name) ?? []), found]);
    return found;
  }

  rounds(part: string): readonly Found[] {
    return this.#found.get(part) ?? [];
  }
}

/** Of each figure the median of the rounds. */
export function medians(rounds: readonly Found[]): Record<string, number> {
  const names = Object.keys(rounds[0]?.figures ?? {});
  return Object.fromEntries(
    names.map((name) => [name, median(rounds.map(({ figures }) => figures[name] ?? Number.NaN))]),
  );
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
