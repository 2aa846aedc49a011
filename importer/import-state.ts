import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { FileError } from './payment.ts';

/** What a later run of the same import must know. Written before the first payment is sent. */
export interface ImportState {
  version: 1;
  /** The scope from which transaction ids are derived. */
  scope: string;
  batchId: string;
  /** The digest of the content of the file. */
  fileDigest: string;
  rows: number;
  /** The URLs of the ledger that gave all results; empty if they may be of several ledgers or versions of the file. */
  urls: readonly string[];
  /** The URLs to which rows were last sent; absent in files of earlier releases. */
  sentTo?: readonly string[];
}

/** The state of the import whose results are in that file, or null if there is none. @throws FileError if it is damaged */
export async function readState(path: string): Promise<ImportState | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const state = JSON.parse(text) as ImportState;
    const { version, scope, batchId, rows } = state;
    if (version === 1 && typeof scope === 'string' && typeof batchId === 'string' && Number.isInteger(rows))
      return state;
  } catch {
    // The error below covers this, too.
  }
  throw new FileError(`${path} is damaged, and without it the transaction ids are not known.`);
}

/** Replaces the whole state, and returns only once it is on the disk. */
export async function writeState(path: string, state: ImportState): Promise<void> {
  const temporary = `${path}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(state, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  // The rename is durable only when the directory is synced, too.
  const folder = await open(dirname(path));
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
