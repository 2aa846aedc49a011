import { createHash, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import type { AuditSource } from '../../audit/audit-source.ts';
import type { LogHead, StoredRow } from '../../journal/sealed/sealed-rows.ts';
import {
  BadExport,
  type ExportedFile,
  FILES,
  type FileFacts,
  type Manifest,
  pathOf,
  writeManifest,
} from './manifest.ts';

const LOG_PAGE = { rows: 200, bytes: 4 * 1024 * 1024 };

/** A file of one JSON value per line. */
class LineFile {
  readonly #stream: WriteStream;
  readonly #hash = createHash('sha256');
  #lines = 0;
  #bytes = 0;

  constructor(directory: string, file: ExportedFile) {
    this.#stream = createWriteStream(pathOf(directory, file), { flags: 'wx', mode: 0o600 });
    // The error is thrown by the next write, or at the end.
    this.#stream.on('error', () => {});
  }

  async write(values: readonly unknown[]): Promise<void> {
    if (values.length === 0) return;
    const text = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
    this.#hash.update(text);
    this.#lines += values.length;
    this.#bytes += text.length;
    if (this.#stream.errored) throw this.#stream.errored;
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }

  async end(): Promise<FileFacts> {
    if (this.#stream.errored) throw this.#stream.errored;
    this.#stream.end();
    await once(this.#stream, 'close');
    if (this.#stream.errored) throw this.#stream.errored;
    return { lines: this.#lines, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}

/**
 * Writes everything that an audit needs into a new directory, page by page. @throws BadExport if the directory is not
 * empty
 */
export async function exportTo(
  directory: string,
  source: AuditSource,
  privateKey: KeyObject,
): Promise<Manifest['files']> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readdir(directory)).length > 0) throw new BadExport(`${directory} is not empty`);
  const files = Object.fromEntries(FILES.map((file) => [file, new LineFile(directory, file)])) as Record<
    ExportedFile,
    LineFile
  >;
  const createdAt = new Date().toISOString();
  const scope = await source.begin();
  await files.calendar.write([...(await source.calendar())]);
  const moment = await source.atOneMoment(async (view) => {
    await files.waiting.write(view.waiting);
    for await (const page of view.accounts()) await files.accounts.write(page);
    for await (const page of view.holds()) await files.holds.write(page);
    return view.head;
  });
  for await (const page of source.items(scope.at)) await files.items.write(page);
  // The log is read last: it contains the entries of all rows that were exported.
  await exportLog(source, files.log);
  const facts = {} as Record<ExportedFile, FileFacts>;
  for (const file of FILES) facts[file] = await files[file].end();
  await writeManifest(directory, { createdAt, scope, moment, files: facts }, privateKey);
  return facts;
}

async function exportLog(source: AuditSource, file: LineFile): Promise<void> {
  const end: LogHead = await source.atOneMoment(async ({ head }) => head);
  for (let after = 0; after < end.position; ) {
    const rows = await source.stored(after, LOG_PAGE);
    const last = rows.at(-1);
    if (!last) return;
    await file.write(rows.map(exportedRow));
    after = last.position;
  }
}

/** A row of the log, with its payload in base64. */
export type ExportedRow = Omit<StoredRow, 'payload'> & { payload: string };
const exportedRow = (row: StoredRow): ExportedRow => ({ ...row, payload: row.payload.toString('base64') });
