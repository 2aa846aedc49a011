import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { AuditedAccount, AuditedHold, AuditSource, MomentView } from '../../audit/audit-source.ts';
import type { BookItem } from '../../audit/book-items.ts';
import type { Windows } from '../../domain/limits.ts';
import type { StoredRow } from '../../journal/sealed/sealed-rows.ts';
import type { ExportedRow } from './export.ts';
import { BadExport, type ExportedFile, type Manifest, pathOf } from './manifest.ts';

const PAGE = 500;

/** The books and the log in exported files. They are read page by page. */
export class ExportedBooks implements AuditSource {
  readonly #directory: string;
  readonly #manifest: Manifest;
  #log: LogFile;

  constructor(directory: string, manifest: Manifest) {
    this.#directory = directory;
    this.#manifest = manifest;
    this.#log = new LogFile(pathOf(directory, 'log'));
  }

  begin: AuditSource['begin'] = async () => this.#manifest.scope;

  /** A pass over the log reads the file once; another pass begins again. */
  stored: AuditSource['stored'] = async (after, max) => {
    if (this.#log.position > after) {
      await this.#log[Symbol.asyncDispose]();
      this.#log = new LogFile(pathOf(this.#directory, 'log'));
    }
    return this.#log.rowsAfter(after, max);
  };

  items: AuditSource['items'] = () => this.#pages<BookItem>('items');

  calendar: AuditSource['calendar'] = () => this.#all<Windows>('calendar');

  async atOneMoment<T>(work: (view: MomentView) => Promise<T>): Promise<T> {
    return work({
      head: this.#manifest.moment,
      // An export ends at the end of the log.
      beyond: null,
      waiting: await this.#all<string>('waiting'),
      accounts: () => this.#pages<AuditedAccount>('accounts'),
      holds: () => this.#pages<AuditedHold>('holds'),
    });
  }

  async #all<T>(file: ExportedFile): Promise<T[]> {
    const all: T[] = [];
    for await (const page of this.#pages<T>(file)) all.push(...page);
    return all;
  }

  async *#pages<T>(file: ExportedFile): AsyncIterable<T[]> {
    let page: T[] = [];
    for await (const value of valuesIn<T>(pathOf(this.#directory, file))) {
      page.push(value);
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#log[Symbol.asyncDispose]();
  }
}

/** The rows of the log, read once from the beginning to the end. */
class LogFile implements AsyncDisposable {
  readonly #rows: AsyncGenerator<ExportedRow>;
  /** The position of the last row that was read. */
  position = 0;

  constructor(path: string) {
    this.#rows = valuesIn<ExportedRow>(path);
  }

  /** The next rows after a position; at least one row, if there is any. */
  async rowsAfter(after: number, max: { rows: number; bytes: number }): Promise<StoredRow[]> {
    const rows: StoredRow[] = [];
    for (let bytes = 0; rows.length < max.rows && bytes < max.bytes; ) {
      const row = await this.#read();
      if (!row) break;
      if (row.position <= after) continue;
      rows.push(row);
      bytes += row.bytes;
    }
    this.position = rows.at(-1)?.position ?? this.position;
    return rows;
  }

  async #read(): Promise<StoredRow | null> {
    const { value, done } = await this.#rows.next();
    return done ? null : { ...value, payload: Buffer.from(value.payload, 'base64') };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rows.return(undefined);
  }
}

async function* valuesIn<T>(path: string): AsyncGenerator<T> {
  const input = createReadStream(path);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const line of lines) yield JSON.parse(line) as T;
  } catch (error) {
    throw new BadExport(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    lines.close();
    input.destroy();
  }
}
