import type { Outcome } from '../../domain/types.ts';
import type { Salts } from '../../journal/sealed/sealing.ts';
import type { Session } from '../connection/pool.ts';
import { binaryOrNull, integer, moment, statements, text } from '../connection/sql.ts';
import { CAPTURE_COLUMNS, captureLiterals } from '../rows/capture-columns.ts';
import { LEG_COLUMNS, legLiterals } from '../rows/leg-columns.ts';
import { refusedByOf } from '../rows/transfer-row.ts';
import { openCrossings } from './crossing-store.ts';

/**
 * Inserts the outcomes of the flush, of a direct transaction, or of a recovery. Captures and legs have columns that other
 * transfers do not write. A posted `out` also opens its crossing.
 */
export async function insertOutcomes(session: Session, outcomes: readonly Outcome[], salts: Salts): Promise<void> {
  if (!outcomes.some(({ order }) => order.capture || order.leg)) return insertRows(session, outcomes, salts, '');
  const captures = outcomes.filter(({ order }) => order.capture);
  const legs = outcomes.filter(({ order }) => order.leg);
  const others = outcomes.filter(({ order }) => !order.capture && !order.leg);
  await insertRows(session, others, salts, '');
  await insertRows(session, captures, salts, `, ${CAPTURE_COLUMNS}`);
  await insertRows(session, legs, salts, `, ${LEG_COLUMNS}`);
  await openCrossings(session, legs);
}

async function insertRows(
  session: Session,
  outcomes: readonly Outcome[],
  salts: Salts,
  moreColumns: string,
): Promise<void> {
  const rare = RARE_COLUMNS.filter(({ literalOf }) => outcomes.some((outcome) => literalOf(outcome) !== null));
  const rareNames = rare.map(({ name }) => `, ${name}`).join('');
  for (const rows of statements(literalsOf(outcomes, salts, rare))) {
    await session.run(`INSERT INTO transfers (transaction_id, kind, \`status\`, source_account, destination_account,
      amount, currency, source_version, source_balance, source_settings_version, destination_version, destination_balance,
      destination_settings_version, accepted_at, accepted_after_ms, \`user\`, correlation_id, epoch, seq,
      salt${rareNames}${moreColumns}) VALUES ${rows.join(',')}`);
  }
}

interface RareColumn {
  name: string;
  /** Null if the column has its default value. */
  literalOf(outcome: Outcome): string | null;
  defaultLiteral: 'NULL' | '0';
}

/**
 * The columns that most transfers do not need. A statement contains only those that one of its transfers needs, because
 * MySQL spends an eighth of its time on parsing.
 */
const RARE_COLUMNS: readonly RareColumn[] = [
  nullable('refusal', (outcome) => (outcome.status === 'REJECTED' ? `'${outcome.refusal}'` : null)),
  nullable('refused_by', (outcome) =>
    outcome.status === 'REJECTED' && outcome.limit ? text(refusedByOf(outcome.limit)) : null,
  ),
  {
    name: 'counted',
    literalOf: (outcome) => (outcome.status === 'POSTED' && outcome.counted ? String(outcome.counted) : null),
    defaultLiteral: '0',
  },
  nullable('client_timestamp', ({ order }) => (order.timestamp === null ? null : moment(order.timestamp))),
  nullable('`reference`', ({ order }) => (order.reference === null ? null : text(order.reference))),
  nullable('metadata', ({ order }) => (order.metadata === null ? null : text(JSON.stringify(order.metadata)))),
  nullable('reverses', ({ order }) => (order.reverses === null ? null : text(order.reverses))),
  nullable('group_id', ({ order }) => (order.groupId === undefined ? null : text(order.groupId))),
];

function nullable(name: string, literalOf: RareColumn['literalOf']): RareColumn {
  return { name, literalOf, defaultLiteral: 'NULL' };
}

/** Generated one by one, so that memory contains no more of them than fit into a statement. */
function* literalsOf(outcomes: readonly Outcome[], salts: Salts, rare: readonly RareColumn[]): Iterable<string> {
  for (const outcome of outcomes) yield outcomeLiteral(outcome, salts, rare);
}

/**
 * Time from the pod's receipt to the acceptance, ms: a difference is a shorter literal than a time. The two clocks may
 * differ, so it can be negative.
 */
const acceptedAfter = ({ acceptedAt, takenAt }: Outcome): string =>
  takenAt === null ? 'NULL' : integer(acceptedAt - takenAt);

const KINDS = { transfer: 'TRANSFER', reversal: 'REVERSAL', capture: 'CAPTURE' } as const;

function outcomeLiteral(outcome: Outcome, salts: Salts, rare: readonly RareColumn[]): string {
  const { order } = outcome;
  const sides =
    outcome.status === 'POSTED'
      ? `${integer(outcome.source.version)},${integer(outcome.source.balance)},${outcome.source.settingsVersion},${integer(outcome.destination.version)},${integer(outcome.destination.balance)},${outcome.destination.settingsVersion}`
      : 'NULL,NULL,NULL,NULL,NULL,NULL';
  const rareLiterals = rare.length === 0 ? '' : rare.map((column) => `,${literalIn(column, outcome)}`).join('');
  const more = order.capture
    ? `,${captureLiterals(outcome, order.capture)}`
    : order.leg
      ? `,${legLiterals(order.leg)}`
      : '';
  return `(${text(order.transactionId)},'${KINDS[order.kind]}','${outcome.status}',${text(order.source)},${text(order.destination)},${integer(order.amount)},${text(order.currency)},${sides},${moment(outcome.acceptedAt)},${acceptedAfter(outcome)},${text(order.user)},${text(order.correlationId)},${integer(outcome.epoch)},${integer(outcome.seq)},${binaryOrNull(salts.ofTransfer(order.transactionId))}${rareLiterals}${more})`;
}

const literalIn = ({ literalOf, defaultLiteral }: RareColumn, outcome: Outcome): string =>
  literalOf(outcome) ?? defaultLiteral;
