import { createHash } from 'node:crypto';
import { TransferRequest } from '../app/api/transfers/transfer-schema.ts';
import { formatAmount, parseAmount } from '../app/domain/money.ts';
import { Problem } from '../app/domain/problem.ts';

/** A payment in a file, as the body of a transfer: without a transaction id, or with the one in the file. */
export interface Payment {
  transactionId?: string;
  sourceAccount: string;
  destinationAccount: string;
  /** Decimal text with all the decimals of the currency. */
  amount: string;
  currency: string;
  timestamp?: string;
  reference?: string;
  metadata?: Readonly<Record<string, string>>;
}

/** A payment of a file, or what is wrong with it. */
export interface FileRow {
  /** Counted from 1, without the header of a CSV file. */
  row: number;
  /** The line on which it begins, counted from 1. */
  line: number;
  content: Payment | readonly string[];
}

export interface ValidRow extends FileRow {
  content: Payment;
}
export interface InvalidRow extends FileRow {
  content: readonly string[];
}
export const isInvalid = (row: FileRow): row is InvalidRow => Array.isArray(row.content);
export const isValid = (row: FileRow): row is ValidRow => !isInvalid(row);

/** An input file that cannot be imported as it is. Nothing in it has been sent. */
export class FileError extends Error {
  override readonly name = 'FileError';

  constructor(message: string) {
    super(printable(message));
  }
}

/** Messages quote the file, and control characters in it could send commands to a terminal. Line endings are kept. */
export const printable = (text: string): string => text.replace(/[^\P{Cc}\n]+/gu, ' ');

/** The values of a row as they are in the file; absent members are empty in the file. */
export type Cells = { [Name in Exclude<keyof Payment, 'metadata'>]?: string } & Pick<Payment, 'metadata'>;

const REQUIRED = ['sourceAccount', 'destinationAccount', 'amount', 'currency'] as const;

/**
 * Checks a row against those rules of the API that do not depend on the ledger. @param nameOf returns the name of a
 * member in the file, for messages
 */
export function paymentOf(cells: Cells, nameOf: (member: string) => string): Payment | readonly string[] {
  const missing = REQUIRED.filter((name) => cells[name] === undefined);
  if (missing.length > 0) return missing.map((name) => `${nameOf(name)} is missing`);
  const parsed = TransferRequest.safeParse(cells);
  if (!parsed.success) {
    return parsed.error.issues.map(({ path: [member = '', ...rest], message }) =>
      [nameOf(String(member)), ...rest.map(String), message].join(' '),
    );
  }
  const { sourceAccount, destinationAccount, currency } = parsed.data;
  const errors = sourceAccount === destinationAccount ? ['both accounts are the same'] : [];
  const minor = minorUnits(parsed.data.amount, currency);
  if (typeof minor === 'string') errors.push(`${nameOf('amount')} ${minor}`);
  else if (minor === 0) errors.push(`${nameOf('amount')} must be more than zero`);
  if (errors.length > 0 || typeof minor === 'string') return errors;
  return { ...(cells as Payment), amount: formatAmount(minor, currency) };
}

function minorUnits(amount: string, currency: string): number | string {
  try {
    return parseAmount(amount, currency);
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/**
 * The transaction id of a payment: that of the file, or one that is derived from the scope of the import, the number of
 * the row and its content. The same row of the same import always has the same id, and a changed row has a different
 * one. It has the form of a UUIDv8 (RFC 9562): it contains no time, because a later run has to derive the same id.
 */
export function transactionIdOf(scope: string, { row, content }: ValidRow): string {
  if (content.transactionId !== undefined) return content.transactionId;
  const { sourceAccount, destinationAccount, amount, currency, timestamp, reference, metadata = {} } = content;
  const pairs = Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1));
  const fields = [sourceAccount, destinationAccount, amount, currency, timestamp ?? null, reference ?? null, pairs];
  const digest = createHash('sha256')
    .update(JSON.stringify(['holdfast import 1', scope, row, fields]))
    .digest('hex');
  const variant = ((Number.parseInt(digest.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `8${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-');
}
