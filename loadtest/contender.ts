import type { PrivateStack, StackFile } from '../resilience-tests/harness/stack.ts';
import { openAccounts } from './bank.ts';
import type { Found, Part } from './parts/part.ts';
import { single } from './parts/transfers.ts';

const WARM_UP_SECONDS = 3;

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

  /** Opens the accounts, and lets what is compiled and what grows to its size do so before anything is counted. */
  async prepare(accounts: number): Promise<void> {
    await openAccounts(this.stack, accounts);
    await single.run({ stack: this.stack, accounts, seconds: WARM_UP_SECONDS, turnSeconds: 1 });
  }

  async run(part: Part, options: { accounts: number; seconds: number; turnSeconds: number }): Promise<Found> {
    const found = await part.run({ stack: this.stack, ...options });
    this.#found.set(part.name, [...(this.#found.get(part.name) ?? []), found]);
    return found;
  }

  /** Of each figure the median of the rounds, with the seconds of the last. */
  medians(part: string): Found {
    const rounds = this.#found.get(part) ?? [];
    const last = rounds.at(-1);
    const names = Object.keys(last?.figures ?? {});
    const of = (name: string) => median(rounds.map(({ figures }) => figures[name] ?? Number.NaN));
    return { ...last, figures: Object.fromEntries(names.map((name) => [name, of(name)])) };
  }
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}
