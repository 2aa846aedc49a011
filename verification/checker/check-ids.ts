import { type BookedTransfer, type Books, NOTHING_WAITS, type Waiting } from './books.ts';
import {
  type Answer,
  answersIn,
  type CaptureContent,
  fateOf,
  type History,
  isOutcome,
  type Outcome,
  type ShownPosition,
  type TransferContent,
  type TransferHistory,
} from './history.ts';
import type { Violations } from './violations.ts';

/** Checks that for every id, MySQL has exactly the outcome that was reported, once, and nothing else. */
export function checkIds(history: History, books: Books, violations: Violations): void {
  const { transfers, accounts, heldMsMax } = history;
  const rows = new Map<string, BookedTransfer>();
  for (const row of books.transfers) {
    if (rows.has(row.transactionId)) violations.add('doubled', `${row.transactionId} is in MySQL more than once`);
    rows.set(row.transactionId, row);
  }
  const opened = new Set(accounts.map(({ accountId }) => accountId));
  for (const transfer of transfers.values()) {
    const row = rows.get(transfer.transactionId);
    checkDenials(transfer, opened, violations);
    checkAnswers(transfer, violations);
    checkReuse(transfer, row, books.waiting ?? NOTHING_WAITS, violations);
    if (row) checkRow(transfer, row, heldMsMax, violations);
    else checkMissing(transfer, books.waiting ?? NOTHING_WAITS, violations);
  }
  for (const id of rows.keys()) {
    if (!transfers.has(id)) violations.add('phantom', `${id} is in MySQL, but nobody sent it`);
  }
}

/** Checks that all answers for one id show the same outcome, and that only one of them reports it as new. */
function checkAnswers(transfer: TransferHistory, violations: Violations): void {
  const { transactionId: id, attempts } = transfer;
  const [first, ...others] = answersIn(transfer).flatMap(({ answer }) => (isOutcome(answer) ? [answer] : []));
  for (const other of others) {
    if (!first || sameOutcome(first, other)) continue;
    const isTwice = first.kind === 'posted' && other.kind === 'posted' && !samePositions(first, other);
    violations.add(
      isTwice ? 'doubled' : 'contradicted',
      `${id} was reported as ${shown(first)} and as ${shown(other)}`,
    );
  }
  let done = 0;
  for (const { answer, content } of attempts) {
    if (!isOutcome(answer)) continue;
    if (answer.replayed === false) done += 1;
    if (answer.content && !sameContent(content, answer.content)) {
      violations.add('contradicted', `an answer shows other content for ${id}: ${JSON.stringify(answer.content)}`);
    }
  }
  if (done > 1) violations.add('doubled', `${id} was reported as new ${done} times`);
}

/**
 * Checks that no answer denies what existed before the request: the accounts of a transfer, and its outcome once it was
 * reported.
 */
function checkDenials(transfer: TransferHistory, opened: ReadonlySet<string>, violations: Violations): void {
  const { transactionId: id, attempts, lookUps } = transfer;
  let answeredAt = Number.POSITIVE_INFINITY;
  for (const { answer, endedAt } of answersIn(transfer)) {
    if (isOutcome(answer)) answeredAt = Math.min(answeredAt, endedAt);
  }
  for (const { answer, sentAt } of lookUps) {
    if (answer.kind === 'absent' && sentAt > answeredAt) {
      violations.add('denied', `the outcome of ${id} had been reported, but a later lookup did not find it`);
    }
  }
  for (const { answer, content } of attempts) {
    if (answer.kind !== 'refused' || answer.code !== 'account_not_found') continue;
    if (opened.has(content.source) && opened.has(content.destination)) {
      violations.add('denied', `${id} got account_not_found, although both accounts had been opened`);
    }
  }
}

/** A 409 is correct only if another request had the same id with other content. */
function checkReuse(
  { transactionId: id, attempts }: TransferHistory,
  row: BookedTransfer | undefined,
  waiting: Waiting,
  violations: Violations,
): void {
  for (const { answer, content } of attempts) {
    if (answer.kind !== 'refused' || answer.status !== 409) continue;
    const existing = row?.content ?? attempts.find((other) => isOutcome(other.answer))?.content;
    if (existing ? sameContent(content, existing) : !waiting.transactionIds.has(id)) {
      violations.add('contradicted', `${id} got ${answer.code}, but was never sent with other content`);
    }
  }
}

function checkMissing(transfer: TransferHistory, waiting: Waiting, violations: Violations): void {
  const { transactionId: id } = transfer;
  const answered = answersIn(transfer).find(({ answer }) => isOutcome(answer));
  if (answered && !waiting.transactionIds.has(id)) {
    violations.add('lost', `${id} was reported as ${shown(answered.answer)}, but is not in MySQL`);
  }
}

function checkRow(transfer: TransferHistory, row: BookedTransfer, heldMsMax: number, violations: Violations): void {
  const { transactionId: id, attempts } = transfer;
  const stored = outcomeOf(row);
  for (const { answer } of answersIn(transfer)) {
    if (isOutcome(answer) && !sameOutcome(answer, stored)) {
      violations.add('contradicted', `${id} was reported as ${shown(answer)}, but MySQL has ${shown(stored)}`);
    }
  }
  const sameContents = attempts.filter(({ content }) => sameContent(content, row.content));
  const isPossible = sameContents.some(
    ({ answer, correlationId }) =>
      correlationId === row.correlationId && (answer.kind === 'unknown' || isOutcome(answer)),
  );
  if (attempts.length > 0 && sameContents.length === 0) {
    violations.add('contradicted', `${id} has other content in MySQL: ${JSON.stringify(row.content)}`);
  } else if (!isPossible || fateOf(transfer, heldMsMax) === 'failed') {
    violations.add('phantom', `${id} is in MySQL, but the attempt ${row.correlationId} wrote nothing`);
  }
}

function outcomeOf({ source, destination, refusal, acceptedAt }: BookedTransfer): Outcome {
  const facts = acceptedAt === null ? {} : { acceptedAt };
  if (source && destination && refusal === null) return { kind: 'posted', source, destination, ...facts };
  return { kind: 'rejected', code: refusal ?? 'no code', ...facts };
}

function sameContent(a: TransferContent, b: TransferContent): boolean {
  return (
    a.source === b.source &&
    a.destination === b.destination &&
    (a.capture || b.capture ? sameCapture(a.capture, b.capture) : a.amount === b.amount) &&
    a.currency === b.currency &&
    a.groupId === b.groupId
  );
}

const sameCapture = (a: CaptureContent | undefined, b: CaptureContent | undefined): boolean =>
  a?.holdId === b?.holdId && a?.amount === b?.amount && a?.destination === b?.destination && a?.final === b?.final;

function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (!agree(a.acceptedAt, b.acceptedAt)) return false;
  if (a.kind === 'posted' && b.kind === 'posted') return samePositions(a, b);
  return a.kind === 'rejected' && b.kind === 'rejected' && a.code === b.code;
}

type Posted = Outcome & { kind: 'posted' };
const samePositions = (a: Posted, b: Posted): boolean =>
  samePosition(a.source, b.source) && samePosition(a.destination, b.destination);

const samePosition = (a: ShownPosition, b: ShownPosition): boolean =>
  a.balance === b.balance && a.version === b.version && agree(a.settingsVersion, b.settingsVersion);

/** An answer that does not show a fact does not contradict it. */
const agree = (a: number | undefined, b: number | undefined): boolean => a === undefined || b === undefined || a === b;

function shown(answer: Answer): string {
  if (answer.kind === 'rejected') return answer.code;
  if (answer.kind !== 'posted') return answer.kind;
  const { source, destination } = answer;
  return `posted at ${source.balance} (v${source.version}) and ${destination.balance} (v${destination.version})`;
}
