import { member } from './client.ts';
import { type HoldEventLine, orderedAccounts, type PaymentLine, type SplitLine, type TransferBody } from './lines.ts';
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

type Moved = Pick<TransferBody, 'sourceAccount' | 'destinationAccount' | 'amount' | 'currency'>;

/** Money in minor units. */
export interface Tallied {
  currency: string;
  balance: bigint;
  /** Reserved by open holds. */
  held: bigint;
  /** Transfers, and events of holds. */
  postings: bigint;
}

/**
 * The client's own bookkeeping: the acknowledged outcomes, added up independently of the service. For accounts whose
 * transfers are posted in order, every answer must also contain exactly the balance and version of this bookkeeping.
 */
export class Tally {
  readonly accounts = new Map<string, Tallied>();
  readonly balances = new Check('balance in the answer = balance in the tally, after each transfer');
  readonly versions = new Check('version in the answer = number of postings and hold events so far');
  readonly recorded = new Check("the bank's recorded balance matches, except for its rounding by 0.10");
  readonly splits = new Check('each destination of a split received its exact part');
  /** The current difference between the recorded balance and ours, per account: the sum of the bank's roundings. */
  readonly drift = new Map<string, bigint>();

  /** Adds an account, so that accounts without any transfer are compared, too. */
  open(accountId: string, currency: string): void {
    this.accounts.set(accountId, { currency, balance: 0n, held: 0n, postings: 0n });
  }

  apply(line: PaymentLine, result: ItemResult): void {
    if (result.status !== 200 && result.status !== 201) return;
    switch (line.kind) {
      case 'opening':
      case 'transfer':
        this.move(line.body, line.body.transactionId, result.body, line);
        break;
      case 'group': {
        const answers = member(result.body, 'transfers');
        for (const [index, body] of line.body.transfers.entries())
          this.move(body, `${line.body.groupId}/${index}`, Array.isArray(answers) ? answers[index] : null, line);
        break;
      }
      case 'split':
        this.split(line, result.body);
        break;
      case 'hold':
        this.hold(line.body.account, toMinor(line.body.amount, line.body.currency));
        break;
      default:
        this.holdEvent(line, result.body);
    }
  }

  private move(
    { sourceAccount, destinationAccount, amount, currency }: Moved,
    id: string,
    answer: unknown,
    line: PaymentLine,
  ): void {
    const minor = toMinor(amount, currency);
    this.post(sourceAccount, -minor);
    this.post(destinationAccount, minor);
    const ordered = orderedAccounts(line);
    const recorded = 'recorded' in line ? line.recorded : undefined;
    for (const [side, accountId] of [
      ['source', sourceAccount],
      ['destination', destinationAccount],
    ] as const) {
      if (ordered.includes(accountId)) this.compare(accountId, { id, currency, recorded }, answer, side);
    }
  }

  /** The answer to a split contains no balances. */
  private split({ body, parts }: SplitLine, answer: unknown): void {
    const { sourceAccount, currency, groupId } = body;
    const shown = member(answer, 'destinations');
    for (const [index, { account }] of body.destinations.entries()) {
      const part = parts[index] ?? '';
      this.post(sourceAccount, -toMinor(part, currency));
      this.post(account, toMinor(part, currency));
      const got = Array.isArray(shown) ? member(shown[index], 'amount') : undefined;
      this.splits.expect(got === part, () => `${groupId}: ${account} got ${String(got)}, not ${part}`);
    }
  }

  /** Each event of a hold adds a version to its account. */
  private hold(accountId: string, change: bigint): void {
    const account = this.post(accountId, 0n);
    account.held += change;
  }

  private holdEvent(line: HoldEventLine, answer: unknown): void {
    const { kind, account, destinationAccount, currency, amount = '', transactionId = '' } = line;
    const held = toMinor(line.held, currency);
    if (kind === 'raise') this.hold(account, toMinor(amount, currency) - held);
    else if (kind === 'void') this.hold(account, -held);
    else {
      const tallied = this.accounts.get(account);
      if (tallied !== undefined) tallied.held -= held;
      this.move({ sourceAccount: account, destinationAccount, amount, currency }, transactionId, answer, line);
    }
  }

  private post(accountId: string, amount: bigint): Tallied {
    const account = this.accounts.get(accountId);
    if (account === undefined) throw new Error(`A transfer uses ${accountId}, which no line opens`);
    account.balance += amount;
    account.postings++;
    return account;
  }

  private compare(
    accountId: string,
    { id, currency, recorded }: { id: string; currency: string; recorded: string | undefined },
    answer: unknown,
    side: 'source' | 'destination',
  ): void {
    const account = this.accounts.get(accountId);
    if (account === undefined) return;
    const text = member(answer, `${side}Balance`);
    const balance = typeof text === 'string' ? toMinor(text, currency) : null;
    const version = member(answer, `${side}Version`);
    this.balances.expect(
      balance === account.balance,
      () => `${id}: ${accountId} at ${String(text)}, not ${account.balance} minor units`,
    );
    this.versions.expect(
      version === Number(account.postings),
      () => `${id}: ${accountId} at version ${String(version)}, not ${account.postings}`,
    );
    if (recorded !== undefined && balance !== null) {
      this.compareRecorded(accountId, id, toMinor(recorded, currency) - balance);
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
