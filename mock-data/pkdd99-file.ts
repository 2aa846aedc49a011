import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';

/** One row of the PKDD'99 "trans" table. Money in haléř, hundredths of a koruna. */
export interface PkddRow {
  transId: string;
  accountId: string;
  /** Midnight UTC of the row's day, ms since 1970. */
  dayMs: number;
  type: string;
  operation: string;
  amount: number;
  /** The balance after the row, as recorded by the bank; it sometimes differs by 0.10 from the computed balance. */
  balance: number;
  kSymbol: string;
  bank: string;
  account: string;
}

/** `PRIJEM` is a credit, `VYDAJ` and `VYBER` are debits. @throws Error on any other type */
export function isCredit(row: PkddRow): boolean {
  if (row.type === 'PRIJEM') return true;
  if (row.type === 'VYDAJ' || row.type === 'VYBER') return false;
  throw new Error(`row ${row.transId} has an unknown type "${row.type}"`);
}

export function signedAmount(row: PkddRow): number {
  return isCredit(row) ? row.amount : -row.amount;
}

const COLUMNS = [
  'trans_id',
  'account_id',
  'date',
  'type',
  'operation',
  'amount',
  'balance',
  'k_symbol',
  'bank',
  'account',
];

/**
 * The rows of each day, day by day, without reading the file into memory.
 * @throws Error with the line number if the file has another format, or if the days are not in order
 */
export async function* readDays(path: string): AsyncGenerator<PkddRow[]> {
  const records = parse({ delimiter: ';', encoding: 'latin1', info: true, relax_column_count: true });
  const reading = pipeline(createReadStream(path), records);
  // Avoids an unhandled rejection: the loop below gets the same error.
  reading.catch(() => {});
  let isHeader = true;
  let day: PkddRow[] = [];
  for await (const { info, record } of records as AsyncIterable<{ info: { lines: number }; record: string[] }>) {
    if (isHeader) {
      if (record.join(',') !== COLUMNS.join(','))
        throw new Error(`${path} does not begin with the columns of PKDD'99: ${record.join(',')}`);
      isHeader = false;
      continue;
    }
    const where = `${path}:${info.lines}`;
    const row = rowOf(record, where);
    const before = day[0]?.dayMs ?? row.dayMs;
    if (row.dayMs < before) throw new Error(`${where} has an earlier day than the previous line`);
    if (row.dayMs > before) {
      yield day;
      day = [];
    }
    day.push(row);
  }
  await reading;
  if (day.length > 0) yield day;
}

/** @throws Error that begins with `where` */
function rowOf(fields: readonly string[], where: string): PkddRow {
  if (fields.length !== COLUMNS.length)
    throw new Error(`${where}: ${fields.length} fields instead of ${COLUMNS.length}`);
  const field = (column: number) => (fields[column] ?? '').trim();
  const row: PkddRow = {
    transId: field(0),
    accountId: field(1),
    dayMs: parseDay(field(2), where),
    type: field(3),
    operation: field(4),
    amount: parseHundredths(field(5), where),
    balance: parseHundredths(field(6), where),
    // A single space means "none", like an empty field.
    kSymbol: field(7),
    bank: field(8),
    account: field(9),
  };
  if (!/^\d+$/.test(row.transId) || !/^\d+$/.test(row.accountId)) throw new Error(`${where}: the ids are not numbers`);
  isCredit(row);
  return row;
}

/** YYMMDD, 1900s. */
function parseDay(text: string, where: string): number {
  const parts = /^(\d\d)(\d\d)(\d\d)$/.exec(text);
  const ms = parts === null ? Number.NaN : Date.parse(`19${parts[1]}-${parts[2]}-${parts[3]}T00:00:00.000Z`);
  if (Number.isNaN(ms)) throw new Error(`${where}: "${text}" is not a date YYMMDD`);
  return ms;
}

/** "700.00", "700.5" or "-12.00" → hundredths, without floating-point arithmetic. */
function parseHundredths(text: string, where: string): number {
  const parts = /^(-?)(\d+)(?:\.(\d{1,2}))?$/.exec(text);
  if (parts === null) throw new Error(`${where}: "${text}" is not an amount`);
  const minor = Number(`${parts[2]}${(parts[3] ?? '').padEnd(2, '0')}`);
  return parts[1] === '-' && minor !== 0 ? -minor : minor;
}
