import type { BookedCrossing, BookedLeg, BookedPosition, BookedTransfer, Books } from './books.ts';
import { append } from './history.ts';
import type { Violations } from './violations.ts';

type Leg = BookedTransfer & { leg: BookedLeg };
type Legs = Partial<Record<BookedLeg['name'], Leg>>;

const isLeg = (row: BookedTransfer): row is Leg => row.leg !== undefined;
const isPosted = (leg: Leg | undefined): leg is Leg => leg !== undefined && leg.refusal === null;
const TRANSIT = '~transit:';
/** The account that has paid for transfers whose debits are missing in a restored database. */
const LOSS = '~loss:';
const NO_POSITION: BookedPosition = { balance: 0, version: 0, settingsVersion: 0 };

/** The books as the clients know them: the legs of each transfer between shards are one transfer. Pure. */
export function withLegsJoined(books: Books): Books {
  const joined = [...legsOf(books)].flatMap(([transactionId, rows]) => {
    const transfer = transferOf(transactionId, byName(rows));
    return transfer ? [transfer] : [];
  });
  return joined.length === 0
    ? books
    : { ...books, transfers: [...books.transfers.filter((row) => !isLeg(row)), ...joined] };
}

/** The transfer that legs add up to; null if it has no outcome. */
function transferOf(transactionId: string, legs: Legs): BookedTransfer | null {
  const { out } = legs;
  if (!out) return null;
  const { correlationId, acceptedAt, refusal, leg } = out;
  const transfer = { transactionId, correlationId, content: leg.content, acceptedAt, source: null, destination: null };
  if (refusal !== null) return { ...transfer, refusal };
  if (!legs.in) return null;
  if (legs.in.refusal !== null) return { ...transfer, refusal: legs.in.refusal };
  const source = out.content.source.startsWith(LOSS) ? NO_POSITION : out.source;
  return { ...transfer, refusal: null, source, destination: legs.in.destination };
}

/**
 * Checks transfers between shards after everything has worked for a while: every leg follows from the one before it,
 * with the same amount; what left its source has arrived, has come back, or is in the account of returns; the table of
 * crossings says which; and no money is in transit.
 */
export function checkCrossings(books: Books, violations: Violations): void {
  const rows = new Map<string, BookedCrossing>();
  for (const row of books.crossings ?? []) {
    if (rows.has(row.transactionId)) violations.add('crossing', `${row.transactionId} is in crossings more than once`);
    rows.set(row.transactionId, row);
  }
  for (const [id, all] of legsOf(books)) {
    const fail = (what: string) => violations.add('crossing', `${id} ${what}`);
    const legs = byName(all);
    if (Object.keys(legs).length < all.length) fail('has a leg more than once');
    checkEnd(legs, fail);
    for (const leg of all) checkContent(leg, legs.out, fail);
    checkClosing(legs, rows.get(id), fail);
    rows.delete(id);
  }
  for (const id of rows.keys()) violations.add('crossing', `${id} is in crossings, but has no legs`);
  checkTransit(books, violations);
}

function checkEnd(legs: Legs, fail: (what: string) => void): void {
  const ends = [legs.in, legs.back, legs.returns].filter(isPosted).map(({ leg }) => leg.name);
  if (!isPosted(legs.out)) {
    if (ends.length > 0) fail(`never left, but has the leg ${ends.join(' and the leg ')}`);
    return;
  }
  if (ends.length === 0) fail('left, and did not arrive anywhere');
  if (ends.length > 1) fail(`has ended as ${ends.join(' and ')}`);
  if (legs.back && legs.in?.refusal == null) fail('came back, but its destination has not refused it');
  if (legs.returns && legs.back?.refusal == null) fail('is in the account of returns, but could come back');
}

function checkContent({ leg, content }: Leg, out: Leg | undefined, fail: (what: string) => void): void {
  if (!out) return;
  const { amount, currency } = content;
  if (amount !== out.content.amount || currency !== out.content.currency)
    fail(`moved ${out.content.amount} ${out.content.currency} with out, but ${amount} ${currency} with ${leg.name}`);
  const { source, destination } = out.leg.content;
  if (leg.content.source !== source || leg.content.destination !== destination)
    fail(`goes from ${source} to ${destination}, but its leg ${leg.name} does not`);
}

function checkClosing(legs: Legs, row: BookedCrossing | undefined, fail: (what: string) => void): void {
  if (!isPosted(legs.out)) {
    if (row) fail('is in crossings, but never left');
    return;
  }
  if (!row || row.state === 'OPEN') {
    fail(row ? 'is still open' : 'left, but is not in crossings');
    return;
  }
  if ((row.state === 'DONE') !== isPosted(legs.in)) fail(`is closed as ${row.state}, but is not`);
  const there = legs.in?.destination;
  if (
    row.state === 'DONE' &&
    (row.destination?.balance !== there?.balance || row.destination?.version !== there?.version)
  )
    fail('is closed with a balance of its destination that differs from the posting');
  if (row.state === 'RETURNED' && row.refusal !== (legs.in?.refusal ?? null))
    fail(`is closed with the refusal ${row.refusal}, but was refused with ${legs.in?.refusal}`);
}

/** Adds up the transit accounts of all shards, because each shard has only one side of a transfer. */
function checkTransit({ accounts }: Books, violations: Violations): void {
  const sums = new Map<string, bigint>();
  for (const { accountId, currency, balance } of accounts) {
    if (accountId.startsWith(TRANSIT)) sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(balance));
  }
  for (const [currency, sum] of sums)
    if (sum !== 0n) violations.add('transit', `${sum} ${currency} is in transit between the shards`);
}

function legsOf({ transfers }: Books): Map<string, Leg[]> {
  const legs = new Map<string, Leg[]>();
  for (const row of transfers) if (isLeg(row)) append(legs, row.leg.of, row);
  return legs;
}

const byName = (rows: readonly Leg[]): Legs => Object.fromEntries(rows.map((row) => [row.leg.name, row]));
