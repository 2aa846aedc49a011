import { type BookedHold, type BookedHoldEvent, type Books, NOTHING_WAITS, type Waiting } from './books.ts';
import { sameState, stateText } from './check-holds.ts';
import {
  append,
  type History,
  type HoldContent,
  type HoldHistory,
  type HoldRequest,
  type HoldShown,
  isHoldOutcome,
} from './history.ts';
import type { Violations } from './violations.ts';

interface Known {
  row: BookedHold | undefined;
  /** By revision, from 1. */
  states: ReadonlyMap<number, HoldShown>;
  /** Whether the hold, or later events of it, may be in a journal that MySQL waits for. */
  waits: boolean;
}
type Of<Op extends HoldRequest['op']> = HoldRequest & { op: Op };

/**
 * Checks that for every hold, MySQL has exactly the events that were reported, and that no answer shows an older state
 * than an earlier answer.
 */
export function checkHoldAnswers(history: History, books: Books, violations: Violations): void {
  const holds = history.holds ?? new Map<string, HoldHistory>();
  const rows = new Map((books.holds ?? []).map((row) => [row.holdId, row]));
  const states = statesByHold(books);
  const waiting = books.waiting ?? NOTHING_WAITS;
  for (const hold of holds.values()) {
    const { holdId } = hold;
    const row = rows.get(holdId);
    const known = { row, states: states.get(holdId) ?? new Map(), waits: isWaiting(hold, row, waiting) };
    checkPlacing(hold, known, violations);
    checkShown(hold, known, violations);
    checkDenials(hold, violations);
    checkOrder(hold, capturesOf(holdId, history, books), violations);
  }
  for (const holdId of rows.keys()) {
    if (!holds.has(holdId)) violations.add('phantom', `hold ${holdId} is in MySQL, but nobody placed it`);
  }
  checkUpdates(holds, books, waiting, violations);
  if (!history.isLossAccepted) checkRefusals(books, rows, violations);
}

function statesByHold({ holdEvents = [], transfers }: Books): Map<string, Map<number, HoldShown>> {
  const states = new Map<string, Map<number, HoldShown>>();
  const add = (holdId: string, hold: HoldShown) => {
    const own = states.get(holdId) ?? new Map<number, HoldShown>();
    states.set(holdId, own.set(hold.revision, hold));
  };
  for (const { holdId, hold } of holdEvents) add(holdId, hold);
  for (const { content, hold } of transfers) if (content.capture && hold) add(content.capture.holdId, hold.hold);
  return states;
}

function isWaiting({ holdId, requests }: HoldHistory, row: BookedHold | undefined, waiting: Waiting): boolean {
  const placing = requests.find((request): request is Of<'place'> => request.op === 'place');
  const account = row?.content.account ?? placing?.content.account;
  return waiting.holdIds?.has(holdId) === true || (account !== undefined && waiting.accounts.has(account));
}

function checkPlacing({ holdId, requests }: HoldHistory, { row, waits }: Known, violations: Violations): void {
  const placings = requests.filter((request): request is Of<'place'> => request.op === 'place');
  const answered = placings.filter(({ answer }) => isHoldOutcome(answer));
  const outcomes = new Set(answered.map(({ answer }) => (answer.kind === 'rejected' ? answer.code : answer.kind)));
  if (row) outcomes.add(row.refusal ?? 'held');
  if (outcomes.size > 1) violations.add('contradicted', `hold ${holdId}: ${[...outcomes].join(', ')}`);
  const news = answered.filter(({ answer }) => 'replayed' in answer && answer.replayed === false);
  if (news.length > 1) violations.add('doubled', `hold ${holdId} was reported as new ${news.length} times`);
  for (const { answer, content } of placings) {
    if (answer.kind !== 'refused' || answer.status !== 409) continue;
    const existing = row?.content ?? answered[0]?.content;
    if (existing ? sameContent(content, existing) : !waits)
      violations.add('contradicted', `hold ${holdId} got ${answer.code}, but was never sent with other content`);
  }
  if (!row) {
    if (answered.length > 0 && !waits)
      violations.add('lost', `hold ${holdId} was reported as placed, but is not in MySQL`);
    return;
  }
  const same = placings.filter(({ content }) => sameContent(content, row.content));
  const isPossible = ({ correlationId, answer }: Of<'place'>) =>
    correlationId === row.correlationId && (answer.kind === 'unknown' || isHoldOutcome(answer));
  if (same.length === 0)
    violations.add('contradicted', `hold ${holdId} has other content in MySQL: ${JSON.stringify(row.content)}`);
  else if (!same.some(isPossible))
    violations.add('phantom', `hold ${holdId} is in MySQL, but the attempt ${row.correlationId} wrote nothing`);
}

const sameContent = (a: HoldContent, b: HoldContent): boolean =>
  a.account === b.account &&
  a.destination === b.destination &&
  a.amount === b.amount &&
  a.currency === b.currency &&
  a.expiresAt === b.expiresAt;

/** Checks that every state that an answer shows is one that the hold has had. */
function checkShown({ holdId, requests }: HoldHistory, { states, waits }: Known, violations: Violations): void {
  for (const { op, answer } of requests) {
    if (answer.kind !== 'held' || !answer.hold) continue;
    const { hold } = answer;
    const known = states.get(hold.revision);
    if (known ? sameState(hold, known) : waits) continue;
    const wasMade = !known && (op === 'change' || op === 'void');
    const what = `a ${op} showed hold ${holdId} as ${stateText(hold)}`;
    violations.add(wasMade ? 'lost' : 'not-in-history', known ? `${what}, not as ${stateText(known)}` : what);
  }
  for (const { op, answer } of requests) {
    if (op === 'void' && answer.kind === 'held' && answer.hold && answer.hold.status !== 'VOIDED')
      violations.add('hold', `hold ${holdId} was reported as voided, but is ${stateText(answer.hold)}`);
  }
}

/** Checks that no answer denies a hold that an earlier answer had confirmed. */
function checkDenials({ holdId, requests }: HoldHistory, violations: Violations): void {
  const ends = requests.filter(({ answer }) => isHoldOutcome(answer)).map(({ endedAt }) => endedAt);
  const confirmedAt = Math.min(Number.POSITIVE_INFINITY, ...ends);
  for (const { op, answer, sentAt } of requests) {
    const isDenial = answer.kind === 'absent' || (answer.kind === 'refused' && answer.code === 'hold_not_found');
    const isRefused = requests.some((request) => request.op === 'place' && request.answer.kind === 'rejected');
    if (isDenial && sentAt > confirmedAt && !(isRefused && op !== 'read'))
      violations.add('denied', `hold ${holdId} had been reported as placed, but a later request did not find it`);
  }
}

/** A revision of a hold that an answer showed, or that a capture made. */
interface Sighting {
  sentAt: number;
  endedAt: number;
  revision: number;
  /** Whether the request created this revision. If so, all revisions shown before it was sent are lower. */
  isNew: boolean;
  by: string;
}

function capturesOf(holdId: string, { transfers }: History, books: Books): Sighting[] {
  return books.transfers.flatMap(({ transactionId, content, hold }): Sighting[] => {
    const attempts = content.capture?.holdId === holdId ? transfers.get(transactionId)?.attempts : undefined;
    if (!attempts || !hold) return [];
    const ends = attempts.filter(({ answer }) => answer.kind === 'posted').map(({ endedAt }) => endedAt);
    return [
      {
        sentAt: Math.min(...attempts.map(({ sentAt }) => sentAt)),
        endedAt: Math.min(Number.POSITIVE_INFINITY, ...ends),
        revision: hold.hold.revision,
        isNew: true,
        by: `capture ${transactionId}`,
      },
    ];
  });
}

function checkOrder({ holdId, requests }: HoldHistory, captures: Sighting[], violations: Violations): void {
  const sightings = requests.flatMap(({ op, answer, sentAt, endedAt }): Sighting[] => {
    if (answer.kind !== 'held' || !answer.hold || answer.stale) return [];
    return [{ sentAt, endedAt, revision: answer.hold.revision, isNew: op === 'change', by: `a ${op}` }];
  });
  const all = [...sightings, ...captures];
  for (const { sentAt, revision, isNew, by } of all) {
    const newest = Math.max(0, ...all.filter(({ endedAt }) => endedAt < sentAt).map((one) => one.revision));
    if (isNew ? revision <= newest : revision < newest)
      violations.add('stale', `${by} showed hold ${holdId} at r${revision}, although r${newest} had been shown before`);
  }
}

/**
 * Checks that each event in MySQL was requested, except for expiries, and that each change that was reported as made is
 * in MySQL once.
 */
function checkUpdates(
  holds: ReadonlyMap<string, HoldHistory>,
  { holdEvents = [] }: Books,
  waiting: Waiting,
  violations: Violations,
): void {
  const events = new Map<string, BookedHoldEvent[]>();
  for (const event of holdEvents) {
    if (event.kind === 'CHANGED' || event.kind === 'VOIDED') append(events, event.correlationId, event);
  }
  for (const { holdId, requests } of holds.values()) {
    for (const request of requests) {
      if (request.op !== 'change' && request.op !== 'void') continue;
      const { op, correlationId, answer } = request;
      const own = events.get(correlationId) ?? [];
      events.delete(correlationId);
      const name = `${op} ${correlationId} of hold ${holdId}`;
      if (own.length > 1) violations.add('doubled', `${name} was made ${own.length} times`);
      const [event] = own;
      if (event) checkMade(request, event, name, violations);
      else if (op === 'change' && answer.kind === 'held' && !waits(waiting, holdId, holds))
        violations.add('lost', `${name} was reported as made, but is not in MySQL`);
    }
  }
  for (const [correlationId, [event]] of events)
    violations.add(
      'phantom',
      `${event?.kind} ${correlationId} of hold ${event?.holdId} is in MySQL, but nobody requested it`,
    );
}

const waits = (waiting: Waiting, holdId: string, holds: ReadonlyMap<string, HoldHistory>): boolean => {
  const hold = holds.get(holdId);
  return hold !== undefined && isWaiting(hold, undefined, waiting);
};

function checkMade(
  request: Of<'change'> | Of<'void'>,
  { kind, hold }: BookedHoldEvent,
  name: string,
  violations: Violations,
): void {
  const { kind: answered } = request.answer;
  if (answered === 'refused' || answered === 'absent' || answered === 'given-up')
    violations.add('phantom', `${name} is in MySQL, but was reported as ${answered}`);
  if (request.op === 'void') {
    if (kind !== 'VOIDED') violations.add('contradicted', `${name} is in MySQL as ${kind}`);
    return;
  }
  const { amount, expiresAt, expectedRevision } = request;
  const isWanted = hold.amount === (amount ?? hold.amount) && hold.expiresAt === (expiresAt ?? hold.expiresAt);
  if (kind !== 'CHANGED' || !isWanted)
    violations.add(
      'contradicted',
      `${name} is in MySQL as ${kind} ${stateText(hold)}, but ${amount} until ${expiresAt} was requested`,
    );
  if (hold.revision !== expectedRevision + 1)
    violations.add('rules', `${name} was made on r${hold.revision - 1}, not on r${expectedRevision}`);
}

/** Checks that if a capture was refused because of the state of its hold, the hold was in such a state at some time. */
function checkRefusals(books: Books, rows: ReadonlyMap<string, BookedHold>, violations: Violations): void {
  const states = statesByHold(books);
  for (const { transactionId, content, refusal, acceptedAt } of books.transfers) {
    const { capture } = content;
    const hold = capture && rows.get(capture.holdId)?.hold;
    if (!capture || !hold || acceptedAt === null) continue;
    const ends = [...(states.get(capture.holdId)?.values() ?? [])].map(({ expiresAt }) => expiresAt);
    const wrong =
      (refusal === 'hold_not_open' && hold.status !== 'CAPTURED' && hold.status !== 'VOIDED') ||
      (refusal === 'hold_expired' && acceptedAt < Math.min(...ends));
    if (wrong)
      violations.add('hold', `${transactionId} was refused with ${refusal}, but its hold is ${stateText(hold)}`);
  }
}
