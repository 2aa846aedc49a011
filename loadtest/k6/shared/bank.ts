import { SharedArray } from 'k6/data';
import { accounts, skew } from './settings.ts';

export interface Order {
  transactionId: string;
  sourceAccount: string;
  destinationAccount: string;
  amount: string;
  currency: 'EUR';
}

export const accountId = (index: number): string => `load-${String(index).padStart(5, '0')}`;

/** A column of Walker's alias table: below `share` it selects the column's own account, above it `other`. */
interface Column {
  share: number;
  other: number;
}

/**
 * Zipf's law over the accounts, with one copy for all virtual users: account k is chosen with a weight of 1 / (k +
 * 1)^skew, with a single table lookup for any number of accounts (Vose 1991).
 */
const zipf = new SharedArray('accounts by Zipf’s law', (): Column[] => {
  const weights = Array.from({ length: accounts }, (_, index) => (index + 1) ** -skew);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / accounts;
  const columns = weights.map((weight, index) => ({ share: weight / mean, other: index }));
  const small: number[] = [];
  const large: number[] = [];
  for (const [index, { share }] of columns.entries()) (share < 1 ? small : large).push(index);
  while (small.length > 0 && large.length > 0) {
    const [less, more] = [small.pop() as number, large.pop() as number];
    const [poor, rich] = [columns[less] as Column, columns[more] as Column];
    poor.other = more;
    rich.share -= 1 - poor.share;
    (rich.share < 1 ? small : large).push(more);
  }
  return columns;
});

function anyIndex(): number {
  const place = Math.floor(Math.random() * accounts);
  const { share, other } = zipf[place] as Column;
  return Math.random() < share ? place : other;
}

export const anyAccount = (): string => accountId(anyIndex());

/** UUIDv7 (RFC 9562), the service's fast path: the time, followed by the 74 random bits of a UUIDv4. */
export function newId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}

/** Small amounts, so that no transfer is rejected for insufficient funds. */
function orderOf(source: number, destination: number): Order {
  return {
    transactionId: newId(),
    sourceAccount: accountId(source),
    destinationAccount: accountId(destination),
    amount: (Math.ceil(Math.random() * 999) / 100).toFixed(2),
    currency: 'EUR',
  };
}

const another = (index: number): number => (index + 1 + Math.floor(Math.random() * (accounts - 1))) % accounts;

export function anyOrder(): Order {
  const source = anyIndex();
  return orderOf(source, another(source));
}

/** Every transfer has the first account as source or destination. */
export function hotOrder(): Order {
  return Math.random() < 0.5 ? orderOf(0, another(0)) : orderOf(another(0), 0);
}
