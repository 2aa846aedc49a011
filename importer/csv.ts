import { pipeline } from 'node:stream/promises';
import { CsvError, parse } from 'csv-parse';
import { type Cells, FileError, type FileRow, paymentOf } from './payment.ts';
import type { SourceFile } from './source-file.ts';

export interface CsvOptions {
  /** Detected from the header if absent. */
  delimiter?: ',' | ';' | '\t';
  /** Whether amounts use a decimal comma. */
  decimalComma: boolean;
  /** The currency of files without that column. */
  currency?: string;
  /** Columns that are not imported. */
  ignored: readonly string[];
}

/** A longer row indicates an unclosed quote or an attack: the fields of a payment have at most 7,000 characters. */
const RECORD_CHARS_MAX = 65_536;
const DELIMITERS = [',', ';', '\t'] as const;
const COLUMNS = [
  'transactionId',
  'sourceAccount',
  'destinationAccount',
  'amount',
  'currency',
  'timestamp',
  'reference',
] as const;
type Column = (typeof COLUMNS)[number];
/** `__proto__` is excluded, because an object cannot have such a member, and the API would refuse it. */
const METADATA = /^metadata\.(?!__proto__$)(.+)$/i;

/** What a column of the file is for: a member of the payment, metadata under a name, or nothing. */
type Meaning = { member: Column } | { metadata: string } | null;

/** Payments of a CSV file, in order. @throws FileError if the file cannot be read as CSV, or lacks a column */
export async function* csvRows(file: SourceFile, options: CsvOptions): AsyncGenerator<FileRow> {
  const delimiter = options.delimiter ?? delimiterOf(await file.start());
  const records = parse({
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: RECORD_CHARS_MAX,
    record_delimiter: '\n',
  });
  const reading = pipeline(withNewlines(file.text()), records);
  // Avoids an unhandled rejection: the loop below gets the same error.
  reading.catch(() => {});
  let columns: CsvColumn[] | null = null;
  let row = 0;
  try {
    for await (const { info, record } of records as AsyncIterable<{ info: { lines: number }; record: string[] }>) {
      const line = info.lines - newlinesIn(record);
      if (columns === null) columns = columnsOf(record, options, `${file.path}:${line}`);
      else yield { row: ++row, line, content: contentOf(record, columns, options) };
    }
    await reading;
  } catch (error) {
    throw asFileError(error, file.path);
  }
  if (columns === null) throw new FileError(`${file.path} is empty; the first line must name the columns.`);
}

interface CsvColumn {
  /** The name of the column in the file. */
  name: string;
  meaning: Meaning;
}

function asFileError(error: unknown, path: string): unknown {
  if (!(error instanceof CsvError)) return error;
  const line = typeof error['lines'] === 'number' ? `:${error['lines']}` : '';
  if (error.code === 'CSV_MAX_RECORD_SIZE')
    return new FileError(`${path}${line}: a row of more than ${RECORD_CHARS_MAX} characters; is a quote not closed?`);
  return new FileError(`${path}${line}: not CSV: ${error.message}`);
}

/** The character that separates the names of the columns: the most frequent one in the first line, outside quotes. */
function delimiterOf(start: string): string {
  const header = (/^[^\r\n]*/.exec(start)?.[0] ?? '').replace(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => header.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ',';
}

/**
 * Case and the separators of words do not matter: `source_account`, `Source Account` and `sourceAccount` are the same.
 */
const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** @throws FileError if a column is unknown, missing or duplicated */
function columnsOf(header: readonly string[], options: CsvOptions, where: string): CsvColumn[] {
  const ignored = new Set(options.ignored.map(plain));
  const columns = header.map((cell): CsvColumn => {
    const name = cell.trim();
    const member = COLUMNS.find((column) => plain(column) === plain(name));
    if (member !== undefined) return { name, meaning: { member } };
    const metadata = METADATA.exec(name)?.[1];
    if (metadata !== undefined) return { name, meaning: { metadata } };
    if (ignored.has(plain(name))) return { name, meaning: null };
    throw new FileError(
      `${where}: unknown column "${name}". Known columns are ${COLUMNS.join(', ')} and metadata.<name>; leave out others with --ignore.`,
    );
  });
  const known = columns.flatMap(({ meaning }) => (meaning === null ? [] : [JSON.stringify(meaning)]));
  const twice = columns.find(
    ({ meaning }) => meaning && known.filter((other) => other === JSON.stringify(meaning)).length > 1,
  );
  if (twice) throw new FileError(`${where}: the column "${twice.name}" appears twice.`);
  const missing = (['sourceAccount', 'destinationAccount', 'amount', 'currency'] as const).filter(
    (name) => !columns.some(({ meaning }) => meaning && 'member' in meaning && meaning.member === name),
  );
  const lacking = missing.filter((name) => name !== 'currency' || options.currency === undefined);
  if (lacking.length > 0)
    throw new FileError(
      `${where}: no column ${lacking.join(', ')}.${lacking.includes('currency') ? ' For a file in one currency, use --currency.' : ''}`,
    );
  return columns;
}

function contentOf(record: readonly string[], columns: readonly CsvColumn[], options: CsvOptions): FileRow['content'] {
  if (record.length !== columns.length) return [`has ${record.length} cells, but the header has ${columns.length}`];
  const cells: Cells = options.currency === undefined ? {} : { currency: options.currency };
  const metadata: Record<string, string> = {};
  for (const [index, { meaning }] of columns.entries()) {
    const cell = record[index] ?? '';
    if (meaning === null || cell.trim() === '') continue;
    if ('metadata' in meaning) metadata[meaning.metadata] = cell;
    else cells[meaning.member] = meaning.member === 'reference' ? cell : cell.trim();
  }
  if (options.decimalComma && cells.amount !== undefined) {
    if (cells.amount.includes('.'))
      return [`amount "${cells.amount.slice(0, 30)}" has a point, but decimals follow a comma`];
    cells.amount = cells.amount.replace(',', '.');
  }
  if (Object.keys(metadata).length > 0) cells.metadata = metadata;
  const nameOf = (member: string) =>
    columns.find(({ meaning }) => meaning && 'member' in meaning && meaning.member === member)?.name ?? member;
  return paymentOf(cells, nameOf);
}

/**
 * Converts every line ending to a newline, because inside quotes the parser would count a Windows line ending, which
 * has two characters, as two lines. This changes no text that a payment may have: none may contain a line ending.
 */
async function* withNewlines(blocks: AsyncIterable<string>): AsyncGenerator<string> {
  let held = '';
  for await (const block of blocks) {
    const text = held + block;
    held = text.endsWith('\r') ? '\r' : '';
    yield (held === '' ? text : text.slice(0, -1)).replace(/\r\n?/g, '\n');
  }
  if (held !== '') yield '\n';
}

function newlinesIn(record: readonly string[]): number {
  return record.reduce((sum, cell) => sum + (cell.split('\n').length - 1), 0);
}
