import type { OpenedAccount, TransferContent } from '../checker/history.ts';

/** The accounts of one run, whose ids have a prefix of their own, and the transfers between them. */
export interface Population {
  readonly prefix: string;
  readonly accounts: readonly OpenedAccount[];
  /** The transfers that fund the accounts before the load begins. */
  readonly openings: readonly TransferContent[];
  pick(): TransferContent;
  /** Chooses a shard, and returns a function that picks transfers inside it. Absent if there is only one shard. */
  inOneShard?(): () => TransferContent;
}

const HOT_SHARE = 0.3;
const OUTSIDE_SHARE = 0.03;
const AMOUNT_MAX = 2000;
const OPENING = 5000;

const upTo = (count: number): number => Math.floor(Math.random() * count);

interface Circle {
  currency: string;
  outside: string;
  hot: string[];
  plain: string[];
}

/**
 * A small town in two currencies: a few hot accounts that take part in a third of all transfers, ordinary ones that
 * sometimes run out of money (so that some outcomes are refusals), some with an overdraft, and external accounts.
 */
export function smallTown(prefix: string, plainAccounts = 60): Population {
  const accounts: OpenedAccount[] = [];
  const circles = ['EUR', 'JPY'].map((currency): Circle => {
    const open = (name: string, overdraftLimit: number, external = false) => {
      const accountId = `${prefix}${currency}-${name}`;
      accounts.push({ accountId, currency, overdraftLimit, external });
      return accountId;
    };
    return {
      currency,
      outside: open('outside', 0, true),
      hot: Array.from({ length: 2 }, (_, i) => open(`hot-${i}`, 0)),
      plain: Array.from({ length: plainAccounts / 2 }, (_, i) => open(`plain-${i}`, i % 5 === 0 ? 3000 : 0)),
    };
  });
  const openings = circles.flatMap(({ currency, outside, hot, plain }) => [
    ...hot.map((destination) => ({ source: outside, destination, amount: 100 * OPENING, currency })),
    ...plain.map((destination) => ({ source: outside, destination, amount: OPENING, currency })),
  ]);
  const pick = (): TransferContent => {
    const { currency, outside, hot, plain } = oneOf(circles);
    const any = () => (Math.random() < OUTSIDE_SHARE ? outside : oneOf(Math.random() < HOT_SHARE ? hot : plain));
    const source = any();
    let destination = any();
    while (destination === source) destination = any();
    return { source, destination, amount: 1 + upTo(AMOUNT_MAX), currency };
  };
  return { prefix, accounts, openings, pick };
}

/**
 * A very large number of equal accounts, used uniformly. Each has a small overdraft, so none has to be funded first.
 */
export function largeTown(prefix: string, count: number): Population {
  const accountOf = (index: number): string => `${prefix}${String(index).padStart(7, '0')}`;
  const accounts = Array.from({ length: count }, (_, index) => ({
    accountId: accountOf(index),
    currency: 'EUR',
    overdraftLimit: 100 * OPENING,
    external: false,
  }));
  const pick = (): TransferContent => {
    const source = upTo(count);
    const destination = (source + 1 + upTo(count - 1)) % count;
    return {
      source: accountOf(source),
      destination: accountOf(destination),
      amount: 1 + upTo(AMOUNT_MAX),
      currency: 'EUR',
    };
  };
  return { prefix, accounts, openings: [], pick };
}

export function oneOf<T>(list: readonly T[]): T {
  const one = list[upTo(list.length)];
  if (one === undefined) throw new RangeError('nothing to choose from');
  return one;
}
