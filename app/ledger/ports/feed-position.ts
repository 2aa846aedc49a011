import type { FeedPosition, FeedStart, Place } from './feed.ts';

const BETWEEN_SHARDS = '_';
const PLACE = /^(\d{1,16})(?:\.(\d{1,9}))?(?:~([0-9a-f]{8}))?$/;

/** A position as text, which needs no escaping in a header or a query. It is opaque to clients. */
export const formatPosition = (position: FeedPosition): string => position.map(formatPlace).join(BETWEEN_SHARDS);

function formatPlace(place: Place | null): string {
  if (place === null) return '';
  const { position, index, check } = place;
  return `${position}${index === null ? '' : `.${index}`}${check === undefined ? '' : `~${check}`}`;
}

/** Null unless the text is one that `formatPosition` returns for this number of shards. */
export function parsePosition(text: string, shards: number): FeedPosition | null {
  const parts = text.split(BETWEEN_SHARDS, shards + 1);
  if (parts.length !== shards) return null;
  const places: (Place | null)[] = [];
  for (const part of parts) {
    const place = part === '' && shards > 1 ? null : parsePlace(part);
    if (place === undefined) return null;
    places.push(place);
  }
  return places;
}

function parsePlace(text: string): Place | undefined {
  const [, digits, index, check] = PLACE.exec(text) ?? [];
  const place: Place = {
    position: Number(digits),
    index: index === undefined ? null : Number(index),
    ...(check !== undefined && { check }),
  };
  return Number.isSafeInteger(place.position) && formatPlace(place) === text ? place : undefined;
}

/** Null if the text is neither `oldest`, nor `latest`, nor a position. */
export function startOf(text: string, shards: number): FeedStart | null {
  return text === 'oldest' || text === 'latest' ? text : parsePosition(text, shards);
}

/**
 * Whether a position is after another one in any shard, so that events between them would be skipped. True if they cannot be
 * compared.
 */
export function isAhead(text: string, current: string, shards: number): boolean {
  const [places, others] = [parsePosition(text, shards), parsePosition(current, shards)];
  if (!places || !others) return true;
  return places.some((place, shard) => {
    const other = others[shard];
    if (!place || !other) return true;
    if (place.position !== other.position) return place.position > other.position;
    return (place.index ?? Number.POSITIVE_INFINITY) > (other.index ?? Number.POSITIVE_INFINITY);
  });
}
