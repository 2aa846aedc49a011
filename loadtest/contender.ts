import { median } from '../verification/harness/command.ts';
import type { PrivateStack, StackFile } from '../verification/harness/stack.ts';
import { openAccounts } from './bank.ts';
import type { Found, Part } from './parts/part.ts';
import { single } from './parts/transfers.ts';

const WARM_UP_SECONDS = 3;

/** A stack on which the parts are run, and the results: one per part and round. */
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

  /** Opens the accounts and warms up before anything is counted. */
  async prepare(accounts: number): Promise<void> {
    await openAccounts(this.stack, accounts);
    await single.run({ stack: this.stack, accounts, seconds: WARM_UP_SECONDS, turnSeconds: 1 });
  }

  async run(part: Part, options: { accounts: number; seconds: number; turnSeconds: number }): Promise<Found> {
    const found = await part.run({ stack: this.stack, ...options });
    this.#found.set(part.name, [...(this.#found.get(part.name) ?? []), found]);
    return found;
  }

  /** The median of each figure over the rounds, with the per-second series of the last round. */
  medians(part: string): Found {
    const rounds = this.#found.get(part) ?? [];
    const last = rounds.at(-1);
    const names = Object.keys(last?.figures ?? {});
    const of = (name: string) => median(rounds.map(({ figures }) => figures[name] ?? Number.NaN));
    return { ...last, figures: Object.fromEntries(names.map((name) => [name, of(name)])) };
  }
}
