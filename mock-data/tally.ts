import { member } from './client.ts';
import { orderedAccounts, type TransferLine } from './lines.ts';
import { toMinor } from './money.ts';
import type { ItemResult } from './post.ts';

/**
 * The result of comparing many items: how many were compared, how many differed, and descriptions of some that
 * differed.
 */
export class Check {
  readonly title: string;
  compared = 0;
  differing = 0;
  readonly examples: string[] = [];

  constructor(title: string) {
    this.title = title;
  }

  expect(fits: boolean, example: () => string): void {
    this.compared++;
    if (fits) return;
    this.differing++;
    if (this.examples.length < 5) this.examples.push(example());
  }
}

/** Money in minor units. */
export interface Tallied {
  currency: string;
  balance: bigint;
  postings: bigint;
}

/**
 * The client's own bookkeeping: what was acknowledged to it, added up independently of the service. For accounts whose
 * transfers are posted in order, every answer must also contain exactly the balance and version of this bookkeeping.
 */
export class Tally {
  readonly accounts = new Map<string, Tallied>();
  readonly balances = new Check('balance in the answer = own arithmetic, after each transfer');
  readonly versions = new Check('version in the answer = number of postings so far');
  readonly recorded = new Check("the bank's recorded balance matches, except for its rounding by 0.10");
  /** The current difference between the recorded balance and ours, per account: the sum of the bank's roundings. */
  readonly drift = new Map<string, bigint>();

  /** Adds an account, so that accounts without any transfer are compared, too. */
  open(accountId: string, currency: string): void {
    this.accounts.set(accountId, { currency, balance: 0n, postings: 0n });
  }

  apply(line: TransferLine, result: ItemResult): void {
    if (result.status !== 200 && result.status !== 201) return;
    const { sourceAccount, destinationAccount, currency } = line.body;
    const amount = toMinor(line.body.amount, currency);
    this.post(sourceAccount, -amount);
    this.post(destinationAccount, amount);
    for (const accountId of orderedAccounts(line)) {
      const side = accountId === sourceAccount ? 'source' : 'destination';
      this.compare(accountId, line, result, side);
    }
  }

  private post(accountId: string, amount: bigint): void {
    const account = this.accounts.get(accountId);
    if (account === undefined) throw new Error(`A transfer uses ${accountId}, which no line opens`);
    account.balance += amount;
    account.postings++;
  }

  private compare(accountId: string, line: TransferLine, result: ItemResult, side: 'source' | 'destination'): void {
    const account = this.accounts.get(accountId);
    if (account === undefined) return;
    const { transactionId, currency } = line.body;
    const text = member(result.body, `${side}Balance`);
    const balance = typeof text === 'string' ? toMinor(text, currency) : null;
    const version = member(result.body, `${side}Version`);
    this.balances.expect(
      balance === account.balance,
      () => `${transactionId}: ${accountId} at ${String(text)}, not ${account.balance} minor units`,
    );
    this.versions.expect(
      version === Number(account.postings),
      () => `${transactionId}: ${accountId} at version ${String(version)}, not ${account.postings}`,
    );
    if (line.recorded !== undefined && balance !== null) {
      this.compareRecorded(accountId, transactionId, toMinor(line.recorded, currency) - balance);
    }
  }

  /** From one row to the next, the recorded balance may deviate from the arithmetic by one rounding at most. */
  private compareRecorded(accountId: string, transactionId: string, drift: bigint): void {
    const step = drift - (this.drift.get(accountId) ?? 0n);
    this.drift.set(accountId, drift);
    this.recorded.expect(
      step === 0n || step === 10n || step === -10n,
      () => `${transactionId}: ${accountId} is off by ${step} haléř in one row`,
    );
  }
}
