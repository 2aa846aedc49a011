import {
  type Answer,
  fateOf,
  type History,
  type LedgerTransfer,
  type Position,
  type TransferHistory,
} from './history.ts';
import type { Violations } from './violations.ts';

/** Every id: an outcome that was told stands in MySQL exactly once and is that one; nothing else stands there. */
export function checkIds(
  { transfers, accounts }: History,
  rows: readonly LedgerTransfer[],
  violations: Violations,
): void {
  const rowOf = new Map<string, LedgerTransfer>();
  for (const row of rows) {
    if (rowOf.has(row.transactionId)) violations.add('doubled', `${row.transactionId} is in MySQL more than once`);
    rowOf.set(row.transactionId, row);
  }
  const opened = new Set(accounts.map(({ accountId }) => accountId));
  const sent = new Set<string>();
  for (const transfer of transfers) {
    sent.add(transfer.transactionId);
    checkDenials(transfer, opened, violations);
    checkAnswers(transfer, violations);
    checkRow(transfer, rowOf.get(transfer.transactionId), violations);
  }
  for (const id of rowOf.keys()) {
    if (!sent.has(id)) violations.add('phantom', `${id} is in MySQL, and nobody sent it`);
  }
}

/** All answers of one id tell one outcome; and the same content is never "another content". */
function checkAnswers({ transactionId, attempts }: TransferHistory, violations: Violations): void {
  let first: Answer | null = null;
  for (const { answer } of attempts) {
    if (answer.kind === 'refused' && answer.status === 409) {
      violations.add('contradicted', `${transactionId} was answered ${answer.code}, and always had the same content`);
    }
    if (answer.kind !== 'posted' && answer.kind !== 'rejected') continue;
    if (first === null) {
      first = answer;
      continue;
    }
    if (sameOutcome(first, answer)) continue;
    const kind = first.kind === 'posted' && answer.kind === 'posted' ? 'doubled' : 'contradicted';
    violations.add(kind, `${transactionId} was answered ${describe(first)}, and ${describe(answer)}`);
  }
}

/** What was there before the question must not be denied: the accounts of a transfer, and the transfer once it was answered. */
function checkDenials(
  { transactionId, content, attempts }: TransferHistory,
  opened: ReadonlySet<string>,
  violations: Violations,
): void {
  let toldAt = Number.POSITIVE_INFINITY;
  for (const { answer, endedAt } of attempts) {
    if (answer.kind === 'posted' || answer.kind === 'rejected') toldAt = Math.min(toldAt, endedAt);
  }
  const accountsAreThere = opened.has(content.source) && opened.has(content.destination);
  for (const { answer, sentAt } of attempts) {
    if (answer.kind === 'absent' && sentAt > toldAt) {
      violations.add('denied', `${transactionId} had been answered, and then nobody knew it`);
    }
    if (answer.kind === 'refused' && answer.code === 'account_not_found' && accountsAreThere) {
      violations.add('denied', `${transactionId} was answered account_not_found, and both accounts had been opened`);
    }
  }
}

function checkRow(transfer: TransferHistory, row: LedgerTransfer | undefined, violations: Violations): void {
  const { transactionId, content, attempts } = transfer;
  const fate = fateOf(transfer);
  if (!row) {
    if (fate === 'ok') violations.add('lost', `${transactionId} was answered with an outcome, and is not in MySQL`);
    return;
  }
  if (fate === 'failed') {
    violations.add(
      'phantom',
      `${transactionId} is in MySQL, and all of its ${attempts.length} attempts came to nothing`,
    );
    return;
  }
  if (!sameContent(content, row.content)) {
    violations.add('contradicted', `${transactionId} has another content in MySQL: ${JSON.stringify(row.content)}`);
  }
  const stored = outcomeOf(row);
  for (const { answer } of attempts) {
    if (answer.kind !== 'posted' && answer.kind !== 'rejected') continue;
    if (!sameOutcome(answer, stored)) {
      violations.add(
        'contradicted',
        `${transactionId} was answered ${describe(answer)}, MySQL has ${describe(stored)}`,
      );
    }
  }
}

function outcomeOf(row: LedgerTransfer): Answer {
  const { source, destination, refusal } = row;
  if (source && destination && refusal === null) return { kind: 'posted', source, destination, replayed: false };
  return { kind: 'rejected', code: refusal ?? 'nothing' };
}

function sameContent(a: LedgerTransfer['content'], b: LedgerTransfer['content']): boolean {
  return a.source === b.source && a.destination === b.destination && a.amount === b.amount && a.currency === b.currency;
}

const samePosition = (a: Position, b: Position): boolean => a.balance === b.balance && a.version === b.version;

function sameOutcome(a: Answer, b: Answer): boolean {
  if (a.kind === 'posted' && b.kind === 'posted') {
    return samePosition(a.source, b.source) && samePosition(a.destination, b.destination);
  }
  return a.kind === 'rejected' && b.kind === 'rejected' && a.code === b.code;
}

function describe(answer: Answer): string {
  if (answer.kind === 'rejected') return answer.code;
  if (answer.kind !== 'posted') return answer.kind;
  const { source, destination } = answer;
  return `posted at ${source.balance} (v${source.version}) and ${destination.balance} (v${destination.version})`;
}
