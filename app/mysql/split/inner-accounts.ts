import { lossAccount, returnsAccount, transitAccount } from '../../domain/crossing.ts';
import { hashSlot } from '../../domain/hash-slot.ts';
import type { Session } from '../connection/pool.ts';
import type { InnerSide } from './split-rows.ts';

/** Pods also open this many transit accounts at a time. */
const STRIPES = 16;
const STRIPES_MAX = 1024;
/** A shard has only one of each of these accounts per currency. */
const ONLY = { returns: returnsAccount, loss: lossAccount };

interface InnerAccount {
  accountId: string;
  currency: string;
  balance: number;
  version: number;
  lastAcceptedMs: number;
}
interface Moved {
  /** Determines the transit account, so that legs are spread over the transit accounts as pods spread them. */
  transactionId: string;
  currency: string;
  /** Minor units; negative if the account is the source. */
  amount: number;
  acceptedMs: number;
}

/**
 * The inner accounts of a new shard: its transit accounts, its accounts of returns, and its accounts of losses. The
 * legs that the shard gets are posted to these accounts again, in the order in which they are copied, so the versions
 * and balances of these accounts are independent of those of the old ones.
 */
export class InnerAccounts {
  readonly #accounts: Map<string, InnerAccount>;
  readonly #changed = new Set<InnerAccount>();

  private constructor(accounts: readonly InnerAccount[]) {
    this.#accounts = new Map(accounts.map((account) => [account.accountId, account]));
  }

  static async load(session: Session): Promise<InnerAccounts> {
    const rows = await session.rows<{
      account_id: string;
      currency: string;
      balance: number;
      version: number;
      last_accepted_ms: number | null;
    }>("SELECT account_id, currency, balance, version, last_accepted_ms FROM accounts WHERE account_id >= '~'");
    return new InnerAccounts(
      rows.map(({ account_id, currency, balance, version, last_accepted_ms }) => ({
        ...{ accountId: account_id, currency, balance, version },
        lastAcceptedMs: last_accepted_ms ?? 0,
      })),
    );
  }

  /** The inner account named by a refused leg; a refused leg moves nothing. */
  unmoved(account: InnerSide['account'], currency: string): string {
    return this.#open(account === 'transit' ? transitAccount(currency, 0) : ONLY[account](currency), currency)
      .accountId;
  }

  /** Posts one side of a leg. @returns the account after the posting */
  move(account: InnerSide['account'], moved: Moved): Readonly<InnerAccount> {
    const { currency, amount, acceptedMs } = moved;
    const found = account === 'transit' ? this.#transitFor(moved) : this.#open(ONLY[account](currency), currency);
    found.balance += amount;
    if (!Number.isSafeInteger(found.balance))
      throw new RangeError(`the balance of ${found.accountId} would leave the range of exact integers`);
    found.version += 1;
    found.lastAcceptedMs = Math.max(found.lastAcceptedMs, acceptedMs);
    this.#changed.add(found);
    return { ...found };
  }

  #transitFor({ transactionId, currency, amount }: Moved): InnerAccount {
    const first = hashSlot(transactionId) % STRIPES;
    for (let stripe = first; stripe < STRIPES_MAX; stripe++) {
      const account = this.#open(transitAccount(currency, stripe), currency);
      if (Number.isSafeInteger(account.balance + amount)) return account;
    }
    throw new RangeError(`no transit account can take ${amount} ${currency}`);
  }

  #open(accountId: string, currency: string): InnerAccount {
    const known = this.#accounts.get(accountId);
    if (known) return known;
    const account = { accountId, currency, balance: 0, version: 0, lastAcceptedMs: 0 };
    this.#accounts.set(accountId, account);
    this.#changed.add(account);
    return account;
  }

  async save(session: Session): Promise<void> {
    if (this.#changed.size === 0) return;
    const rows = [...this.#changed].map(({ accountId, currency, balance, version, lastAcceptedMs }) => [
      ...[accountId, currency, 1, 'holdfast', balance, version, balance, version, lastAcceptedMs || null],
    ]);
    await session.run(
      `INSERT INTO accounts (account_id, currency, \`external\`, opened_by, balance, version, previous_balance,
         previous_version, last_accepted_ms) VALUES ?
       ON DUPLICATE KEY UPDATE balance = VALUES(balance), version = VALUES(version),
         previous_balance = VALUES(previous_balance), previous_version = VALUES(previous_version),
         last_accepted_ms = VALUES(last_accepted_ms)`,
      [rows],
    );
  }
}
