import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { FileError } from './payment.ts';

const BLOCK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * A file that is read twice: first to check it, then to send it. The second reading compares each block with the first, so
 * that nothing is sent that was not checked.
 */
export class SourceFile implements AsyncDisposable {
  readonly path: string;
  readonly #handle: FileHandle;
  /** The digests of the blocks, once the file has been read to its end. */
  #digests: readonly string[] | null = null;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** @throws FileError if it is not a regular file that can be read */
  static async open(path: string): Promise<SourceFile> {
    try {
      const handle = await open(path, 'r');
      if ((await handle.stat()).isFile()) return new SourceFile(path, handle);
      await handle.close();
    } catch (error) {
      throw new FileError(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
    }
    throw new FileError(`${path} is not a regular file, and the import reads it twice.`);
  }

  /** Identifies the content. @throws Error before the file has been read to its end */
  get digest(): string {
    if (this.#digests === null) throw new Error('the file has not been read yet');
    return createHash('sha256').update(this.#digests.join()).digest('hex');
  }

  /** The beginning of the file, without a byte order mark. @throws FileError */
  async start(): Promise<string> {
    for await (const text of this.text()) return text;
    return '';
  }

  /**
   * The text of the file, block by block, without a byte order mark.
   * @throws FileError with the line if it is not UTF-8; Error if it has changed since it was first read, because some of it
   * may have been sent by then
   */
  async *text(): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true });
    const digests: string[] = [];
    let lines = 0;
    let position = 0;
    for (;;) {
      const { buffer, bytesRead } = await this.#handle.read(Buffer.allocUnsafe(BLOCK_BYTES), 0, BLOCK_BYTES, position);
      const block = buffer.subarray(0, bytesRead);
      if (bytesRead > 0) {
        digests.push(createHash('sha256').update(block).digest('hex'));
        this.#compare(digests);
      }
      if (position === 0) this.#refuseUtf16(block);
      const text = this.#decoded(decoder, block, bytesRead > 0, lines);
      if (text.includes('\0')) throw new FileError(`${this.path} contains a NUL character; it must be text in UTF-8.`);
      if (text !== '') yield text;
      if (bytesRead === 0) break;
      position += bytesRead;
      lines += newlinesIn(block);
    }
    if (this.#digests !== null && this.#digests.length !== digests.length) throw this.#changed();
    this.#digests = digests;
  }

  #compare(digests: readonly string[]): void {
    const index = digests.length - 1;
    if (this.#digests !== null && this.#digests[index] !== digests[index]) throw this.#changed();
  }

  #changed(): Error {
    return new Error(`${this.path} was changed while it was being imported. Run the command again.`);
  }

  #refuseUtf16(block: Uint8Array): void {
    const [first, second] = block;
    if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
      throw new FileError(`${this.path} is in UTF-16; save it in UTF-8.`);
  }

  #decoded(decoder: InstanceType<typeof TextDecoder>, block: Uint8Array, stream: boolean, linesBefore: number): string {
    try {
      return decoder.decode(block, { stream });
    } catch {
      throw new FileError(`${this.path}:${linesBefore + invalidLine(block)}: not UTF-8; save the file in UTF-8.`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

function newlinesIn(block: Uint8Array): number {
  let count = 0;
  for (let at = block.indexOf(NEWLINE); at !== -1; at = block.indexOf(NEWLINE, at + 1)) count++;
  return count;
}

/** The first line of a block, counted from 1, that is not UTF-8. A newline is never a part of another character. */
function invalidLine(block: Uint8Array): number {
  let line = 1;
  // The block may begin with the rest of a character.
  let from = block.findIndex((byte) => (byte & 0xc0) !== 0x80);
  for (let at = block.indexOf(NEWLINE, from); at !== -1; at = block.indexOf(NEWLINE, from)) {
    if (!isUtf8(block.subarray(from, at))) return line;
    line++;
    from = at + 1;
  }
  return line;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
