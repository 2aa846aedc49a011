import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The body of `POST /v1/accounts`. Money as decimal text, as everywhere on the wire. */
export interface AccountBody {
  accountId: string;
  currency: string;
  name: string;
  overdraftLimit?: string;
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

/** The accounts for which a transfer must not overtake another, because its outcome would change. */
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

/**
 * One line of NDJSON. The kinds are in this order: accounts, opening deposits, status changes, transfers; each kind
 * must be done before the next starts (deposits need an open account, and a frozen account accepts none).
 */
export type Line =
  | { kind: 'account'; body: AccountBody }
  | { kind: 'change'; accountId: string; status: 'SUSPENDED' | 'FROZEN' | 'CLOSED' }
  | TransferLine;

/** Something that can be posted or written: the number of transfers is known in advance, for the progress bar. */
export interface Source {
  transfersTotal: number;
  lines: Iterable<Line> | AsyncIterable<Line>;
}

export function orderedAccounts(line: TransferLine): readonly string[] {
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

/** The lines as NDJSON, in large chunks, for a pipeline: no more lines are generated than the reader consumes. */
export async function* ndjson(source: Source, made: (transfers: number) => void): AsyncGenerator<string> {
  let chunk = '';
  let count = 0;
  for await (const line of source.lines) {
    chunk += `${JSON.stringify(line)}\n`;
    if (line.kind === 'transfer' || line.kind === 'opening') count++;
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
    if (!['account', 'opening', 'change', 'transfer'].includes(line.kind)) {
      throw new Error(`${path}:${number} is not a line of mock data`);
    }
    yield line;
  }
}

/** Counts the transfers of a file, so that posting it can show how much is left. */
export async function countTransfers(path: string): Promise<number> {
  let count = 0;
  for await (const line of readLines(path)) if (line.kind === 'transfer' || line.kind === 'opening') count++;
  return count;
}
