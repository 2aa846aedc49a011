import { formatAmount } from '../../domain/money.ts';
import { formatTimestamp } from '../schemas/fields.ts';
import type { NamedPosting, Statement } from './statement.ts';

const COLUMNS = [
  'type',
  'acceptedAt',
  'version',
  'amount',
  'currency',
  'balance',
  'transactionId',
  'counterparty',
  'counterpartyName',
  'reference',
  'timestamp',
  'groupId',
  'reverses',
  'holdId',
  'metadata',
  'user',
  'correlationId',
] as const;
/** Cells without a value are absent. Text is escaped; everything else is written as is. */
type Row = Partial<Record<(typeof COLUMNS)[number], string | { text: string }>>;

/**
 * A statement as CSV (RFC 4180): a header, a row with the opening balance, a row for each posting, and a row with the
 * closing balance. A file without that last row is incomplete.
 */
export async function* csvOf(statement: Statement, pages: AsyncIterable<NamedPosting[]>): AsyncIterable<string> {
  const { currency, from, to, after, until, openingBalance, closingBalance } = statement;
  const balance = (type: string, at: number, version: number, units: number): string =>
    lineOf({
      type,
      acceptedAt: formatTimestamp(at),
      version: String(version),
      currency,
      balance: formatAmount(units, currency),
    });
  yield `${COLUMNS.join(',')}\r\n${balance('opening_balance', from, after, openingBalance)}`;
  for await (const page of pages) yield page.map((posting) => lineOf(rowOf(posting))).join('');
  yield balance('closing_balance', to, until, closingBalance);
}

function rowOf(posting: NamedPosting): Row {
  const { currency, acceptedAt, timestamp, hold, metadata } = posting;
  return {
    type: posting.kind,
    acceptedAt: formatTimestamp(acceptedAt),
    version: String(posting.version),
    amount: formatAmount(posting.amount, currency),
    currency,
    balance: formatAmount(posting.balanceAfter, currency),
    transactionId: { text: posting.transactionId },
    counterparty: { text: posting.counterparty },
    ...textOf('counterpartyName', posting.counterpartyName),
    ...textOf('reference', posting.reference),
    timestamp: formatTimestamp(timestamp ?? acceptedAt),
    ...textOf('groupId', posting.groupId),
    ...textOf('reverses', posting.reverses),
    ...textOf('holdId', hold?.holdId ?? null),
    ...textOf('metadata', metadata && JSON.stringify(metadata)),
    user: { text: posting.user },
    correlationId: { text: posting.correlationId },
  };
}

const textOf = (column: keyof Row, text: string | null): Row => (text === null ? {} : { [column]: { text } });

function lineOf(row: Row): string {
  const cells = COLUMNS.map((column) => {
    const value = row[column] ?? '';
    return typeof value === 'string' ? value : textCell(value.text);
  });
  return `${cells.join(',')}\r\n`;
}

/**
 * A place where a spreadsheet would see the start of a formula: the start of the text, or, for a spreadsheet that
 * separates cells by semicolons or tabs, what follows one of these. Full-width characters count, too.
 */
const FORMULA = /(^|[;\t\r\n])([\s"']*)(?=[=+\-@\uFF0B\uFF0D\uFF1D\uFF20])/g;

/**
 * A cell with text from users: always quoted, and with an apostrophe before every start of a formula. Spreadsheets show
 * what follows the apostrophe as text. A program that needs the original removes one apostrophe from each such place.
 */
export function textCell(text: string): string {
  return `"${text.replace(FORMULA, "$1$2'").replaceAll('"', '""')}"`;
}
