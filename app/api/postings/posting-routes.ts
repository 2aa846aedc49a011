import { z } from 'zod';
import { formatAmount } from '../../domain/money.ts';
import type { Books } from '../../ledger/ports/ledger.ts';
import { type Answer, type Route, route } from '../http/route.ts';
import { AccountIdParams, formatTimestamp } from '../schemas/fields.ts';
import { decodeCursor, encodeCursor } from './posting-cursor.ts';
import { BalanceAt, itemAnswer, type Page, PostingList, PostingsQuery, pageOf } from './posting-schema.ts';

interface PostingDependencies {
  books: Books;
}

export function postingRoutes({ books }: PostingDependencies): Route[] {
  const readPostings = route({
    method: 'GET',
    path: '/v1/accounts/{id}/postings',
    scopes: ['balances:read'],
    tag: 'Postings',
    summary: "Read an account's history, or its balance at a point in time",
    description:
      'Read from MySQL: a transfer appears here a few tens of milliseconds after its 201. Oldest first. Each version of the account is one item: a side of a transfer, or an event of a hold. Send the same `from`, `to` and `holds` along with a cursor.',
    params: AccountIdParams,
    query: PostingsQuery,
    answers: {
      200: {
        description: 'A page of the history; with `at`, the balance at that time',
        schema: z.union([PostingList, BalanceAt]),
      },
    },
    problems: ['account_not_found', 'database_unavailable'],
    handle({ params: { id }, query }) {
      if (query.at !== undefined) return balanceAt(id, query.at);
      return page(id, pageOf(query, query.cursor === undefined ? 0 : decodeCursor(query.cursor)));
    },
  });
  return [readPostings];

  async function page(accountId: string, { limit, ...filter }: Page): Promise<Answer> {
    // One more item than requested is read, to determine whether there is a next page.
    const found = await books.postings({ accountId, limit: limit + 1, ...filter });
    // An empty list is correct for an account without postings, but not for one that does not exist.
    if (found.length === 0) await books.accountDetails(accountId);
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const nextCursor = found.length > limit && last ? encodeCursor(last.version) : null;
    return { status: 200, body: { items: items.map(itemAnswer), nextCursor } };
  }

  async function balanceAt(accountId: string, at: number): Promise<Answer> {
    const item = await books.postingAt(accountId, at);
    const { currency } = item ?? (await books.accountDetails(accountId));
    const body: z.input<typeof BalanceAt> = {
      accountId,
      currency,
      at: formatTimestamp(at),
      balance: formatAmount(item?.balanceAfter ?? 0, currency),
      held: formatAmount(item?.heldAfter ?? 0, currency),
      version: item?.version ?? 0,
      items: item ? [itemAnswer(item)] : [],
      nextCursor: null,
    };
    return { status: 200, body };
  }
}
