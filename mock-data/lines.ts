import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The body of `POST /v1/accounts`. Money as decimal text, as everywhere on the wire. */
export interface AccountBody {
  accountId: string;
  currency: string;
  name: string;
  overdraftLimit?: string;
  limits?: { transferMax: string; balanceMax: string };
  external?: true;
}

/** The body of `POST /v1/transfers`. */
export interface TransferBody {
  transactionId: string;
  sourceAccount: string;
  destinationAccount: string;
  amount: string;
  currency: string;
  timestamp: string;
  reference: string;
  metadata?: Record<string, string>;
}

/** The accounts for which the order of a transfer matters: its outcome depends on what came before. */
export type Order = 'none' | 'source' | 'destination' | 'both';

export interface TransferLine {
  kind: 'opening' | 'transfer';
  /** "POSTED", or the problem code with which the service must refuse it. */
  expect: string;
  order: Order;
  /** The ordered account's balance after the transfer, as recorded by the bank itself (PKDD'99 only). */
  recorded?: string;
  body: TransferBody;
}

/** `POST /v1/holds` of a card payment. */
export interface HoldLine {
  kind: 'hold';
  expect: string;
  body: {
    holdId: string;
    account: string;
    destinationAccount: string;
    amount: string;
    currency: string;
    expiresAt?: string;
    reference: string;
  };
}

/** A later event of a hold. The line contains the terms of the hold, so that the hold need not be looked up. */
export interface HoldEventLine {
  /** A raise of the hold's amount, its final capture, or its void. */
  kind: 'raise' | 'capture' | 'void';
  holdId: string;
  account: string;
  destinationAccount: string;
  currency: string;
  /** The amount that is reserved before the event. */
  held: string;
  /** Raise: the new amount. Capture: the captured amount. */
  amount?: string;
  /** The transaction id of a capture. */
  transactionId?: string;
}

/** `POST /v1/transfers/group`: salaries, and the bank's fee for them. */
export interface GroupLine {
  kind: 'group';
  expect: string;
  /** The destinations whose order matters. */
  ordered: readonly string[];
  body: { groupId: string; transfers: Omit<TransferBody, 'transactionId'>[] };
}

/** `POST /v1/transfers/split`: a shared bill, with what each destination must get. */
export interface SplitLine {
  kind: 'split';
  expect: string;
  parts: readonly string[];
  body: {
    groupId: string;
    sourceAccount: string;
    amount: string;
    currency: string;
    timestamp: string;
    reference: string;
    destinations: { account: string; share: number }[];
  };
}

/** Anything that moves or reserves money; lines of these kinds are mixed. */
export type PaymentLine = TransferLine | HoldLine | HoldEventLine | GroupLine | SplitLine;

/**
 * One line of NDJSON. The phases are in this order: accounts, opening deposits, status changes, payments; each must be
 * done before the next starts (deposits need an open account, and a frozen account accepts none).
 */
export type Line =
  | { kind: 'account'; body: AccountBody }
  | { kind: 'change'; accountId: string; status: 'SUSPENDED' | 'FROZEN' | 'CLOSED' }
  | PaymentLine;

/** The number of requested transfers that a line stands for: fees and later events of a hold are extra. */
export function weightOf(line: Line): number {
  switch (line.kind) {
    case 'opening':
    case 'transfer':
    case 'hold':
    case 'split':
      return 1;
    case 'group':
      return line.ordered.length;
    default:
      return 0;
  }
}

/** Something that can be posted or written: the number of transfers is known in advance, for the progress bar. */
export interface Source {
  transfersTotal: number;
  lines: Iterable<Line> | AsyncIterable<Line>;
}

export function orderedAccounts(line: PaymentLine): readonly string[] {
  switch (line.kind) {
    case 'hold':
      return [line.body.account];
    case 'raise':
    case 'capture':
    case 'void':
      return [line.account];
    case 'group':
      return line.ordered;
    case 'split':
      return [line.body.sourceAccount, ...line.body.destinations.map(({ account }) => account)];
    case 'opening':
    case 'transfer':
      return orderedSides(line);
  }
}

function orderedSides(line: TransferLine): readonly string[] {
  switch (line.order) {
    case 'none':
      return [];
    case 'source':
      return [line.body.sourceAccount];
    case 'destination':
      return [line.body.destinationAccount];
    case 'both':
      return [line.body.sourceAccount, line.body.destinationAccount];
  }
}

const CHUNK_CHARS = 256 * 1024;
const KINDS: readonly Line['kind'][] = [
  'account',
  'opening',
  'change',
  'transfer',
  'hold',
  'raise',
  'capture',
  'void',
  'group',
  'split',
];

/** The lines as NDJSON, in large chunks, for a pipeline: no more lines are generated than the reader consumes. */
export async function* ndjson(source: Source, made: (transfers: number) => void): AsyncGenerator<string> {
  let chunk = '';
  let count = 0;
  for await (const line of source.lines) {
    chunk += `${JSON.stringify(line)}\n`;
    count += weightOf(line);
    if (chunk.length < CHUNK_CHARS) continue;
    yield chunk;
    made(count);
    chunk = '';
    count = 0;
  }
  yield chunk;
  made(count);
}

/** Reads what `ndjson` wrote. The file is our own; only the kind of each line is checked. */
export async function* readLines(path: string): AsyncGenerator<Line> {
  const input = createInterface({ input: createReadStream(path, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const text of input) {
    number++;
    if (text === '') continue;
    const line = JSON.parse(text) as Line;
    if (!KINDS.includes(line.kind)) {
      throw new Error(`${path}:${number} is not a line of mock data`);
    }
    yield line;
  }
}

/** Counts the transfers of a file, so that posting it can show how much is left. */
export async function countTransfers(path: string): Promise<number> {
  let count = 0;
  for await (const line of readLines(path)) count += weightOf(line);
  return count;
}
