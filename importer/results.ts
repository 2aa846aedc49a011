import { createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { FileError } from './payment.ts';
import { type RowState, RowStates, STATES } from './row-states.ts';

/** The outcome of a row. */
export interface RowResult {
  row: number;
  /** Empty for an invalid row. */
  transactionId: string;
  state: RowState;
  /** The HTTP status; null for an invalid row, which was not sent. */
  status: number | null;
  /** The code of a problem; empty for a success. */
  code: string;
  /** The balance of the source account after the transfer, if the key may read it. */
  balance: string;
  detail: string;
}

const HEADER = 'row,transactionId,result,status,code,balance,detail';
const NEWLINE = 0x0a;
const LINE_BYTES_MAX = 16_384;
const WRITE_CHARS = 1024 * 1024;
const BLOCK_BYTES = 32 * 1024;
const BLOCKS_MAX = 256;

/**
 * The results file: a line for each row as soon as it has an outcome, in the order of the outcomes. If a row has
 * several lines, the last one counts. If a line is lost because the process is killed, its row is sent again, which
 * returns the same outcome. When all rows have a line, the file is sorted.
 */
export class ResultFile implements AsyncDisposable {
  readonly path: string;
  readonly states: RowStates;
  readonly #handle: FileHandle;
  readonly #isNew: boolean;
  #isEmpty = true;
  #pending: string[] = [];
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(path: string, handle: FileHandle, isNew: boolean, states: RowStates) {
    this.path = path;
    this.states = states;
    this.#handle = handle;
    this.#isNew = isNew;
  }

  /** Opens the file, and reads its contents. @throws FileError if it is not a results file */
  static async open(path: string): Promise<ResultFile> {
    const handle = await open(path, 'a+');
    try {
      // Nothing is changed until it is certain that this is a results file.
      await requireHeader(handle, path);
      const states = new RowStates();
      for await (const { row, transactionId, state } of lines(path)) states.set(row, state, transactionId);
      const size = await completeLines(handle);
      await handle.truncate(size);
      const file = new ResultFile(path, handle, size === 0, states);
      if (size === 0) file.#append(`${HEADER}\n`);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** @throws Error if earlier lines could not be written, for example because the disk is full */
  add(result: RowResult): void {
    if (this.#failure !== null) throw this.#failure;
    this.#isEmpty = false;
    this.states.set(result.row, result.state, result.transactionId);
    this.#append(lineOf(result));
  }

  /** Lines of the same turn of the event loop are written together. */
  #append(line: string): void {
    this.#pending.push(line);
    if (this.#pending.length > 1) return;
    this.#writing = this.#writing.then(async () => {
      const text = this.#pending.join('');
      this.#pending = [];
      await this.#handle.appendFile(text);
    });
    this.#writing.catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Waits until all lines are in the file. @throws Error if they cannot be written, for example because the disk is full */
  async written(): Promise<void> {
    await this.#writing;
    if (this.#failure !== null) throw this.#failure;
  }

  /** Replaces the file with one that has only the last line of each row, in the order of the rows. */
  async sort(rows: number): Promise<void> {
    await this.written();
    const places = new Float64Array(rows + 1);
    for await (const { row, at } of lines(this.path)) if (row <= rows) places[row] = at;
    const temporary = `${this.path}.tmp`;
    const out = await open(temporary, 'w');
    try {
      const reader = new LineReader(this.#handle);
      let text = `${HEADER}\n`;
      for (const at of places) {
        if (at > 0) text += await reader.line(at);
        if (text.length > WRITE_CHARS) {
          await out.appendFile(text);
          text = '';
        }
      }
      await out.appendFile(text);
      await out.sync();
    } finally {
      await out.close();
    }
    await rename(temporary, this.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => {});
    await this.#handle.close();
    await rm(`${this.path}.tmp`, { force: true });
    if (this.#isNew && this.#isEmpty) await rm(this.path, { force: true });
  }
}

/** RFC 4180; each result is one line. */
function lineOf({ row, transactionId, state, status, code, balance, detail }: RowResult): string {
  const cells = [row, transactionId, state, status ?? '', code, balance, detail.replace(/\p{Cc}+/gu, ' ')];
  return `${cells.map((cell) => quoted(String(cell))).join(',')}\n`;
}

const quoted = (cell: string): string => (/[",]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** The length of the file without an incomplete last line, which a killed process may leave behind. */
async function completeLines(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat();
  const from = Math.max(0, size - LINE_BYTES_MAX);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - from), 0, size - from, from);
  const last = buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE);
  if (size > 0 && last === -1 && from > 0) throw new FileError('The results file has no complete line.');
  return last === -1 ? 0 : from + last + 1;
}

/** @throws FileError if the file has content other than a header or a part of one */
async function requireHeader(handle: FileHandle, path: string): Promise<void> {
  const expected = `${HEADER}\n`;
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(expected.length), 0, expected.length, 0);
  if (!expected.startsWith(buffer.toString('latin1', 0, bytesRead))) throw foreign(path);
}

interface Line {
  row: number;
  transactionId: string;
  state: RowState;
  /** The offset at which the line begins, in bytes. */
  at: number;
}

/**
 * The lines of a results file, block by block. No cell contains a newline, and the first three contain no quotes.
 * @throws FileError for a file that the import did not write
 */
async function* lines(path: string): AsyncGenerator<Line> {
  let rest = '';
  let at = 0;
  for await (const block of createReadStream(path, { encoding: 'utf8', highWaterMark: BLOCK_BYTES })) {
    const complete = `${rest}${block}`.split('\n');
    rest = complete.pop() ?? '';
    if (rest.length > LINE_BYTES_MAX) throw foreign(path);
    for (const line of complete) {
      if (at > 0) yield lineAt(line, at, path);
      else if (line !== HEADER) throw foreign(path);
      at += Buffer.byteLength(line) + 1;
    }
  }
}

function lineAt(line: string, at: number, path: string): Line {
  const [row = '', transactionId = '', state = ''] = line.split(',', 3);
  const known = STATES.find((other) => other === state);
  if (!/^[1-9]\d{0,7}$/.test(row) || !known) throw foreign(path);
  return { row: Number(row), transactionId, state: known, at };
}

const foreign = (path: string): FileError =>
  new FileError(`${path} is not a results file that the import wrote. Name another one with --results.`);

/**
 * Reads lines at given offsets. The results of a request are next to each other, so a cached block serves many lines,
 * in whatever order the requests were answered.
 */
class LineReader {
  readonly #handle: FileHandle;
  /** The most recently used blocks, by number. */
  readonly #blocks = new Map<number, Buffer>();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async line(at: number): Promise<string> {
    const parts: Buffer[] = [];
    for (let number = Math.floor(at / BLOCK_BYTES), from = at % BLOCK_BYTES; ; number++, from = 0) {
      const block = this.#blocks.get(number) ?? (await this.#read(number));
      const end = block.indexOf(NEWLINE, from);
      parts.push(block.subarray(from, end === -1 ? undefined : end + 1));
      if (end !== -1) return Buffer.concat(parts).toString('utf8');
      if (block.length < BLOCK_BYTES) throw new Error(`no complete line at ${at}`);
    }
  }

  async #read(number: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(
      Buffer.allocUnsafe(BLOCK_BYTES),
      0,
      BLOCK_BYTES,
      number * BLOCK_BYTES,
    );
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size >= BLOCKS_MAX && oldest !== undefined) this.#blocks.delete(oldest);
    this.#blocks.set(number, buffer.subarray(0, bytesRead));
    return buffer.subarray(0, bytesRead);
  }
}
