import { z } from 'zod';
import { type Identity, mayUse } from '../../domain/identity.ts';
import { formatAmount } from '../../domain/money.ts';
import type { HistoryItem } from '../../domain/types.ts';
import type { History, HistoryPage } from '../../ledger/ports/history.ts';
import type { Books } from '../../ledger/ports/ledger.ts';
import { type Answer, type Route, route } from '../http/route.ts';
import { AccountIdParams, formatTimestamp } from '../schemas/fields.ts';
import { encodeCursor } from './posting-cursor.ts';
import { type Page, PostingsQuery, pageOf } from './posting-query.ts';
import { BalanceAt, itemAnswer, PostingList } from './posting-schema.ts';

interface PostingDependencies {
  books: Books;
  history: History;
}

export function postingRoutes({ books, history }: PostingDependencies): Route[] {
  const readPostings = route({
    method: 'GET',
    path: '/v1/accounts/{id}/postings',
    scopes: ['balances:read'],
    accounts: 'path',
    tag: 'Postings',
    summary: "Read an account's history, or its balance at a point in time",
    description:
      'Read from MySQL: a transfer appears here a few tens of milliseconds after its 201. Each version of the account is one item: a side of a transfer, or an event of a hold. Send the same filters along with a cursor.\n\nA page costs about the same however long the history is. With `kind`, `minAmount` or `maxAmount`, a page examines at most 10,000 debits, 10,000 credits and 10,000 events of holds, and a page also ends after 2 MiB of metadata. It may therefore have fewer items than `limit`, even none: continue until `nextCursor` is null.',
    params: AccountIdParams,
    query: PostingsQuery,
    answers: {
      200: {
        description: 'A page of the history; with `at`, the balance at that time',
        schema: z.union([PostingList, BalanceAt]).meta({ id: 'PostingListOrBalance' }),
      },
    },
    problems: ['account_not_found', 'database_unavailable'],
    async handle({ params: { id }, query, identity }) {
      if (query.at !== undefined) return balanceAt(id, query.at, identity);
      const page = await pageOf(id, query, async () => (await books.accountDetails(id)).currency);
      return listAnswer(page, await history.page(page.query), identity);
    },
  });
  return [readPostings];

  async function listAnswer(
    { query, isBackward }: Page,
    { items, next }: HistoryPage,
    identity: Identity,
  ): Promise<Answer> {
    const near = query.position;
    const [before, after] = isBackward ? [next, near] : [near, next];
    const body: z.input<typeof PostingList> = {
      items: await itemAnswers(isBackward ? [...items].reverse() : items, identity),
      nextCursor: after === null ? null : encodeCursor({ position: after, way: 'next' }),
      previousCursor: before === null ? null : encodeCursor({ position: before, way: 'previous' }),
    };
    return { status: 200, body };
  }

  /** Items always contain the ids of counterparties, but their names only if the caller may use those accounts. */
  async function itemAnswers(items: readonly HistoryItem[], identity: Identity) {
    const names = await history.names(counterpartiesOf(items).filter((id) => mayUse(identity, id)));
    return items.map((item) => itemAnswer(item, names));
  }

  async function balanceAt(accountId: string, at: number, identity: Identity): Promise<Answer> {
    const item = await history.at(accountId, at);
    const { currency } = item ?? (await books.accountDetails(accountId));
    const body: z.input<typeof BalanceAt> = {
      accountId,
      currency,
      at: formatTimestamp(at),
      balance: formatAmount(item?.balanceAfter ?? 0, currency),
      held: formatAmount(item?.heldAfter ?? 0, currency),
      version: item?.version ?? 0,
      items: item ? await itemAnswers([item], identity) : [],
      nextCursor: null,
    };
    return { status: 200, body };
  }
}

/** The accounts on the other side of these items, each once. */
function counterpartiesOf(items: readonly HistoryItem[]): string[] {
  return [...new Set(items.flatMap((item) => ('counterparty' in item ? item.counterparty : [])))];
}
