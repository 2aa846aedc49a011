import { type Identity, mayUse } from '../../domain/identity.ts';
import type { Posting } from '../../domain/types.ts';
import type { History } from '../../ledger/ports/history.ts';

/** Postings read, and sent, at a time. */
const PAGE = 500;

/** The head of a statement. Money in minor units, times in ms. */
export interface Statement {
  accountId: string;
  name: string | null;
  currency: string;
  /** The period: `from` is inclusive, `to` is exclusive. */
  from: number;
  to: number;
  createdAt: number;
  openingBalance: number;
  closingBalance: number;
  /** The postings are among the versions in (after, until]. */
  after: number;
  until: number;
}

export interface NamedPosting extends Posting {
  counterpartyName: string | null;
}

/** Maximum number of names that a statement caches: the same counterparties usually occur again. */
const NAMES_MAX = 10_000;

/**
 * The postings of a statement, in pages. Between two pages, nothing is kept open in MySQL: the history of a period that
 * has ended does not change. A counterparty that the caller may not use is shown without its name.
 */
export async function* postingsOf(
  history: History,
  { accountId, after, until }: Statement,
  identity: Pick<Identity, 'accountPrefixes'> = {},
): AsyncIterable<NamedPosting[]> {
  const names = new Map<string, string | null>();
  let position: number | null = after;
  while (position !== null && position < until) {
    const page = await history.page({ accountId, position, toward: 'newer', limit: PAGE, holds: false });
    const postings = page.items.filter((item): item is Posting => 'amount' in item && item.version <= until);
    if (names.size > NAMES_MAX) names.clear();
    const unknown = new Set(postings.map(({ counterparty }) => counterparty).filter((id) => !names.has(id)));
    const found = await history.names([...unknown].filter((id) => mayUse(identity, id)));
    for (const id of unknown) names.set(id, found.get(id) ?? null);
    if (postings.length > 0)
      yield postings.map((one) => ({ ...one, counterpartyName: names.get(one.counterparty) ?? null }));
    position = page.next;
  }
}
