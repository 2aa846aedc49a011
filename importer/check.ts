import { formatAmount, parseAmount } from '../app/domain/money.ts';
import { FileError, type FileRow, isInvalid, isValid, printable, transactionIdOf } from './payment.ts';
import { RepeatedIds, ROWS_MAX, type RowState, type RowStates } from './row-states.ts';

/** The result of the first reading of a file. */
export interface Checked {
  rows: number;
  invalid: number;
  /** The first errors, as text. */
  errors: string[];
  /** The sum of the amounts of valid rows by currency, minor units. */
  sums: Map<string, bigint>;
}

const ERRORS_MAX = 20;

/** The results of an earlier run: rows that were or may have been posted must not have changed since. */
interface Earlier {
  scope: string;
  states: RowStates;
}

/**
 * Checks all rows before the first one is sent.
 * @throws FileError if the file as a whole is invalid, or if posted rows have changed
 */
export async function check(path: string, rows: AsyncIterable<FileRow>, earlier: Earlier | null): Promise<Checked> {
  const checked: Checked = { rows: 0, invalid: 0, errors: [], sums: new Map() };
  const repeated = new RepeatedIds();
  for await (const row of rows) {
    checked.rows = row.row;
    if (row.row > ROWS_MAX) throw new FileError(`${path} has more than ${ROWS_MAX} rows; divide it.`);
    if (earlier) requireUnchanged(path, row, earlier);
    if (isValid(row)) {
      const { transactionId, amount, currency } = row.content;
      checked.sums.set(currency, (checked.sums.get(currency) ?? 0n) + BigInt(parseAmount(amount, currency)));
      if (transactionId !== undefined) repeated.add(row.row, transactionId);
    }
    if (isInvalid(row)) {
      checked.invalid++;
      const problem = `${path}:${row.line}: row ${row.row}: ${row.content.join('; ')}`;
      if (checked.errors.length < ERRORS_MAX) checked.errors.push(printable(problem));
    }
  }
  const [pair] = repeated.pairs(1);
  if (pair) throw new FileError(`${path}: rows ${pair[0]} and ${pair[1]} have the same transaction id.`);
  if (checked.rows === 0) throw new FileError(`${path} has no payments.`);
  if (earlier) requireNoneMissing(path, checked.rows, earlier.states);
  return checked;
}

const WAS_POSTED: { [State in RowState]?: string } = {
  POSTED: 'was posted by an earlier run',
  UNDECIDED: 'may have been posted by an earlier run',
};

/**
 * If a row that was or may have been posted had changed or moved, it would get another id and be paid again. @throws
 * FileError
 */
function requireUnchanged(path: string, row: FileRow, { scope, states }: Earlier): void {
  const was = WAS_POSTED[states.state(row.row)];
  if (was === undefined) return;
  if (isValid(row) && states.hasId(row.row, transactionIdOf(scope, row))) return;
  throw new FileError(
    `${path}:${row.line}: row ${row.row} ${was}, and is different now; it would be paid again. ` +
      'Restore the row, or put new payments into a file of their own.',
  );
}

function requireNoneMissing(path: string, rows: number, states: RowStates): void {
  const last = states.last('POSTED', 'UNDECIDED');
  if (last > rows)
    throw new FileError(
      `${path} has ${rows} rows now, but row ${last} ${WAS_POSTED[states.state(last)]}. Restore the rows.`,
    );
}

/** "12 EUR and 3 USD": sums in major units. */
export function describeSums(sums: ReadonlyMap<string, bigint>): string {
  return [...sums].map(([currency, sum]) => `${formatAmount(sum, currency)} ${currency}`).join(', ');
}
