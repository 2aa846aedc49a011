import { Problem } from '../domain/problem.ts';
import type { FeedEvent, FeedFilter, FeedPosition, FeedStart, Place } from '../ledger/ports/feed.ts';
import { type Bounds, gone, type RowReader } from './row-reader.ts';

/** The default of `charactersMax`. */
const CHARACTERS_MAX = 2 * 1024 * 1024;

interface ShardPage {
  events: FeedEvent[];
  next: Place;
  caughtUp: boolean;
}

interface PageLimits {
  limit: number;
  /** The page ends when it has examined this many entries, however few of them match the filter. */
  examinedMax: number;
  /** The page ends when its events have this many characters. */
  charactersMax?: number;
}

/** Reads up to `limit` events of one shard. @throws Problem events_gone, database_unavailable */
export async function pageOf(
  reader: RowReader,
  start: Place,
  filter: FeedFilter,
  { limit, examinedMax, charactersMax = CHARACTERS_MAX }: PageLimits,
): Promise<ShardPage> {
  const events: FeedEvent[] = [];
  let next = start;
  let examined = 0;
  let characters = 0;
  while (examined < examinedMax) {
    const rows = await reader.replay(next.index === null ? next.position : next.position - 1);
    if (rows.length === 0) return { events, next, caughtUp: true };
    for (const row of rows) {
      const found = row.matching(filter, next.position === row.position ? next.index : null);
      const seen = await reader.seenBy(filter, found.slice(0, limit - events.length));
      for (const [index, event] of found.entries()) {
        const shown = seen[index];
        if (!shown || characters >= charactersMax) return { events, next, caughtUp: false };
        events.push(shown);
        characters += shown.json().length;
        next = row.placeAfter(event.index);
      }
      next = row.placeAfter(null);
      examined += row.size;
      if (examined >= examinedMax) break;
    }
  }
  return { events, next, caughtUp: false };
}

/**
 * The position at which to begin. If a position is given, the places of the shards that are not read are left
 * unchanged.
 * @param read the shards that are read @throws Problem events_gone, validation_failed, feature_not_active, or one with
 * the status 503
 */
export async function beginAt(
  start: FeedStart,
  shards: number,
  read: readonly { number: number; reader: RowReader; requireActive(): void }[],
): Promise<FeedPosition> {
  for (const { requireActive } of read) requireActive();
  const places: (Place | null)[] = typeof start === 'string' ? Array.from({ length: shards }, () => null) : [...start];
  await Promise.all(
    read.map(async ({ number, reader }) => {
      const bounds = await reader.bounds();
      if (typeof start === 'string') places[number] = edgeOf(bounds, start);
      else await check(places[number] ?? null, bounds, reader);
    }),
  );
  return places;
}

const edgeOf = ({ oldest, newest }: Bounds, edge: 'oldest' | 'latest'): Place => ({
  position: edge === 'latest' ? newest : oldest - 1,
  index: null,
});

async function check(place: Place | null, { oldest, newest }: Bounds, reader: RowReader): Promise<void> {
  if (place === null)
    throw new Problem(
      'validation_failed',
      'The position belongs to a stream of other accounts. Start again without it.',
    );
  if (place.position < (place.index === null ? oldest - 1 : oldest)) throw gone();
  // Another pod may have returned the position of a row that was sealed a moment ago.
  if (place.position > newest && place.position > (await reader.currentBounds()).newest) throw otherLog();
  if (place.check === undefined || place.position < oldest) return;
  const [row] = await reader.replay(place.position - 1);
  if (row?.check !== place.check) throw otherLog();
}

const otherLog = (): Problem =>
  new Problem(
    'validation_failed',
    'The position does not belong to this log, but to another ledger, or to events that were lost when a backup was restored.',
  );
