import type { SealedEntry } from '../../journal/sealed/sealed-entry.ts';
import type { PersonalData } from '../../ledger/ports/sealed-log.ts';
import type { Database } from '../connection/pool.ts';
import { rowsByIds } from '../rows/unsettled-rows.ts';

interface Columns {
  id: string;
  user: string;
  correlation_id?: string;
  reference?: string | null;
  metadata?: string | null;
  name?: string | null;
  currency?: string;
}

/** For each kind of entry, the statement that reads the personal data by ids. */
const SOURCES = {
  transfer: `SELECT transaction_id AS \`id\`, \`user\`, correlation_id, \`reference\`, metadata FROM transfers
    WHERE transaction_id IN (?)`,
  hold: 'SELECT hold_id AS `id`, `user`, correlation_id, `reference`, metadata FROM holds WHERE hold_id IN (?)',
  event: 'SELECT event_id AS `id`, `user`, correlation_id FROM hold_events WHERE event_id IN (?)',
  change: `SELECT c.change_id AS \`id\`, c.\`user\`, c.correlation_id, a.currency FROM account_changes c
    JOIN accounts a ON a.account_id = c.account_id WHERE c.change_id IN (?)`,
  account: 'SELECT account_id AS `id`, opened_by AS `user`, `name` FROM accounts WHERE account_id IN (?)',
} as const;
type Source = keyof typeof SOURCES;

/** Joins entries of the log with the books, with one statement for each kind of entry that occurs. */
export async function personalData(
  database: Pick<Database, 'rows'>,
  entries: readonly SealedEntry[],
): Promise<(PersonalData | null)[]> {
  const places = entries.map(placeOf);
  const found = new Map<string, PersonalData>();
  for (const source of Object.keys(SOURCES) as Source[]) {
    const ids = new Set(places.flatMap((place) => (place?.source === source ? [place.id] : [])));
    if (ids.size === 0) continue;
    for (const row of await rowsByIds<Columns>(database, SOURCES[source], [...ids]))
      found.set(`${source} ${row.id}`, dataOf(row));
  }
  return places.map((place) => (place && found.get(`${place.source} ${place.id}`)) ?? null);
}

function placeOf(entry: SealedEntry): { source: Source; id: string } | null {
  switch (entry.kind) {
    case 'transfer':
      return { source: 'transfer', id: entry.order.transactionId };
    case 'hold':
      return 'eventId' in entry.event
        ? { source: 'event', id: entry.event.eventId }
        : { source: 'hold', id: entry.event.holdId };
    case 'account-changed':
      return { source: 'change', id: entry.change.changeId };
    case 'account-opened':
    case 'account-state':
      return { source: 'account', id: entry.accountId };
    default:
      return null;
  }
}

const dataOf = ({
  user,
  correlation_id: correlationId,
  reference,
  metadata,
  name,
  currency,
}: Columns): PersonalData => ({
  user,
  ...(correlationId !== undefined && { correlationId }),
  ...(reference !== undefined && { reference }),
  ...(metadata !== undefined && {
    metadata: metadata === null ? null : (JSON.parse(metadata) as Record<string, string>),
  }),
  ...(name !== undefined && { name }),
  ...(currency !== undefined && { currency }),
});
