import { write, writeSync } from 'node:fs';
import { withoutBlocking } from './writable.ts';

/** A destination for log lines, each with its line break. Writing never blocks and never throws. */
export interface Lines {
  write(line: string): void;
  /** Writes the buffered lines before it returns, as far as the descriptor accepts them within a second or two. */
  flushSync(): void;
}

/**
 * Maximum size of the buffer, in which lines wait while the reader is slow. Beyond this limit they are dropped and
 * counted, because the tail needs the memory.
 */
const BUFFERED_CHARS_MAX = 16 * 1024 * 1024;
const WRITE_AT_CHARS = 16 * 1024;
const WRITE_AFTER_MS = 20;
const FLUSH_MS_MAX = 1000;
/**
 * Delay between attempts while the reader is slow, ms; it doubles from the minimum to the maximum
 * while nothing is read.
 */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 20;

/**
 * Writes lines to a file descriptor, buffered and in the background, one write in flight at a time. This replaces
 * sonic-boom, pino's own writer: on a full disk its `flushSync`, which pino runs at every exit, retries forever.
 *
 * If a reader stops reading, log lines are lost, but the process is not blocked: writes to pipes and terminals do
 * not block, because a blocked write occupies its thread, and the process waits for its threads when it exits.
 *
 * @param dropped called with the number of lines lost because the buffer was full or the descriptor rejected them
 */
export function linesTo(descriptor: number, dropped: (lines: number) => void): Lines {
  const { fd, blocking } = withoutBlocking(descriptor);
  /**
   * Asynchronous writes in a thread are used only where necessary, because `flushSync` cannot complete or count them. A
   * write to a file is always complete.
   */
  const writeSome = blocking ? writeInThread : writeAtOnce;
  let pending = '';
  /** The rest of a write that did not fit, because the descriptor was full. It is written first. */
  let unwritten: Buffer = Buffer.alloc(0);
  let writing = false;
  let scheduled = false;
  let retryMs = RETRY_MS_MIN;

  const writeLater = (ms: number) => {
    if (scheduled) return;
    scheduled = true;
    setTimeout(() => {
      scheduled = false;
      writeNow();
    }, ms).unref(); // The timer does not keep the process alive, because the flush at exit writes the same lines.
  };
  const take = (): Buffer => {
    const chunk = unwritten.length > 0 ? unwritten : Buffer.from(pending);
    if (unwritten.length > 0) unwritten = Buffer.alloc(0);
    else pending = '';
    return chunk;
  };
  const writeNow = () => {
    if (writing || unwritten.length + pending.length === 0) return;
    writing = true;
    const chunk = take();
    writeSome(fd, chunk, (error, written) => {
      writing = false;
      const full = error?.code === 'EAGAIN';
      if (error && !full) dropped(linesIn(chunk, 0));
      else if (written < chunk.length) unwritten = chunk.subarray(written);
      retryMs = full ? Math.min(retryMs * 2, RETRY_MS_MAX) : RETRY_MS_MIN;
      if (unwritten.length > 0) writeLater(retryMs);
      else if (!error && pending.length >= WRITE_AT_CHARS) writeNow();
      else if (pending.length > 0) writeLater(WRITE_AFTER_MS);
    });
  };
  const flushSync = () => {
    const deadline = performance.now() + FLUSH_MS_MAX;
    while (unwritten.length + pending.length > 0) {
      const chunk = take();
      const written = writeAllSync(fd, chunk, deadline);
      if (written < chunk.length) dropped(linesIn(chunk, written));
    }
  };

  process.on('exit', flushSync);
  return {
    write(line) {
      if (unwritten.length + pending.length + line.length > BUFFERED_CHARS_MAX) return dropped(1);
      pending += line;
      if (pending.length >= WRITE_AT_CHARS && unwritten.length === 0) writeNow();
      else writeLater(WRITE_AFTER_MS);
    },
    flushSync,
  };
}

type Written = (error: NodeJS.ErrnoException | null, bytes: number) => void;

function writeInThread(fd: number, chunk: Buffer, done: Written): void {
  write(fd, chunk, done);
}

function writeAtOnce(fd: number, chunk: Buffer, done: Written): void {
  let written: number;
  try {
    written = writeSync(fd, chunk);
  } catch (error) {
    done(error as NodeJS.ErrnoException, 0);
    return;
  }
  done(null, written);
}

/**
 * @returns the number of bytes written, which is less than the number given if the descriptor fails or is still full at
 * the deadline
 */
function writeAllSync(fd: number, chunk: Buffer, deadline: number): number {
  let offset = 0;
  while (offset < chunk.length) {
    try {
      offset += writeSync(fd, chunk, offset);
    } catch (error) {
      const full = (error as NodeJS.ErrnoException).code === 'EAGAIN';
      if (!full || performance.now() > deadline) break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS_MAX);
    }
  }
  return offset;
}

function linesIn(chunk: Buffer, offset: number): number {
  return chunk.toString('latin1', offset).split('\n').length - 1;
}
