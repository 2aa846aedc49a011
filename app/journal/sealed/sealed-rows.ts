import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { brotliCompressSync, brotliDecompress, constants } from 'node:zlib';
import { IntegrityError } from '../integrity-error.ts';
import { decodeEntry } from './entry-decoder.ts';
import { type LinePage, linesIn } from './line-pages.ts';
import type { SealedRow } from './sealed-entry.ts';

/** The format of the rows and of their hashes. */
export const LOG_FORMAT = 1;

/** The end of the log, to which the next row is chained. */
export interface LogHead {
  /** 0 if the log is empty. */
  position: number;
  /** Hexadecimal; zeros if the log is empty. */
  hash: string;
  /** ms since 1970 by MySQL's clock. */
  sealedAt: number;
}
export const EMPTY_LOG_HASH = '0'.repeat(64);

/** The content of a row, before it has a place in the log. */
export interface RowContent {
  entries: number;
  /** Size before compression. */
  bytes: number;
  /** The lines, separated by line feeds, compressed with Brotli. */
  payload: Buffer;
  /** SHA-256 of the payload before compression, hexadecimal. */
  contentHash: string;
  /** Where the entries come from: hints, because the seqs of a late recovery are below those of earlier rows. */
  epoch: number;
  firstSeq: number;
  lastSeq: number;
}

/** A row as it is stored. */
export interface StoredRow extends Omit<RowContent, 'contentHash'>, LogHead {
  format: number;
  previousHash: string;
}

const decompress = promisify(brotliDecompress);
/**
 * A higher quality takes several times as long, but saves only a tenth of the size, because most of the content is
 * random ids and hashes. A larger window saves nothing, and uses more of the CPU's cache.
 */
const PARAMS = { [constants.BROTLI_PARAM_QUALITY]: 1, [constants.BROTLI_PARAM_LGWIN]: 16 };
/** With the default chunk size, 16 KiB, the result of a page would be assembled from several chunks. */
const CHUNK_BYTES_MIN = 1024;
const compress = (bytes: Buffer): Buffer =>
  brotliCompressSync(bytes, { params: PARAMS, chunkSize: Math.max(CHUNK_BYTES_MIN, bytes.length) });

/**
 * The rows of these pages, in order. Compression runs in this thread, and takes half a millisecond per 1,000 transfers;
 * passing them to another thread would cost a third more. @param from the origin of all of them
 */
export const contentsOf = (
  pages: readonly LinePage[],
  from: Pick<RowContent, 'epoch' | 'firstSeq' | 'lastSeq'>,
): RowContent[] =>
  pages.map(({ bytes, lines }) => ({
    ...from,
    entries: lines,
    bytes: bytes.length,
    payload: compress(bytes),
    contentHash: sha256(bytes),
  }));

const sha256 = (data: string | Buffer): string => hash('sha256', data, 'hex');

/** Chains a row to the end of the log. @param now MySQL's clock, ms */
export function chained(content: RowContent, head: LogHead, now: number): StoredRow {
  const { contentHash, ...rest } = content;
  const row = {
    ...rest,
    format: LOG_FORMAT,
    position: head.position + 1,
    previousHash: head.hash,
    sealedAt: Math.max(now, head.sealedAt),
  };
  return { ...row, hash: hashOf(row, contentHash) };
}

/**
 * SHA-256 of a JSON array in UTF-8: the format, the hash of the previous row, all other columns, and the SHA-256 of the
 * payload before compression.
 */
function hashOf(row: Omit<StoredRow, 'hash' | 'payload'>, contentHash: string): string {
  const { format, previousHash, position, epoch, firstSeq, lastSeq, entries, bytes, sealedAt } = row;
  const columns = [position, epoch, firstSeq, lastSeq, entries, bytes, sealedAt];
  return sha256(JSON.stringify(['holdfast-log', format, previousHash, ...columns, contentHash]));
}

/** The lines of the entries of a row. @throws IntegrityError if the payload cannot be read */
export async function linesOf(stored: StoredRow): Promise<string[]> {
  return linesIn({ bytes: await contentOf(stored) });
}

/** The row with its entries. @throws IntegrityError if the payload cannot be read */
export async function openedRow(stored: StoredRow): Promise<SealedRow> {
  const { position, sealedAt, hash } = stored;
  const lines = await linesOf(stored);
  try {
    return { position, sealedAt, hash, entries: lines.map(decodeEntry) };
  } catch (error) {
    throw new IntegrityError(`row ${position} of the log cannot be decoded`, { cause: error });
  }
}

async function contentOf({ position, format, bytes, payload }: StoredRow): Promise<Buffer> {
  if (format !== LOG_FORMAT) throw new IntegrityError(`row ${position} of the log has the unknown format ${format}`);
  try {
    return await decompress(payload, { maxOutputLength: Math.max(1, bytes) });
  } catch (error) {
    throw new IntegrityError(`row ${position} of the log cannot be decompressed`, { cause: error });
  }
}

/** The first fault of a log. */
export interface ChainFault {
  position: number;
  problem: 'missing' | 'order' | 'previous_hash' | 'time' | 'payload' | 'hash' | 'entries';
}

/**
 * Checks that stored rows continue the log after a head, which was checked before or is known from elsewhere.
 * @param rows in the order in which they were read
 * @returns the new head, or the first fault
 */
export async function verifyRows(head: LogHead, rows: readonly StoredRow[]): Promise<{ head: LogHead } | ChainFault> {
  let last = head;
  for (const row of rows) {
    const fault = await faultOf(row, last);
    if (fault) return fault;
    last = { position: row.position, hash: row.hash, sealedAt: row.sealedAt };
  }
  return { head: last };
}

async function faultOf(row: StoredRow, { position, hash, sealedAt }: LogHead): Promise<ChainFault | null> {
  const next = position + 1;
  if (row.position > next) return { position: next, problem: 'missing' };
  if (row.position < next) return { position: row.position, problem: 'order' };
  if (row.previousHash !== hash) return { position: next, problem: 'previous_hash' };
  if (row.sealedAt < sealedAt) return { position: next, problem: 'time' };
  const content = await contentOf(row).catch(() => null);
  if (content === null || content.length !== row.bytes) return { position: next, problem: 'payload' };
  if (hashOf(row, sha256(content)) !== row.hash) return { position: next, problem: 'hash' };
  return linesIn({ bytes: content }).length === row.entries ? null : { position: next, problem: 'entries' };
}
