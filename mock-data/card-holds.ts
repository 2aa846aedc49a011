import type { Bank } from './bank.ts';
import { type Draft, type Payer, receive, spend } from './everyday.ts';
import type { HoldEventLine, HoldLine } from './lines.ts';
import { toDecimal } from './money.ts';

interface OpenHold {
  holdId: string;
  payer: Payer;
  destination: string;
  /** The reserved amount, in minor units. */
  amount: number;
}

/** The number of holds that are open at a time, and that remain open at the end. */
const OPEN_MAX = 10;
/**
 * Shares of the holds that the merchant raises first (a tip, a longer stay), and of those that end without a payment.
 */
const RAISED_SHARE = 0.2;
const VOIDED_SHARE = 0.15;
/** The share of the captures that take less than the whole amount. */
const LESS_SHARE = 0.3;

/** Card payments in which the merchant first holds the money: each hold ends when enough others have been placed. */
export class CardHolds {
  private readonly bank: Bank;
  private readonly open: OpenHold[] = [];

  constructor(bank: Bank) {
    this.bank = bank;
  }

  /** Places a hold for a payment whose amount has already left the purse, and ends an older hold. */
  *place(draft: Draft, payer: Payer, momentMs: number): Generator<HoldLine | HoldEventLine> {
    const { source: account, destination: destinationAccount, amount, reference } = draft;
    const { currency } = payer.branch;
    const holdId = this.bank.ids.next(momentMs);
    const { holdsUntil: expiresAt } = this.bank;
    const body = { holdId, account, destinationAccount, amount: toDecimal(amount, currency), currency, reference };
    yield { kind: 'hold', expect: draft.expect, body: expiresAt === undefined ? body : { ...body, expiresAt } };
    this.open.push({ holdId, payer, destination: destinationAccount, amount });
    const oldest = this.open.length > OPEN_MAX ? this.open.shift() : undefined;
    if (oldest !== undefined) yield* this.end(oldest, momentMs);
  }

  private *end(hold: OpenHold, momentMs: number): Generator<HoldEventLine> {
    const { random } = this.bank;
    const { branch, purse, customer, account } = hold.payer;
    const { currency } = branch;
    const { holdId, destination: destinationAccount } = hold;
    const terms = () => ({ holdId, account, destinationAccount, currency, held: toDecimal(hold.amount, currency) });
    const tip = Math.max(1, Math.round(hold.amount / 10));
    if (random.uniform() < RAISED_SHARE && spend(branch, purse, customer, tip)) {
      const before = terms();
      hold.amount += tip;
      yield { kind: 'raise', ...before, amount: toDecimal(hold.amount, currency) };
    }
    if (random.uniform() < VOIDED_SHARE) {
      receive(purse, customer, hold.amount);
      yield { kind: 'void', ...terms() };
      return;
    }
    const captured = random.uniform() < LESS_SHARE ? Math.ceil(hold.amount * 0.8) : hold.amount;
    receive(purse, customer, hold.amount - captured);
    const transactionId = this.bank.ids.next(momentMs);
    yield { kind: 'capture', ...terms(), amount: toDecimal(captured, currency), transactionId };
  }
}
