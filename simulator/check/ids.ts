import { sameContent } from '../../app/domain/content.ts';
import type { Outcome, Posted } from '../../app/domain/types.ts';
import type { Tables } from '../mysql/tables.ts';
import { isUnknown, type TransferHistory } from './history.ts';
import type { Add, CheckInput } from './violations.ts';

/** Every id: an outcome that was told stands in MySQL exactly once and is that one; nothing else stands there. */
export function checkIds({ history, tables, waiting }: CheckInput, add: Add): void {
  for (const transfer of history.transfers.values()) checkId(transfer, tables, waiting.ids, add);
  for (const id of tables.transfers.keys()) {
    if (!history.transfers.has(id)) add('phantom', `${id} is in MySQL, and nobody sent it`);
  }
}

const describe = (outcome: Outcome): string =>
  outcome.status === 'REJECTED'
    ? outcome.refusal
    : `${outcome.source.balance} (v${outcome.source.version}) and ${outcome.destination.balance} (v${outcome.destination.version})`;

function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.acceptedAt !== b.acceptedAt) return false;
  if (a.status === 'REJECTED' || b.status === 'REJECTED') {
    return a.status === 'REJECTED' && b.status === 'REJECTED' && a.refusal === b.refusal;
  }
  return sameSide(a.source, b.source) && sameSide(a.destination, b.destination);
}
const sameSide = (a: Posted['source'], b: Posted['source']): boolean =>
  a.balance === b.balance && a.version === b.version && a.settingsVersion === b.settingsVersion;

function checkId(transfer: TransferHistory, tables: Tables, waiting: ReadonlySet<string>, add: Add): void {
  const { transactionId: id, attempts, sought } = transfer;
  const row = tables.transfers.get(id);
  let first: Outcome | null = null;
  let firstTold = Number.POSITIVE_INFINITY;
  let done = 0;
  const told: { outcome: Outcome; endedAt: number }[] = [];
  for (const { answer, endedAt, order } of [...attempts, ...sought.map((one) => ({ ...one, order: null }))]) {
    if (answer.kind !== 'told') continue;
    const outcome = answer.value;
    told.push({ outcome, endedAt });
    firstTold = Math.min(firstTold, endedAt);
    if (first && !sameOutcome(first, outcome))
      add('contradicted', `${id} was answered ${describe(first)}, and ${describe(outcome)}`);
    first ??= outcome;
    if (order && !sameContent(order, outcome.order)) add('contradicted', `${id} was answered with another content`);
    if (order && !outcome.replayed && ++done > 1) add('doubled', `${id} was told as done by two requests`);
  }
  for (const { sentAt, answer } of sought) {
    if (answer.kind === 'problem' && answer.code === 'transfer_not_found' && firstTold < sentAt) {
      add('lost', `${id} was answered with an outcome, and then nobody knew it`);
    }
  }
  for (const { order, answer } of attempts) {
    if (answer.kind !== 'problem' || answer.code !== 'transaction_id_reused') continue;
    const existing = row ?? first;
    if (!existing ? !waiting.has(id) : sameContent(order, existing.order))
      add('contradicted', `${id} was answered 409, and had no other content`);
  }
  if (!row) {
    if (first && !waiting.has(id)) add('lost', `${id} was answered ${describe(first)}, and is not in MySQL`);
    return;
  }
  if (first && !sameOutcome(first, row))
    add('contradicted', `${id} was answered ${describe(first)}, MySQL has ${describe(row)}`);
  // Some attempt with its content must be able to have done it.
  const could = attempts.some(
    (attempt) =>
      sameContent(attempt.order, row.order) &&
      attempt.order.correlationId === row.order.correlationId &&
      (isUnknown(attempt) || attempt.answer.kind === 'told'),
  );
  if (!could) add('phantom', `${id} is in MySQL, and its attempt came to nothing`);
}
