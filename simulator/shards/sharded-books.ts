import { isInnerAccount } from '../../app/domain/crossing.ts';
import type { BookedCrossing, BookedTransfer, Books } from '../../verification/checker/books.ts';
import type { History, OpenedAccount } from '../../verification/checker/history.ts';
import type { Tables } from '../mysql/tables.ts';
import { booksIn } from '../world/books.ts';

/** The books of several shards as those of one ledger. @param tables per shard */
export function shardedBooksIn(tables: readonly Tables[], history: History): Books {
  const parts = tables.map((own, shard) => booksOf(own, history, shard));
  return {
    transfers: parts.flatMap(({ transfers }) => transfers),
    accounts: parts.flatMap(({ accounts }) => accounts),
    changes: parts.flatMap(({ changes }) => changes),
    holds: parts.flatMap(({ holds = [] }) => holds),
    holdEvents: parts.flatMap(({ holdEvents = [] }) => holdEvents),
    crossings: parts.flatMap(({ crossings = [] }) => crossings),
    // All shards have the same calendar.
    ...(parts[0]?.businessDays?.length && { businessDays: parts[0].businessDays }),
    sums: Object.assign({}, ...parts.map(({ sums }) => sums)) as Books['sums'],
    views: [],
  };
}

function booksOf(tables: Tables, history: History, shard: number): Books {
  const books = booksIn(tables, history);
  return {
    ...books,
    transfers: books.transfers.map((row) => transferOf(row, tables, shard)),
    accounts: books.accounts.map((account) => ({ ...account, accountId: nameOf(account.accountId, shard) })),
    crossings: [...tables.crossings].map(([id, { closing }]): BookedCrossing => {
      const isDone = closing?.state === 'DONE';
      return {
        transactionId: `${shard}/${id}`,
        state: closing?.state ?? 'OPEN',
        destination: isDone ? { balance: closing.balance, version: closing.version } : null,
        refusal: closing?.state === 'RETURNED' ? (closing.because?.refusal ?? null) : null,
      };
    }),
    sums: Object.fromEntries(
      Object.entries(books.sums).map(([currency, sum]) => [`${currency} of shard ${shard}`, sum]),
    ),
  };
}

function transferOf(row: BookedTransfer, { transfers }: Tables, shard: number): BookedTransfer {
  const { content, leg } = row;
  const [source, destination] = [nameOf(content.source, shard), nameOf(content.destination, shard)];
  const named = {
    ...row,
    transactionId: `${shard}/${row.transactionId}`,
    content: { ...content, source, destination },
  };
  if (!leg) return named;
  const otherShard = transfers.get(row.transactionId)?.order.leg?.otherShard ?? shard;
  return { ...named, leg: { ...leg, of: `${leg.name === 'in' ? otherShard : shard}/${leg.of}` } };
}

/** The inner accounts of the shards, which Holdfast itself has opened. */
export const innerAccountsIn = (tables: readonly Tables[]): OpenedAccount[] =>
  tables.flatMap(({ accounts }, shard) =>
    [...accounts.values()]
      .filter(({ accountId }) => isInnerAccount(accountId))
      .map(({ accountId, currency }) => ({
        accountId: nameOf(accountId, shard),
        currency,
        overdraftLimit: 0,
        external: true,
      })),
  );

const nameOf = (accountId: string, shard: number): string =>
  isInnerAccount(accountId) ? `${accountId} of shard ${shard}` : accountId;
